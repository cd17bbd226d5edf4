//! The last snapshot of each stream.

use std::sync::PoisonError;

use annals_core::{
    EventId, EventStore, ReadStream, RecordedEvents, SnapshotStore, StoreError, StoredSnapshot,
    StreamId, Version,
};
use async_trait::async_trait;
use foldhash::HashMap;

use crate::{MemoryStore, log::Log};

#[derive(Debug, Default)]
pub(crate) struct Snapshots(HashMap<StreamId, StoredSnapshot>);

impl Snapshots {
    fn of(&self, stream: &StreamId, fold_version: u32) -> Option<StoredSnapshot> {
        self.0.get(stream).filter(|kept| kept.fold_version == fold_version).cloned()
    }

    fn save(&mut self, snapshot: &StoredSnapshot, log: &Log) -> bool {
        let StoredSnapshot { stream, fold_version, version, position, .. } = snapshot;
        let is_newer =
            |kept: &StoredSnapshot| kept.fold_version == *fold_version && kept.version > *version;
        let is_kept = log.position_of(stream, *version) == Some(*position)
            && !self.0.get(stream).is_some_and(is_newer);
        if is_kept {
            self.0.insert(stream.clone(), snapshot.clone());
        }
        is_kept
    }
}

/// Nothing that is in the log ever leaves it, so a snapshot that was kept rests on its event for good.
#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        let snapshots = self.shared.snapshots.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = snapshots.of(stream, fold_version);
        drop(snapshots);
        let from = snapshot.as_ref().map_or(Version::NONE, |snapshot| snapshot.version);
        let read = ReadStream::forwards(stream.clone()).starting_at(from);
        Ok((snapshot, self.read_stream(read)))
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        let mut snapshots = self.shared.snapshots.write().unwrap_or_else(PoisonError::into_inner);
        Ok(snapshots.save(snapshot, &self.shared.read()))
    }

    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError> {
        Ok(self.shared.read().version_of(stream, id))
    }
}
