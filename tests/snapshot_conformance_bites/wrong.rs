//! A right store, whose snapshots are seen through a defect.

use std::{collections::HashMap, sync::Mutex};

use annals::{
    EventId, EventStore, MemoryStore, Position, ReadAll, ReadStream, RecordedEvents, SnapshotStore,
    StoreError, StoredSnapshot, StreamExt, StreamId, TryStreamExt, Version, forward,
};
use async_trait::async_trait;

/// What is kept, and where.
pub(crate) type Kept = HashMap<StreamId, StoredSnapshot>;

/// What a store does wrong; whatever a defect does not override is done right.
pub(crate) trait Defect: Send + Sync + 'static {
    /// What the snapshots of a stream are found by.
    fn key(&self, stream: &StreamId) -> StreamId {
        stream.clone()
    }

    /// Whether `new` takes the place of `old`.
    fn replaces(&self, old: &StoredSnapshot, new: &StoredSnapshot) -> bool {
        old.fold_version != new.fold_version || old.version <= new.version
    }

    /// Whether `at`, which is in the stream where the snapshot says, is what it rests on.
    fn rests(&self, snapshot: &StoredSnapshot, at: Option<Position>) -> bool {
        at == Some(snapshot.position)
    }

    /// Whether a snapshot is of the fold that is asked for.
    fn is_of(&self, snapshot: &StoredSnapshot, fold_version: u32) -> bool {
        snapshot.fold_version == fold_version
    }

    /// What is kept of a snapshot.
    fn kept(&self, snapshot: &StoredSnapshot) -> StoredSnapshot {
        snapshot.clone()
    }

    /// What is read for a snapshot.
    fn read(&self, snapshot: Option<&StoredSnapshot>, all: ReadStream) -> ReadStream {
        all.starting_at(snapshot.map_or(Version::NONE, |snapshot| snapshot.version))
    }

    fn without_snapshot(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// What else happens when a snapshot is kept.
    fn happens(&self, _: &MemoryStore, _: &StoredSnapshot) {}

    fn finds(&self, _: StreamId, version: Version, _: Position, is_in_it: bool) -> Option<Version> {
        is_in_it.then_some(version)
    }
}

pub(crate) struct Wrong<D> {
    right: MemoryStore,
    kept: Mutex<Kept>,
    defect: D,
}

impl<D> Wrong<D> {
    pub(crate) fn new(defect: D) -> Self {
        Self { right: MemoryStore::new(), kept: Mutex::default(), defect }
    }
}

impl<D: Defect> EventStore for Wrong<D> {
    forward!(self => self.right; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl<D: Defect> SnapshotStore for Wrong<D> {
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        let kept = self.kept.lock().unwrap().get(&self.defect.key(stream)).cloned();
        let snapshot = kept.filter(|kept| self.defect.is_of(kept, fold_version));
        if snapshot.is_none() {
            self.defect.without_snapshot()?;
        }
        let read = self.defect.read(snapshot.as_ref(), ReadStream::forwards(stream.clone()));
        Ok((snapshot, self.right.read_stream(read)))
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        let read = ReadStream::forwards(snapshot.stream.clone()).starting_at(snapshot.version);
        let first = self.right.read_stream(read.with_limit(1)).try_next().await?;
        let at = first.filter(|first| first.version == snapshot.version).map(|at| at.position);
        let mut kept = self.kept.lock().unwrap();
        let key = self.defect.key(&snapshot.stream);
        let is_kept = self.defect.rests(snapshot, at)
            && kept.get(&key).is_none_or(|old| self.defect.replaces(old, snapshot));
        if is_kept {
            kept.insert(key, self.defect.kept(snapshot));
            self.defect.happens(&self.right, snapshot);
        }
        Ok(is_kept)
    }

    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError> {
        let mut all = self.right.read_all(ReadAll::after(Position::START));
        while let Some(event) = all.next().await.transpose()? {
            if event.id == id {
                let is_in_it = event.stream == *stream;
                return Ok(self.defect.finds(
                    stream.clone(),
                    event.version,
                    event.position,
                    is_in_it,
                ));
            }
        }
        Ok(None)
    }
}
