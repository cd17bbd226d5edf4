//! A store that says what is asked of its snapshots, and keeps them as it is told to.

use std::{
    mem,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use annals::{
    EventStore, MemoryStore, ReadStream, RecordedEvents, SnapshotStore, StoreError, StoredSnapshot,
    StreamExt, StreamId, Version, forward,
};
use async_trait::async_trait;
use tokio::sync::Semaphore;

pub(crate) struct Shelf {
    pub(crate) store: MemoryStore,
    /// From which version on events were given, each time.
    reads: Mutex<Vec<u64>>,
    /// The versions of the snapshots that came to be saved.
    saves: Mutex<Vec<u64>>,
    /// How many may be saved.
    pub(crate) open: Semaphore,
    pub(crate) saving_fails: AtomicBool,
    pub(crate) reading_fails: AtomicBool,
    /// Given in the place of what is kept.
    pub(crate) instead: Mutex<Option<StoredSnapshot>>,
}

impl Shelf {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            reads: Mutex::default(),
            saves: Mutex::default(),
            open: Semaphore::new(1_000),
            saving_fails: AtomicBool::new(false),
            reading_fails: AtomicBool::new(false),
            instead: Mutex::default(),
        }
    }

    pub(crate) fn take_reads(&self) -> Vec<u64> {
        mem::take(&mut self.reads.lock().unwrap())
    }

    pub(crate) fn take_saves(&self) -> Vec<u64> {
        mem::take(&mut self.saves.lock().unwrap())
    }

    /// Waits until a snapshot has come to be saved, of this version.
    pub(crate) async fn save_arrives(&self) -> u64 {
        loop {
            if let Some(version) = self.saves.lock().unwrap().last() {
                return *version;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn failed() -> StoreError {
    StoreError::Failed("there is no such table".into())
}

#[async_trait]
impl EventStore for Shelf {
    forward!(self => self.store; append, read_all, head, wait_for_head);

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        self.reads.lock().unwrap().push(read.from.map_or(1, Version::get).max(1));
        self.store.read_stream(read)
    }
}

#[async_trait]
impl SnapshotStore for Shelf {
    forward!(self => self.store; version_of);

    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        if self.reading_fails.load(Ordering::Relaxed) {
            return Err(failed());
        }
        let instead = self.instead.lock().unwrap().clone();
        let (snapshot, events) = match instead {
            Some(snapshot) => {
                let read = ReadStream::forwards(stream.clone()).starting_at(snapshot.version);
                (Some(snapshot), self.store.read_stream(read).boxed())
            }
            None => self.store.read_from_snapshot(stream, fold_version).await?,
        };
        let from = snapshot.as_ref().map_or(1, |snapshot| snapshot.version.get());
        self.reads.lock().unwrap().push(from);
        Ok((snapshot, events))
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        self.saves.lock().unwrap().push(snapshot.version.get());
        self.open.acquire().await.unwrap().forget();
        if self.saving_fails.load(Ordering::Relaxed) {
            return Err(failed());
        }
        self.store.save_snapshot(snapshot).await
    }
}
