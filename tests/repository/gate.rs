//! A store that says what it is asked, and lets appends through one by one.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use annals::{
    AppendError, Appended, EventStore, MemoryStore, ReadStream, RecordedEvents, Refusal,
    StoreError, StreamAppend, Version, forward,
};
use async_trait::async_trait;
use tokio::{sync::Semaphore, time::timeout};

/// A memory store behind a gate.
pub(crate) struct Gate {
    store: MemoryStore,
    /// How many appends may go through.
    open: Semaphore,
    /// How many events each append had that came so far, through or not.
    pub(crate) appends: Mutex<Vec<usize>>,
    /// From which version on a stream was read, each time.
    pub(crate) reads: Mutex<Vec<u64>>,
    arrived: Semaphore,
    /// An event with this in its payload is refused: 13 cents.
    poison: &'static str,
    /// What the next appends fail with, instead of going through.
    pub(crate) failures: Mutex<Vec<StoreError>>,
}

impl Gate {
    /// Open, until somebody closes it.
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self {
            store,
            open: Semaphore::new(1_000),
            appends: Mutex::default(),
            reads: Mutex::default(),
            arrived: Semaphore::new(0),
            poison: "\"cents\":13}",
            failures: Mutex::default(),
        }
    }

    pub(crate) fn close(&self) {
        self.open.forget_permits(usize::MAX);
    }

    pub(crate) fn let_through(&self, appends: usize) {
        self.open.add_permits(appends);
    }

    /// Waits until one more append has come to the gate.
    pub(crate) async fn append_arrives(&self) {
        let arrives = timeout(Duration::from_secs(60), self.arrived.acquire());
        arrives.await.expect("an append").unwrap().forget();
    }

    pub(crate) fn take_appends(&self) -> Vec<usize> {
        std::mem::take(&mut self.appends.lock().unwrap())
    }

    pub(crate) fn take_reads(&self) -> Vec<u64> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }
}

#[async_trait]
impl EventStore for Gate {
    forward!(self => self.store; read_all, head, wait_for_head);

    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let events: Vec<_> = appends.iter().flat_map(|append| &append.events).collect();
        self.appends.lock().unwrap().push(events.len());
        self.arrived.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure.into());
        }
        if events.iter().any(|event| event.event.payload.as_str().contains(self.poison)) {
            return Err(Refusal::Limit("too much".into()).into());
        }
        self.store.append(appends).await
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        self.reads.lock().unwrap().push(read.from.map_or(1, Version::get));
        self.store.read_stream(read)
    }
}

/// One store, and from some moment on another.
pub(crate) struct Switch {
    stores: [MemoryStore; 2],
    is_turned: AtomicBool,
}

impl Switch {
    pub(crate) fn new(first: MemoryStore, second: MemoryStore) -> Self {
        Self { stores: [first, second], is_turned: AtomicBool::new(false) }
    }

    pub(crate) fn turn(&self) {
        self.is_turned.store(true, Ordering::SeqCst);
    }

    fn store(&self) -> &MemoryStore {
        let [first, second] = &self.stores;
        if self.is_turned.load(Ordering::SeqCst) { second } else { first }
    }
}

impl EventStore for Switch {
    forward!(self => *self.store(); append, read_stream, read_all, head, wait_for_head);
}
