//! What the memory store does for followers, as plainly as it can be done: one lock over everything that is
//! known about them. No lock is held while a handler runs: that works on a copy, and what came of it is put in
//! by one section of the lock, if the claim still holds.

mod books;
mod command;
mod rows;
mod step;
mod swap;
mod tables;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use annals_core::{
    StoreError,
    followers::{
        Beat, Books, BuildId, Claim, Command, CommandRefused, Compared, Declaration, Failure,
        FollowerStore, Limits, Make, MemberId, Note, ParkedEvent, PartId, ReadError, Row, RowsOf,
        StartError, Step, StepError, Swap,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::{sync::Notify, time::Instant};

use self::books::State;
pub use self::tables::{Table, Tables};
use crate::MemoryStore;

/// Everything about followers, and who waits for a change of it.
pub(crate) struct Followers {
    state: Mutex<State>,
    changed: Notify,
    /// Leases run on tokio's clock, which tests can hold and wind, and not on the one that stamps events, which
    /// may tell any time.
    began: (Instant, DateTime<Utc>),
}

impl Followers {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            began: (Instant::now(), Utc::now()),
        }
    }

    /// A panic elsewhere cannot leave it half changed: nothing that is called under the lock is a user's.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_waiters();
        changed
    }

    fn now(&self) -> DateTime<Utc> {
        let (instant, time) = self.began;
        time + instant.elapsed()
    }
}

impl fmt::Debug for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followers").finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// A copy of a table of the projection `follower`, as its live build has it; as it begins if nothing has
    /// been written to it yet.
    ///
    /// ```
    /// # let store = annals::MemoryStore::new();
    /// #[derive(Debug, Clone, Default, PartialEq)]
    /// struct DailySales {
    ///     orders: u64,
    /// }
    ///
    /// assert_eq!(store.table_of::<DailySales>("daily_sales").orders, 0);
    /// ```
    #[must_use]
    pub fn table_of<T: Table>(&self, follower: &str) -> T {
        let state = self.followers().state();
        let live = state.followers.get(follower).map(|follower| &follower.live);
        live.and_then(|live| live.tables.of::<T>()).cloned().unwrap_or_default()
    }

    fn followers(&self) -> &Followers {
        &self.shared.followers
    }
}

#[async_trait]
impl FollowerStore for MemoryStore {
    type Connection = Tables;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        let now = self.followers().now();
        self.followers().change(|state| state.declare(follower, now))
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        let now = self.followers().now();
        Ok(self.followers().change(|state| state.books(beat, now)))
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        let now = self.followers().now();
        Ok(self.followers().change(|state| {
            parts.iter().filter_map(|part| state.claim(member, *part, now)).collect()
        }))
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.followers().change(|state| claims.iter().for_each(|claim| state.release(claim)));
        Ok(())
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.followers().note(claim, note).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        let now = self.followers().now();
        self.followers().change(|state| state.command(name, command, now))
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        let state = self.followers().state();
        let failures = state.filling(build).into_iter().flat_map(|filling| filling.failures());
        Ok(failures.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        let state = self.followers().state();
        Ok(state.filling(build).into_iter().flat_map(|filling| filling.parked_events()).collect())
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, Tables>,
        _: Limits,
    ) -> Result<(), StepError> {
        self.followers().make(claim, tables).await
    }

    async fn commit(&self, step: Step<'_, Tables>) -> Result<(), StepError> {
        self.followers().commit(step).await
    }

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        Ok(self.followers().swap(shadow, patience).await)
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        Ok(self.followers().compare(shadow, patience).await)
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.followers().state().rows(rows)
    }
}
