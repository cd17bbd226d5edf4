//! A shared store is a store.
#![deny(clippy::missing_trait_methods)]

use std::{pin::Pin, sync::Arc};

use super::{
    AppendError, Appended, EventStore, ReadAll, ReadStream, RecordedEvents, SnapshotStore,
    StoreError, StoredSnapshot, StreamAppend,
};
use crate::{EventId, Position, StreamId, Version};

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

        impl<S: SnapshotStore + ?Sized> SnapshotStore for $pointer {
            fn read_from_snapshot<'a, 'b, 'c>(
                &'a self,
                stream: &'b StreamId,
                fold_version: u32,
            ) -> Answer<'c, Result<(Option<StoredSnapshot>, RecordedEvents), StoreError>>
            where
                'a: 'c,
                'b: 'c,
                Self: 'c,
            {
                (**self).read_from_snapshot(stream, fold_version)
            }

            fn save_snapshot<'a, 'b, 'c>(
                &'a self,
                snapshot: &'b StoredSnapshot,
            ) -> Answer<'c, Result<bool, StoreError>>
            where
                'a: 'c,
                'b: 'c,
                Self: 'c,
            {
                (**self).save_snapshot(snapshot)
            }

            fn version_of<'a, 'b, 'c>(
                &'a self,
                stream: &'b StreamId,
                id: EventId,
            ) -> Answer<'c, Result<Option<Version>, StoreError>>
            where
                'a: 'c,
                'b: 'c,
                Self: 'c,
            {
                (**self).version_of(stream, id)
            }
        }
    };
}

forward!(Arc<S>);
forward!(Box<S>);
