use async_trait::async_trait;

use super::{EventStore, RecordedEvents, StoreError};
use crate::{EventId, Payload, Position, StreamId, Version};

/// The state of an entity as of one event of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The stream.
    pub stream: StreamId,
    /// Which fold made the state: [`Snapshot::VERSION`](crate::Snapshot::VERSION).
    pub fold_version: u32,
    /// The last event that the state has in it.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// The state.
    pub state: Payload,
}

/// An event store that keeps the last snapshot of each stream beside it: what
/// [`Repository::with_snapshots`](crate::Repository::with_snapshots) needs of a store.
///
/// A snapshot spares reading and proves nothing: what happened is in the events, and a store may lose any snapshot at any
/// time. Every store that keeps them passes the suite `annals::testing::snapshots` (feature `testing`), which has a case
/// for each of these rules:
///
/// - **It rests on its event.** A snapshot is kept only if the stream has an event of its version at its position, and given only for
///   as long as the stream has that very event.
/// - **One for each stream.** One of another fold takes its place; one of the same fold only if it is not older.
///
/// The trait is object-safe: `Arc<dyn SnapshotStore>` is a `SnapshotStore`, too. Any future of it may be dropped at any time.
#[async_trait]
pub trait SnapshotStore: EventStore {
    /// Reads a stream from its snapshot on, if it has one of fold `fold_version`: the snapshot, and events that begin with the one
    /// that it rests on. Otherwise the events begin with the first.
    ///
    /// # Errors
    /// When the store failed. Later pages of the events may fail as well, as in
    /// [`read_stream`](EventStore::read_stream).
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError>;

    /// Keeps a snapshot, unless there is a newer one of the same fold or its event is not there: whether it did.
    ///
    /// # Errors
    /// When the store failed. The snapshot may be kept or not.
    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError>;

    /// The version that the event `id` has in this stream, none if it is not in it: for whoever has not read all of the
    /// stream, and wants to know what is in it.
    ///
    /// # Errors
    /// When the store failed.
    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError>;
}
