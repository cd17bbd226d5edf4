//! The contract for event stores and the typed layer of annals.
//!
//! Users depend on the facade `annals`, which re-exports all of this; authors of stores depend on
//! this crate. It knows no database.

mod aggregate;
mod clock;
mod event;
mod follow;
mod ids;
mod metadata;
mod position;
mod repository;
mod store;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod version;

pub use self::{
    aggregate::{Aggregate, Context},
    clock::{Clock, SystemClock},
    event::{
        DecodeError, EncodeError, Event, EventData, EventId, EventType, IntoUpcasts, InvalidEventType,
        InvalidPayload, NewEvent, Payload, Recorded, RecordedEvent, Unreadable, Upcast,
    },
    follow::EventStoreExt,
    ids::{Ids, TimeOrderedIds},
    metadata::{CausationId, CorrelationId, Metadata},
    position::Position,
    repository::{AsOf, Change, CommandError, Executed, Execution, Loaded, Repository, RetryPolicy},
    store::{
        Append, AppendError, Appended, Conflict, Direction, EventStore, EventStream, Filter, ReadAll,
        ReadStream, Refusal, StoreError,
    },
    stream::{InvalidStreamId, StreamId},
    version::{ExpectedVersion, Version},
};
pub use futures_util::{StreamExt, TryStreamExt};

/// What `#[derive(Event)]` expands to; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::event::codec;
}
