//! A shared store is a store.
#![deny(clippy::missing_trait_methods)]

use std::{pin::Pin, sync::Arc};

use super::{
    AppendError, Appended, EventStore, ReadAll, ReadStream, RecordedEvents, StoreError,
    StreamAppend,
};
use crate::Position;

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Written in the form that `#[async_trait]` gives a method, so that the inner store's future is
/// passed on as it is and not boxed a second time.
macro_rules! forward {
    ($pointer:ty) => {
        impl<S: EventStore + ?Sized> EventStore for $pointer {
            fn append<'a, 'b>(
                &'a self,
                appends: Vec<StreamAppend>,
            ) -> Answer<'b, Result<Vec<Appended>, AppendError>>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).append(appends)
            }

            fn read_stream(&self, read: ReadStream) -> RecordedEvents {
                (**self).read_stream(read)
            }

            fn read_all(&self, read: ReadAll) -> RecordedEvents {
                (**self).read_all(read)
            }

            fn head<'a, 'b>(&'a self) -> Answer<'b, Result<Position, StoreError>>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).head()
            }

            fn wait_for_head<'a, 'b>(
                &'a self,
                position: Position,
            ) -> Answer<'b, Result<Position, StoreError>>
            where
                'a: 'b,
                Self: 'b,
            {
                (**self).wait_for_head(position)
            }
        }
    };
}

forward!(Arc<S>);
forward!(Box<S>);
