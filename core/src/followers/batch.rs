//! From events to one committed step.

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    Claim, FollowerStore, ReadError, Row, RowsOf, Step, StepError, TableShape, WhichRows,
    handler::{BatchState, Failed, Lease, Prepared, Rows, Taking, Trouble},
    member::Control,
    parts::Division,
    reading::Reading,
    runner::{Halt, Runner, overdue},
};
use crate::{Position, RecordedEvent, StoreError};

/// The most events that are taken in at once.
const CHUNK: usize = 1_024;
/// A batch is closed so long after its first event.
const OPEN_FOR: Duration = Duration::from_millis(500);
/// The most events of a build that may be parked.
pub(super) const MAX_PARKED: usize = 10_000;

/// A batch that is closed.
pub(super) struct Gathered {
    /// Everything up to here was looked at.
    pub(super) to: Position,
    /// There is nothing more to read at present.
    pub(super) is_end: bool,
}

/// What came of a step.
enum Stepped {
    /// Nothing was to be written.
    Nothing,
    Committed(StepDone),
    Trouble(Trouble),
    Refused(StepError, StepDone),
}

#[derive(Clone, Copy)]
struct StepDone {
    to: Position,
    handled: u64,
    parked: usize,
    ends_early: bool,
}

impl<S: FollowerStore> Runner<S> {
    /// Takes in events until the batch is large or old enough, or there are no more.
    pub(super) async fn gather(
        &mut self,
        reading: &mut Reading,
        division: &Division,
    ) -> Result<Gathered, Halt> {
        let mut control = self.control.clone();
        let (mut to, mut closes_at): (Position, Option<Instant>) = (self.seen, None);
        let mut size = 1;
        loop {
            let taken = self.handler.batch().taken;
            let limit = self.tries.limit();
            let room = self.handler.room().min(limit.saturating_sub(taken));
            if room == 0 {
                return Ok(Gathered { to, is_end: false });
            }
            let next = async {
                match closes_at {
                    Some(at) => timeout_at(at, reading.next()).await.ok(),
                    None => Some(reading.next().await),
                }
            };
            let next = tokio::select! {
                next = next => next,
                _ = control.wait_for(|control| control.end.is_some()) => return Err(Halt::Ended),
            };
            let first = match next {
                None => return Ok(Gathered { to, is_end: false }),
                Some(None) => return Ok(Gathered { to: reading.head, is_end: true }),
                Some(Some(Err(error))) => return Err(self.interrupted(&error).await),
                Some(Some(Ok(first))) => first,
            };
            // Mostly as large as the one before.
            let (mut chunk, mut is_end) = (Vec::with_capacity(size), false);
            chunk.push(first);
            while chunk.len() < CHUNK.min(room) {
                match reading.next_at_once() {
                    None => break,
                    Some(None) => is_end = true,
                    Some(Some(Ok(event))) => {
                        chunk.push(event);
                        continue;
                    }
                    Some(Some(Err(error))) => return Err(self.interrupted(&error).await),
                }
                break;
            }
            size = chunk.len();
            to = chunk.last().map_or(to, |event| event.position);
            if closes_at.is_none() {
                closes_at = Some(Instant::now() + OPEN_FOR);
                let oldest = chunk.first().map(|event| event.recorded_at);
                self.gauge.set(|reading| {
                    (reading.busy_since, reading.oldest) = (Some(Utc::now()), oldest);
                });
                self.observed.step_begins(self.seen);
            }
            // Where the next page is asked for in a task of its own, that task waits for this one to pause.
            tokio::task::yield_now().await;
            let step = self.observed.step();
            step.cover(self.take(chunk, division)).await?;
            if is_end {
                return Ok(Gathered { to: reading.head, is_end: true });
            }
        }
    }

    async fn take(&mut self, chunk: Vec<RecordedEvent>, division: &Division) -> Result<(), Halt> {
        match self.take_for(chunk, division, None).await {
            Ok(()) => Ok(()),
            Err(trouble) => Err(self.trouble(trouble).await),
        }
    }

    /// Gives events to the handler; those of one parked sequence only, if one is tried again.
    pub(super) async fn take_for(
        &mut self,
        chunk: Vec<RecordedEvent>,
        division: &Division,
        retrying: Option<&str>,
    ) -> Result<(), Trouble> {
        let rows = ClaimedRows { store: &self.member.store, claim: &self.claim };
        let (parked, rows) = (&self.sequences, &rows);
        self.handler.take(chunk, &Taking { division, parked, rows, retrying }).await
    }

    /// Commits what was gathered, up to `to`. Answers whether the reading may go on where it was.
    pub(super) async fn step(&mut self, to: Position) -> Result<bool, Halt> {
        let parked = self.handler.batch().park.len();
        if parked > 0 && self.parked + parked > MAX_PARKED {
            return Err(self.stop_full().await);
        }
        let step = self.observed.step();
        match step.cover(self.commit(to)).await {
            Stepped::Nothing => {
                self.handler.committed();
                self.observed.step_passed(to);
                self.reached(to, false, 0);
                Ok(true)
            }
            Stepped::Committed(done) => Ok(self.committed(done)),
            Stepped::Trouble(trouble) => Err(self.trouble(trouble).await),
            Stepped::Refused(StepError::Fenced, _) => {
                self.handler.undone();
                Err(Halt::Ended)
            }
            Stepped::Refused(StepError::Handler(failed), _) => {
                let failed = Failed::in_step(self.handler.batch(), &failed);
                Err(self.after_failure(failed).await)
            }
            Stepped::Refused(StepError::Store(error), done) => {
                self.tries.was_too_much(self.handler.batch().taken);
                if !matches!(error, StoreError::OutcomeUnknown(_)) {
                    return Err(self.interrupted(&error).await);
                }
                self.claim_again(&error).await?;
                if self.claim.position == done.to && done.to > self.position {
                    // The build may have been divided anew since then, and its rows written by others.
                    self.committed(done);
                    self.handler.undone();
                    self.division = None;
                    return Ok(false);
                }
                Err(self.begin_again())
            }
        }
    }

    fn committed(&mut self, done: StepDone) -> bool {
        self.handler.committed();
        self.sequences.passed(done.to);
        self.parked += done.parked;
        self.tries.passed(done.to);
        self.observed.step_committed(done.to, done.handled, done.parked);
        self.reached(done.to, true, done.handled);
        !done.ends_early
    }

    async fn commit(&mut self, to: Position) -> Stepped {
        let (limits, patience) = (self.limits(), self.patience());
        let held = Held { lease: &*self.member, control: &self.control };
        let prepared = match self.handler.prepare(&held).await {
            Ok(prepared) => prepared,
            Err(trouble) => return Stepped::Trouble(trouble),
        };
        let Prepared { rows, work, park, handled, ends_at } = prepared;
        if handled == 0 && park.is_empty() {
            return Stepped::Nothing;
        }
        let ends_early = ends_at.is_some();
        let done = StepDone { to: ends_at.unwrap_or(to), handled, parked: park.len(), ends_early };
        let step = Step {
            claim: &self.claim,
            from: self.position,
            to: done.to,
            events: handled,
            rows,
            work,
            park,
            settle: &[],
            limits,
        };
        match tokio::time::timeout(patience, self.member.store.commit(step)).await {
            Ok(Ok(())) => Stepped::Committed(done),
            Ok(Err(error)) => Stepped::Refused(error, done),
            Err(_) => Stepped::Refused(overdue(), done),
        }
    }

    /// The batch did not come to its step.
    async fn trouble(&mut self, trouble: Trouble) -> Halt {
        match trouble {
            Trouble::Failed(failed) => self.after_failure(failed).await,
            Trouble::Store(error) => self.interrupted(&error).await,
            Trouble::Lease => self.lease_over().await,
        }
    }

    /// It may not act any more: its part was taken away, or nobody knows whether it was.
    pub(super) async fn lease_over(&mut self) -> Halt {
        if self.control.borrow().end.is_some() {
            self.handler.undone();
            return Halt::Ended;
        }
        self.interrupted(&LeaseOver).await
    }

    /// What the handler holds by now.
    pub(super) fn batch(&self) -> &BatchState {
        self.handler.batch()
    }
}

/// The beats of this process do not get through, so that another may be running the part.
#[derive(Debug, thiserror::Error)]
#[error("this process has not renewed its lease in time")]
struct LeaseOver;

/// The lease of the process, for as long as the part has not been told to end.
pub(super) struct Held<'a> {
    pub(super) lease: &'a dyn Lease,
    pub(super) control: &'a watch::Receiver<Control>,
}

impl Lease for Held<'_> {
    fn is_good(&self) -> bool {
        self.lease.is_good() && self.control.borrow().end.is_none()
    }
}

/// The rows of the build that the claim is of.
struct ClaimedRows<'a, S> {
    store: &'a S,
    claim: &'a Claim,
}

#[async_trait]
impl<S: FollowerStore> Rows for ClaimedRows<'_, S> {
    async fn rows(&self, table: &TableShape, keys: &[String]) -> Result<Vec<Row>, ReadError> {
        let which = WhichRows::Keys(keys);
        self.store.rows(&RowsOf { table, claim: Some(self.claim), which }).await
    }
}
