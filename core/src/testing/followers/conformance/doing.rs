use std::time::Duration;

use super::{Fixture, trial::Trial, trial::position, work::Writing};
use crate::{
    EventId, FollowerStore,
    followers::{Claim, Limits, Park, ParkedId, RowChanges, Step, StepError, Upsert, Work},
};

/// No case comes near to these.
pub(super) const LIMITS: Limits =
    Limits { statement: Duration::from_secs(30), idle: Duration::from_secs(30) };

/// What a step is to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing {
    from: u64,
    to: u64,
    events: u64,
    upserts: Vec<Upsert>,
    deletes: Vec<String>,
    park: Vec<Park>,
    settle: Vec<ParkedId>,
}

impl Doing {
    /// Moves the checkpoint.
    pub(super) fn from_to(from: u64, to: u64) -> Self {
        Self { from, to, ..Self::default() }
    }

    pub(super) fn events(mut self, events: u64) -> Self {
        self.events = events;
        self
    }

    pub(super) fn put(mut self, row: Upsert) -> Self {
        self.upserts.push(row);
        self
    }

    pub(super) fn put_all(mut self, rows: impl IntoIterator<Item = Upsert>) -> Self {
        self.upserts.extend(rows);
        self
    }

    pub(super) fn delete(mut self, key: &str) -> Self {
        self.deletes.push(key.into());
        self
    }

    /// Parks the event at `at` for a sequence.
    pub(super) fn park(self, sequence: &str, at: u64, is_cause: bool) -> Self {
        self.park_event(sequence, at, is_cause, EventId::new())
    }

    pub(super) fn park_event(
        mut self,
        sequence: &str,
        at: u64,
        is_cause: bool,
        event_id: EventId,
    ) -> Self {
        self.park.push(Park {
            sequence: sequence.into(),
            position: position(at),
            event_id,
            is_cause,
        });
        self
    }

    pub(super) fn settle(mut self, sequence: &str, at: u64) -> Self {
        self.settle.push(ParkedId { sequence: sequence.into(), position: position(at) });
        self
    }

    pub(super) async fn commit<F: Fixture>(
        self,
        trial: &Trial<F>,
        claim: &Claim,
        work: Option<&mut Writing<F>>,
    ) -> Result<(), StepError> {
        let table = super::trial::table();
        let rows = RowChanges { table: &table, upserts: &self.upserts, deletes: &self.deletes };
        let changes_rows = !(self.upserts.is_empty() && self.deletes.is_empty());
        let step = Step {
            claim,
            from: position(self.from),
            to: position(self.to),
            events: self.events,
            rows: changes_rows.then_some(rows),
            work: work.map(|work| work as &mut dyn Work<_>),
            park: &self.park,
            settle: &self.settle,
            limits: LIMITS,
        };
        trial.store.commit(step).await
    }
}
