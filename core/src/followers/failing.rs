//! What is done about a failure: smaller batches, other tries, a stop, or the event put aside.

use std::{iter::Peekable, time::Duration};

use super::{
    FailureKind, FailurePolicy, FollowerStore, HandlerFailed, Note, NotedFailure, Options,
    StepError,
    batch::MAX_PARKED,
    handler::{Blamed, Failed},
    runner::{Halt, Runner, ahead},
};
use crate::{Position, RetryPolicy};

/// How the next batch is cut, and how often its event has failed.
pub(super) struct Tries {
    policy: RetryPolicy,
    limit: usize,
    /// The event after the next batch is to be tried by itself.
    then_alone: bool,
    trying: Option<Trying>,
}

struct Trying {
    position: Position,
    pauses: Peekable<Box<dyn Iterator<Item = Duration> + Send>>,
}

impl Tries {
    pub(super) fn new(options: &Options) -> Self {
        Self { policy: options.retry.clone(), limit: usize::MAX, then_alone: false, trying: None }
    }

    /// The most events of the next batch.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A batch of `taken` events was not committed in time, or for another reason that may be its size.
    pub(super) fn was_too_much(&mut self, taken: usize) {
        if taken > 1 {
            self.cut(None, taken);
        }
    }

    /// A batch of `taken` events failed because of the one at `at`, or of any.
    fn cut(&mut self, at: Option<usize>, taken: usize) {
        self.then_alone = at.is_some_and(|at| at > 0);
        self.limit = at.unwrap_or(taken / 2).max(1);
    }

    /// A step has gone past `position`.
    pub(super) fn passed(&mut self, position: Position) {
        if self.trying.as_ref().is_some_and(|trying| trying.position <= position) {
            self.trying = None;
        }
        self.limit = if self.then_alone { 1 } else { self.limit.saturating_mul(2) };
        self.then_alone = false;
    }

    /// The pauses that are left for the event at `position`.
    fn pauses(&mut self, position: Position) -> &mut Trying {
        let policy = &self.policy;
        let begin = || -> Trying {
            let pauses: Box<dyn Iterator<Item = Duration> + Send> = Box::new(policy.pauses());
            Trying { position, pauses: pauses.peekable() }
        };
        let trying = self.trying.take().filter(|trying| trying.position == position);
        self.trying.insert(trying.unwrap_or_else(begin))
    }
}

impl<S: FollowerStore> Runner<S> {
    /// An event failed, or a batch did. The batch is undone; one that had several events is made smaller, and
    /// only an event that failed by itself counts.
    pub(super) async fn after_failure(&mut self, failed: Failed) -> Halt {
        let taken = self.batch().taken;
        self.handler.undone();
        let is_final = failed.kind == FailureKind::Refused;
        if !is_final && !failed.is_alone && taken > 1 {
            self.tries.cut(failed.at, taken);
            self.observed.step_cut();
            return Halt::Again;
        }
        let Failed { kind, reason, event, can_be_parked, .. } = failed;
        // What a store refuses may be due to any event of the batch.
        let event = event.filter(|_| !is_final);
        let position = event.as_ref().map_or(self.position, |event| event.position);
        let again = self.tries.pauses(position).pauses.peek().copied().filter(|_| !is_final);
        let parks = self.followed.options.failure == FailurePolicy::Park && can_be_parked;
        let park = event.clone().filter(|_| parks && again.is_none() && !is_final);
        let (stops, kind) = match &park {
            Some(_) if self.parked >= MAX_PARKED => (true, FailureKind::TooManyParked),
            Some(_) => (false, kind),
            None => (again.is_none(), kind),
        };
        let note = noted(event.as_ref(), self.position, kind, reason, stops);
        if let Err(halt) = self.note_failure(note).await {
            return halt;
        }
        if let Some(pause) = again {
            self.tries.pauses(position).pauses.next();
            self.observed.retrying(position, pause);
            return self.pause(pause).await;
        }
        if stops {
            return Halt::Ended;
        }
        if let Some(Blamed { sequence, position, .. }) = &park {
            self.sequences.add_cause(sequence, *position);
            self.observed.parking(*position, sequence);
        }
        Halt::Again
    }

    /// The tables could not be made.
    pub(super) async fn could_not_make(&mut self, failed: &HandlerFailed) -> Halt {
        self.after_failure(Failed {
            at: None,
            is_alone: true,
            can_be_parked: false,
            event: None,
            kind: failed.kind,
            reason: failed.report(),
        })
        .await
    }

    /// The log ends before the checkpoint.
    pub(super) async fn stop_ahead(&mut self, head: Position) -> Halt {
        self.stop(FailureKind::Ahead, ahead(self.position, head)).await
    }

    pub(super) async fn stop_refused(&mut self, reason: String) -> Halt {
        self.stop(FailureKind::Refused, reason).await
    }

    pub(super) async fn stop_full(&mut self) -> Halt {
        let reason = format!("{} events are parked, as many as may be", self.parked);
        self.stop(FailureKind::TooManyParked, reason).await
    }

    async fn stop(&mut self, kind: FailureKind, reason: String) -> Halt {
        self.handler.undone();
        match self.note_failure(noted(None, self.position, kind, reason, true)).await {
            Ok(()) => Halt::Ended,
            Err(halt) => halt,
        }
    }

    /// Writes a failure down.
    pub(super) async fn note_failure(&mut self, noted: NotedFailure) -> Result<(), Halt> {
        let stops = noted.stops;
        match self.member.store.note(&self.claim, &Note::Failed(noted.clone())).await {
            Ok(()) => {
                self.observed.failed(&noted);
                if stops {
                    // Who waits for this part learns it from the books.
                    self.member.nudge.notify_one();
                }
                Ok(())
            }
            Err(StepError::Store(error)) => Err(self.interrupted(&error).await),
            Err(_) => Err(Halt::Ended),
        }
    }
}

pub(super) fn noted(
    event: Option<&Blamed>,
    checkpoint: Position,
    kind: FailureKind,
    reason: String,
    stops: bool,
) -> NotedFailure {
    NotedFailure {
        position: event.map_or(checkpoint, |event| event.position),
        event_id: event.map(|event| event.event_id),
        sequence: event.map(|event| event.sequence.clone()).unwrap_or_default(),
        kind,
        reason,
        stops,
    }
}
