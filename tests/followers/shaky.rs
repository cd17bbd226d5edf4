//! A store whose steps fail at random, the first one always: before anything happened, or once it had happened, so that
//! only the answer was lost. It also counts what it is asked, and its head can be held down.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use annals::{
    EventStore, FollowerStore, Position, ReadAll, ReadError, RecordedEvents, StoreError,
    followers::{
        Beat, Books, BuildId, Claim, Compared, Limits, Make, MemberId, Note, ParkedEvent, PartId,
        Row, RowsOf, Step, StepError, Swap,
    },
    forward,
};
use async_trait::async_trait;
use fastrand::Rng;
use tokio::sync::watch;

/// Where no head is.
pub(crate) const NOT_HELD: Position = Position::new(u64::MAX);

#[derive(Clone)]
pub(crate) struct Shaky<S> {
    store: S,
    /// None: nothing fails.
    random: Option<Arc<Mutex<Rng>>>,
    faults: Arc<AtomicU32>,
    has_failed_a_step: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
    /// The most events of a step that it commits in time.
    bears: Arc<AtomicU64>,
    /// As an open append holds it: what comes after is not told of.
    head: watch::Sender<Position>,
    calls: Arc<Mutex<BTreeMap<&'static str, u32>>>,
}

impl<S> Shaky<S> {
    pub(crate) fn new(store: S, seed: u64) -> Self {
        let random = Some(Arc::new(Mutex::new(Rng::with_seed(seed))));
        Self { random, ..Self::steady(store) }
    }

    /// Only counts.
    pub(crate) fn steady(store: S) -> Self {
        Self {
            store,
            random: None,
            faults: Arc::default(),
            has_failed_a_step: Arc::default(),
            is_silent: Arc::default(),
            bears: Arc::new(AtomicU64::new(u64::MAX)),
            head: watch::Sender::new(NOT_HELD),
            calls: Arc::default(),
        }
    }

    /// What it was asked since the last time.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u32> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// From now on, or no longer, no books are to be had.
    #[allow(dead_code, reason = "the tests of what is told share this file")]
    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// From now on the head seems to be here, if it is not before.
    #[allow(dead_code, reason = "the tests of what is told share this file")]
    pub(crate) fn hold_head(&self, position: Position) {
        self.head.send_replace(position);
    }

    /// From now on, steps of more events take too long.
    #[allow(dead_code, reason = "the tests of what is told share this file")]
    pub(crate) fn bear(&self, events: u64) {
        self.bears.store(events, Ordering::Relaxed);
    }

    fn count(&self, call: &'static str) {
        *self.calls.lock().unwrap().entry(call).or_default() += 1;
    }

    /// Until the first step has failed.
    fn is_untried(&self) -> bool {
        self.random.is_some() && !self.has_failed_a_step.swap(true, Ordering::Relaxed)
    }

    /// How often something went wrong.
    pub(crate) fn faults(&self) -> u32 {
        self.faults.load(Ordering::Relaxed)
    }

    fn chance(&self) -> bool {
        let Some(random) = &self.random else { return false };
        let strikes = random.lock().unwrap().u8(..4) == 0;
        self.faults.fetch_add(u32::from(strikes), Ordering::Relaxed);
        strikes
    }

    fn before(&self) -> Result<(), StoreError> {
        if self.chance() { Err(down()) } else { Ok(()) }
    }

    fn after(&self) -> Result<(), StoreError> {
        let lost = || Err(StoreError::OutcomeUnknown("connection reset by peer".into()));
        if self.chance() { lost() } else { Ok(()) }
    }
}

fn down() -> StoreError {
    StoreError::Unavailable("connection refused".into())
}

#[async_trait]
impl<S: EventStore> EventStore for Shaky<S> {
    forward!(self => self.store; append, read_stream);

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        self.count("read");
        let held = *self.head.borrow();
        let end = read.up_to.map_or(held, |end| end.min(held));
        self.store.read_all(read.up_to(end))
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.count("head");
        let head = self.store.head().await?;
        Ok(head.min(*self.head.borrow()))
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.count("wait");
        let head = self.store.wait_for_head(position).await?;
        let held = self.head.subscribe().wait_for(|held| *held > position).await.map(|held| *held);
        Ok(head.min(held.unwrap_or(head)))
    }
}

#[async_trait]
impl<S: FollowerStore> FollowerStore for Shaky<S> {
    type Connection = S::Connection;

    forward!(self => self.store; declare, release, command, failures);

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        self.count("books");
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(down());
        }
        self.store.books(beat).await
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        self.count("claim");
        self.before()?;
        let claims = self.store.claim(member, parts).await?;
        self.after()?;
        Ok(claims)
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.count("note");
        self.before()?;
        self.store.note(claim, note).await?;
        Ok(self.after()?)
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        self.count("parked");
        self.before()?;
        self.store.parked(build).await
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, S::Connection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.before()?;
        self.store.make(claim, tables, limits).await?;
        Ok(self.after()?)
    }

    async fn commit(&self, step: Step<'_, S::Connection>) -> Result<(), StepError> {
        self.count("commit");
        if self.is_untried() {
            self.faults.fetch_add(1, Ordering::Relaxed);
            return Err(down().into());
        }
        if step.events > self.bears.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("statement timeout".into()).into());
        }
        self.before()?;
        self.store.commit(step).await?;
        Ok(self.after()?)
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        self.count("swap");
        self.store.swap(shadow, patience).await
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        self.count("compare");
        self.store.compare(shadow, patience).await
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.count("rows");
        self.before()?;
        self.store.rows(rows).await
    }
}
