use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::{
    FollowerStore, Position, StoreError,
    followers::{Beat, PartId},
};

mod forward;

/// Where a process that follows can die, or what it asks of the store can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CrashPoint {
    /// Parts were claimed, and the process does not learn it.
    AfterClaim,
    /// [`Projection::create`](crate::Projection::create) has run, and its tables are gone again.
    WithinMake,
    /// Tables were made, and the process does not learn it.
    AfterMake,
    /// Events or rows are to be read.
    BeforeRead,
    /// A reactor has reacted, a read model has folded, and nothing is written yet. A projection has not run.
    BeforeStep,
    /// A projection has run as well, and what it did is undone.
    WithinStep,
    /// The step was committed, and the process does not learn it.
    AfterStep,
    /// A rebuild is to take the place of what serves.
    BeforeSwap,
    /// A rebuild serves, and the process does not learn it.
    AfterSwap,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AfterClaim,
        Self::WithinMake,
        Self::AfterMake,
        Self::BeforeRead,
        Self::BeforeStep,
        Self::WithinStep,
        Self::AfterStep,
        Self::BeforeSwap,
        Self::AfterSwap,
    ];

    /// What whoever asked is told: nothing has happened, or it may have.
    fn error(self) -> StoreError {
        match self {
            Self::WithinMake | Self::BeforeRead | Self::BeforeStep | Self::BeforeSwap => {
                StoreError::Unavailable("connection refused".into())
            }
            Self::AfterClaim
            | Self::AfterMake
            | Self::WithinStep
            | Self::AfterStep
            | Self::AfterSwap => StoreError::OutcomeUnknown("connection reset by peer".into()),
        }
    }
}

/// `after a step`: to be read after "the process died".
impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterClaim => "after a claim",
            Self::WithinMake => "while its tables were made",
            Self::AfterMake => "after its tables were made",
            Self::BeforeRead => "before a read",
            Self::BeforeStep => "before a step",
            Self::WithinStep => "within a step",
            Self::AfterStep => "after a step",
            Self::BeforeSwap => "before a swap",
            Self::AfterSwap => "after a swap",
        })
    }
}

/// A store as a process has it that dies, or whose calls fail, at a [`CrashPoint`]; for tests of what follows it.
///
/// Clones belong to the same process. Once that is dead, none of its calls is answered any more.
///
#[doc = include_str!("../docs/faulty.md")]
#[derive(Clone)]
pub struct Faulty<S> {
    store: S,
    process: Arc<Process>,
    /// The most positions that a follower learns of at once.
    page: Option<u64>,
    /// When events are said to have been recorded.
    times: Arc<BTreeMap<Position, DateTime<Utc>>>,
}

struct Process {
    plan: Mutex<Plan>,
    is_dead: watch::Sender<bool>,
}

#[derive(Default)]
struct Plan {
    /// What happens the next time.
    once: Vec<(CrashPoint, Effect)>,
    /// What happens the first time in each place.
    each: Vec<(CrashPoint, Effect)>,
    /// Where it has happened.
    places: HashSet<(CrashPoint, Place)>,
    /// The last sign of life.
    beat: Option<Beat>,
}

/// Which build it is about, which part of it, and from where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place(Option<PartId>, Position);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Fails,
    Dies,
}

impl<S> Faulty<S> {
    /// `store`, without a fault as yet.
    pub fn new(store: S) -> Self {
        Self::with_plan(store, Plan::default())
    }

    fn with_plan(store: S, plan: Plan) -> Self {
        let process = Process { plan: Mutex::new(plan), is_dead: watch::Sender::new(false) };
        Self { store, process: Arc::new(process), page: None, times: Arc::default() }
    }

    /// The next time that it comes to `point`, the process dies.
    pub fn crash_at(&self, point: CrashPoint) {
        self.process.plan().once.push((point, Effect::Dies));
    }

    /// The next time that it comes to `point`, the call fails, as it would when the connection was lost there.
    pub fn fail_at(&self, point: CrashPoint) {
        self.process.plan().once.push((point, Effect::Fails));
    }

    /// At each place of the log where it comes to `point` the process dies once, also when it has been
    /// [restarted](Self::restarted): each step is made by the second process that tries.
    pub fn crash_at_each(&self, point: CrashPoint) {
        self.process.plan().each.push((point, Effect::Dies));
    }

    /// At each place of the log where it comes to `point` the call fails once: each step is made by the second try.
    pub fn fail_at_each(&self, point: CrashPoint) {
        self.process.plan().each.push((point, Effect::Fails));
    }

    /// Followers learn of at most `positions` at once, so that their batches end there.
    pub(super) fn with_page(mut self, positions: Option<u64>) -> Self {
        self.page = positions;
        self
    }

    /// Followers are told that events were recorded at these times.
    pub(super) fn with_times(mut self, times: BTreeMap<Position, DateTime<Utc>>) -> Self {
        self.times = Arc::new(times);
        self
    }

    /// Whether the process is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.process.is_dead()
    }

    /// Waits until the process is dead.
    pub async fn died(&self) {
        let mut is_dead = self.process.is_dead.subscribe();
        // It holds the sender itself.
        let _dead = is_dead.wait_for(|is_dead| *is_dead).await;
    }
}

impl<S: FollowerStore> Faulty<S> {
    /// The store as the next process has it, once the lease of this one counts as over. This one is dead now, if it
    /// was not before.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn restarted(&self) -> Result<Self, StoreError> {
        self.process.is_dead.send_replace(true);
        let Plan { once, each, places, beat } = std::mem::take(&mut *self.process.plan());
        if let Some(beat) = beat {
            self.store.books(Some(&Beat { lease: Duration::ZERO, ..beat })).await?;
        }
        let next = Self::with_plan(self.store.clone(), Plan { once, each, places, beat: None });
        Ok(Self { page: self.page, times: Arc::clone(&self.times), ..next })
    }
}

impl Process {
    fn is_dead(&self) -> bool {
        *self.is_dead.borrow()
    }

    /// Never ends in a process that is dead.
    async fn alive(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    /// Comes to `point`, where the process may end, or the call fail.
    async fn pass(&self, point: CrashPoint, place: Place) -> Result<(), StoreError> {
        match self.fault(point, place) {
            Some(effect) => Err(self.strike(point, effect).await),
            None => Ok(()),
        }
    }

    /// What happens at `point` this time.
    fn fault(&self, point: CrashPoint, place: Place) -> Option<Effect> {
        let mut plan = self.plan();
        if let Some(index) = plan.once.iter().position(|(at, _)| *at == point) {
            return Some(plan.once.remove(index).1);
        }
        let (_, effect) = *plan.each.iter().find(|(at, _)| *at == point)?;
        plan.places.insert((point, place)).then_some(effect)
    }

    async fn strike(&self, point: CrashPoint, effect: Effect) -> StoreError {
        if effect == Effect::Dies {
            self.is_dead.send_replace(true);
        }
        self.alive().await;
        point.error()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("store", &self.store)
            .field("is_dead", &self.is_dead())
            .finish_non_exhaustive()
    }
}
