//! The contract between annals and the stores.

mod append;
mod error;
mod expected_version;
mod ext;
mod forward;
mod read;
mod snapshot;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

pub use self::{
    append::{AppendError, Appended, StreamAppend},
    error::{Refusal, StoreError},
    expected_version::{Conflict, ExpectedVersion},
    ext::EventStoreExt,
    read::{Direction, Filter, ReadAll, ReadStream},
    snapshot::{SnapshotStore, StoredSnapshot},
};
use crate::{Position, RecordedEvent};

/// Events as a store gives them, one by one. The stream holds a bounded number of them at a time,
/// whatever the length of the history, and ends where the history ended when its last page was read.
pub type RecordedEvents = BoxStream<'static, Result<RecordedEvent, StoreError>>;

/// A versioned event store with one global order: what an author of a store implements.
///
/// Users rarely call it: they run commands through a [`Repository`](crate::Repository) and follow the
/// global stream through [`EventStoreExt`](crate::EventStoreExt). Every store passes the conformance
/// suite, `annals::testing::conformance` (feature `testing`), which has a case for each of these rules:
///
/// - **Streams.** A stream is the versions 1 to n without a hole. An append is all or nothing.
/// - **Global order.** Once a reader has been handed position p, nothing at or below p becomes visible
///   later. Positions rise strictly; gaps may exist and mean nothing.
/// - **Causality.** If append B begins after append A was acknowledged, A's positions are lower.
/// - **Idempotence.** An append whose events are all stored already, one after the other in the same streams,
///   stores nothing and answers like the first time, whatever version it expects. An event id that is
///   stored elsewhere is [refused](Refusal::EventIdTaken).
/// - **Lossless.** What is read equals what was appended, a payload as a JSON value: white space and the
///   order of keys may change, but `1e17` is a float and `100000000000000000` is not.
///
/// The trait is object-safe: `Arc<dyn EventStore>` is an `EventStore`, too. A store is shared by many
/// tasks, and a future of it may be dropped at any time: an append then has happened in whole or not
/// at all.
///
/// Implement it with the crate `async-trait`. A store that stands in front of another leaves methods to it by
/// [`forward!`](crate::forward!), where there is an example.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Appends to one stream or, atomically, to several, and answers for each in the same order.
    ///
    /// The events get their positions in the order given. An [`StreamAppend`] without events stores nothing
    /// but must meet its expected version like any other: it guards the append of the others.
    ///
    /// # Errors
    /// - [`AppendError::Conflict`] when a stream is not at the version expected of it,
    /// - [`StoreError::Refused`] when the request can never be stored as it is; [`StreamAppend::check`] holds
    ///   the rules that are common to all stores,
    /// - any other [`StoreError`] when the store failed.
    ///
    /// After each of them but [`StoreError::OutcomeUnknown`] nothing of the request is stored.
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError>;

    /// Reads one stream, forwards or backwards. A stream that does not exist has no events.
    fn read_stream(&self, read: ReadStream) -> RecordedEvents;

    /// Reads the global stream, in the order of positions.
    fn read_all(&self, read: ReadAll) -> RecordedEvents;

    /// The position of the last event that can be read from the global stream, [`Position::START`] while
    /// there is none. It never falls, unless the store itself loses what it has acknowledged.
    ///
    /// # Errors
    /// When the store cannot be asked.
    async fn head(&self) -> Result<Position, StoreError>;

    /// Waits until the head is past `position` and answers the new head; at once if it already is.
    ///
    /// # Errors
    /// When the store can no longer tell.
    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError>;
}
