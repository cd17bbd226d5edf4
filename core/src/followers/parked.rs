//! Events that were put aside, tried again on command: by the owner of the part, so that rows in memory and
//! order need no lock.

use std::collections::HashSet;

use futures_util::StreamExt;

use super::{
    FailureKind, FollowerStore, ParkedEvent, ParkedId, Step, StepError,
    batch::Held,
    failing::noted,
    handler::{Blamed, Failed, Trouble},
    parts::Division,
    runner::{Halt, Runner, overdue},
};
use crate::{Position, ReadAll, RecordedEvent, StoreError};

/// What became of a parked event that was tried again.
enum Retried {
    Settled,
    /// The sequence waits for the next command.
    Failed,
}

impl<S: FollowerStore> Runner<S> {
    /// Learns which sequences are parked.
    pub(super) async fn load_parked(&mut self) -> Result<Vec<ParkedEvent>, Halt> {
        match self.member.store.parked(self.claim.part.build).await {
            Ok(parked) => {
                self.parked = parked.len();
                let sequences = parked.iter().map(|event| event.sequence.clone());
                self.sequences.replace(sequences.collect::<HashSet<_>>());
                Ok(parked)
            }
            Err(error) => Err(self.interrupted(&error).await),
        }
    }

    /// Tries the sequences again that are marked, each in order up to its first failure.
    pub(super) async fn retry_parked(&mut self, division: &Division) -> Result<(), Halt> {
        let asked = self.control.borrow().retries;
        if asked == self.retried {
            return Ok(());
        }
        let parked = self.load_parked().await?;
        let marked: HashSet<&str> =
            parked.iter().filter(|event| event.retry).map(|event| &*event.sequence).collect();
        let mut failed: Option<&str> = None;
        let mut tried = false;
        for event in &parked {
            let sequence = &*event.sequence;
            if !division.owns(sequence) || !marked.contains(sequence) || failed == Some(sequence) {
                continue;
            }
            self.told().await?;
            tried = true;
            if let Retried::Failed = self.retry(event, division).await? {
                failed = Some(sequence);
            }
        }
        if tried {
            self.load_parked().await?;
        }
        self.retried = asked;
        Ok(())
    }

    async fn retry(&mut self, parked: &ParkedEvent, division: &Division) -> Result<Retried, Halt> {
        let record = self.find(parked.position).await?;
        self.observed.step_begins(self.position);
        let step = self.observed.step();
        if let Err(trouble) =
            step.cover(self.take_for(vec![record], division, Some(&parked.sequence))).await
        {
            return self.not_retried(parked, trouble).await;
        }
        let settled = ParkedId { sequence: parked.sequence.clone(), position: parked.position };
        let (limits, patience) = (self.limits(), self.patience());
        let span = self.observed.step();
        let held = Held { lease: &*self.member, control: &self.control };
        let prepared = match span.clone().cover(self.handler.prepare(&held)).await {
            Ok(prepared) => prepared,
            Err(trouble) => return self.not_retried(parked, trouble).await,
        };
        let handled = prepared.handled;
        let step = Step {
            claim: &self.claim,
            from: self.position,
            to: self.position,
            events: handled,
            rows: prepared.rows,
            work: prepared.work,
            park: &[],
            settle: &[settled],
            limits,
        };
        let step = span.cover(self.member.store.commit(step));
        let step = tokio::time::timeout(patience, step).await;
        match step.unwrap_or_else(|_| Err(overdue())) {
            Ok(()) => {
                // The checkpoint has stayed, so it would not show that the server has lost this step: nothing rests on it.
                self.handler.undone();
                self.observed.settled(parked.position, &parked.sequence, handled);
                self.gauge.set(|reading| reading.events += handled);
                Ok(Retried::Settled)
            }
            Err(StepError::Fenced) => Err(Halt::Ended),
            Err(StepError::Handler(failed)) => {
                let failed = Failed::in_step(self.batch(), &failed);
                self.not_retried(parked, Trouble::Failed(failed)).await
            }
            // Whether it is parked still tells what became of it.
            Err(StepError::Store(error @ StoreError::OutcomeUnknown(_))) => {
                self.claim_again(&error).await?;
                Err(self.begin_again())
            }
            Err(StepError::Store(error)) => Err(self.interrupted(&error).await),
        }
    }

    async fn not_retried(
        &mut self,
        parked: &ParkedEvent,
        trouble: Trouble,
    ) -> Result<Retried, Halt> {
        let failed = match trouble {
            Trouble::Failed(failed) => failed,
            Trouble::Store(error) => return Err(self.interrupted(&error).await),
            Trouble::Lease => return Err(self.lease_over().await),
        };
        self.handler.undone();
        let event = Blamed {
            position: parked.position,
            event_id: parked.event_id,
            sequence: parked.sequence.clone(),
        };
        let stops = failed.kind == FailureKind::Refused;
        let note = noted(Some(&event), self.position, failed.kind, failed.reason, stops);
        self.note_failure(note).await?;
        if stops { Err(Halt::Ended) } else { Ok(Retried::Failed) }
    }

    async fn find(&mut self, position: Position) -> Result<RecordedEvent, Halt> {
        let before = Position::new(position.get().saturating_sub(1));
        let mut found = self.member.store.read_all(ReadAll::after(before).up_to(position));
        match found.next().await {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.interrupted(&error).await),
            None => {
                let lost = format!("the log has no event at {position}, which is parked");
                Err(self.interrupted(&StoreError::Failed(lost.into())).await)
            }
        }
    }
}
