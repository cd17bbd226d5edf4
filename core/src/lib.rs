//! The contract for event stores and the typed layer of annals.
//!
//! Users depend on the facade `annals`, which re-exports all of this; authors of stores depend on
//! this crate. It knows no database.

mod aggregate;
mod clock;
mod event;
mod follow;
pub mod followers;
mod forward;
mod history_check;
mod idempotency_key;
mod ids;
mod metadata;
mod observe;
mod panic;
mod position;
mod report;
mod repository;
mod snapshot;
mod store;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod version;

#[cfg(feature = "metrics")]
pub use self::observe::describe_metrics;
pub use self::{
    aggregate::{Aggregate, Context},
    clock::{Clock, SystemClock},
    event::{
        DecodeError, EncodeError, Event, EventData, EventShape, EventType, IntoUpcasts,
        InvalidEventType, InvalidPayload, NewEvent, Payload, Recorded, RecordedEvent, Shape,
        ShapeChange, UnknownShape, Unreadable, Upcast,
    },
    followers::{
        Batch, Columns, CommandRefused, Cursor, FailurePolicy, Follower, FollowerStatus,
        FollowerStore, FollowerStoreExt, Followers, HandlerError, Options, Page, Projection, Query,
        Reaction, Reactor, ReadError, ReadModel, Reader, Running, Start, StartError, VerifyError,
        WaitError,
    },
    history_check::{BrokenFold, HistoryCheck, HistoryReport, UnreadableKind, WrongSnapshots},
    idempotency_key::IdempotencyKey,
    ids::{CausationId, CorrelationId, EventId, IdGenerator, UuidV7},
    metadata::{Cause, Extra, Metadata},
    position::Position,
    repository::{AsOf, Change, CommandError, Execute, Executed, Loaded, Repository, RetryPolicy},
    snapshot::{Snapshot, SnapshotPolicy},
    store::{
        AppendError, Appended, Conflict, Direction, EventStore, EventStoreExt, ExpectedVersion,
        Filter, ReadAll, ReadStream, RecordedEvents, Refusal, SnapshotStore, StoreError,
        StoredSnapshot, StreamAppend,
    },
    stream::{InvalidStreamId, StreamId},
    version::Version,
};
pub use futures_util::{StreamExt, TryStreamExt};

/// What `#[derive(Event)]` and `forward!` expand to; not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::{event::codec, forward::Answer};
}
