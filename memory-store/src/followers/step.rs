//! What happens in the name of a part.

use annals_core::{
    Position, StoreError,
    followers::{
        BuildId, Claim, Failure, FailureKind, HandlerFailed, Make, Note, NotedFailure, ParkedEvent,
        RowChanges, Step, StepError,
    },
};
use chrono::{DateTime, Utc};

use super::{
    Followers,
    books::{Filling, State, take_away},
    tables::Tables,
};

impl Followers {
    pub(super) async fn make(
        &self,
        claim: &Claim,
        make: Make<'_, Tables>,
    ) -> Result<(), StepError> {
        if self.state().claimed(claim).ok_or(StepError::Fenced)?.build.is_made {
            return Ok(());
        }
        let mut tables = Tables::default();
        let shape = match make {
            Make::Table(shape) => Some(shape.clone()),
            Make::Work(work) => {
                work.run(&mut tables).await?;
                None
            }
        };
        self.change(|state| {
            let filling = state.claimed(claim).ok_or(StepError::Fenced)?;
            if !filling.build.is_made {
                (filling.table, filling.tables) = (shape, tables);
                filling.build.is_made = true;
            }
            Ok(())
        })
    }

    pub(super) async fn commit(&self, step: Step<'_, Tables>) -> Result<(), StepError> {
        let Step { claim, from, to, events, rows, work, park, settle, limits: _ } = step;
        let build = claim.part.build;
        let standing = |state: &mut State| {
            let filling = state.claimed(claim).ok_or(StepError::Fenced)?;
            let is_there = filling.part_mut(claim.part).is_some_and(|part| part.position == from);
            if is_there {
                Ok((filling.tables.clone(), filling.written))
            } else {
                Err(StepError::Fenced)
            }
        };
        let (mut tables, written) = self.unheld(build, standing).await?;
        let has_worked = work.is_some();
        if let Some(work) = work {
            work.run(&mut tables).await?;
        }
        let now = self.now();
        let put_in = |state: &mut State| {
            standing(state)?;
            let filling = state.claimed(claim).ok_or(StepError::Fenced)?;
            if has_worked && filling.written != written {
                let faster = "another part of the build has written to its tables meanwhile";
                return Err(StoreError::Unavailable(faster.into()).into());
            }
            if let Some(rows) = rows {
                filling.put(&rows)?;
            }
            if has_worked {
                filling.tables = tables;
                filling.written += 1;
            }
            for event in park {
                let key = (event.sequence.clone(), event.position);
                let sequence = filling.parked.values().filter(|other| other.sequence == key.0);
                let retry = sequence.into_iter().any(|other| other.retry);
                filling.parked.entry(key).or_insert_with(|| ParkedEvent {
                    sequence: event.sequence.clone(),
                    position: event.position,
                    event_id: event.event_id,
                    parked_at: now,
                    is_cause: event.is_cause,
                    retry,
                    failure: None,
                });
            }
            for done in settle {
                filling.parked.remove(&(done.sequence.clone(), done.position));
            }
            filling.advance(claim, to, events, now);
            Ok(())
        };
        self.unheld(build, put_in).await
    }

    pub(super) async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        let now = self.now();
        let noted = |state: &mut State| {
            let fence = state.next();
            let filling = state.claimed(claim).ok_or(StepError::Fenced)?;
            match note {
                Note::Passed { from, to } => {
                    let part = filling.part_mut(claim.part);
                    part.filter(|part| (*from..=*to).contains(&part.position))
                        .ok_or(StepError::Fenced)?;
                    filling.advance(claim, *to, 0, now);
                }
                Note::Failed(failed) => filling.fail(claim, failed, fence, now),
            }
            Ok(())
        };
        self.unheld(claim.part.build, noted).await
    }

    /// Changes what concerns `build`, once no swap and no comparison wants it to hold still.
    async fn unheld<T>(&self, build: BuildId, change: impl FnOnce(&mut State) -> T) -> T {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if state.filling(build).is_none_or(|filling| filling.held == 0) {
                    let answer = change(&mut state);
                    self.changed.notify_waiters();
                    return answer;
                }
            }
            changed.await;
        }
    }
}

impl Filling {
    fn put(&mut self, changes: &RowChanges<'_>) -> Result<(), HandlerFailed> {
        if self.table.is_none() {
            let reason = format!("build {} has no table {}", self.build.id, changes.table.name);
            let kind = FailureKind::Refused;
            return Err(HandlerFailed { at: None, kind, reason: reason.into() });
        }
        for row in changes.upserts {
            self.rows.insert(row.key.clone(), (row.state.clone(), row.values.clone()));
        }
        for key in changes.deletes {
            self.rows.remove(key);
        }
        Ok(())
    }

    fn advance(&mut self, claim: &Claim, to: Position, events: u64, now: DateTime<Utc>) {
        let Some(part) = self.part_mut(claim.part) else { return };
        part.events += events;
        if to > part.position {
            (part.position, part.advanced_at) = (to, Some(now));
        }
    }

    fn fail(&mut self, claim: &Claim, failed: &NotedFailure, fence: u64, now: DateTime<Utc>) {
        let NotedFailure { position, event_id, sequence, kind, reason, stops } = failed.clone();
        for parked in self.parked.values_mut().filter(|event| event.sequence == sequence) {
            parked.retry = false;
        }
        let before = self.failures.get(&position);
        let failure = Failure {
            part: claim.part,
            position,
            event_id,
            sequence,
            kind,
            reason,
            count: before.map_or(0, |before| before.count).saturating_add(1),
            first_at: before.map_or(now, |before| before.first_at),
            last_at: now,
        };
        self.failures.insert(position, failure.clone());
        if let Some(part) = self.part_mut(claim.part).filter(|_| stops) {
            part.stopped = Some(failure);
            take_away(part, fence);
        }
    }
}
