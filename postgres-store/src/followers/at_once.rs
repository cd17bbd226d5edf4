//! A step of a read model in one statement: one round trip, and no lock is held while this process is waited for.
//!
//! The server cannot be told to end it in time, since what is set within a statement comes too late for it. So it is there for
//! what has no reason to take long, and whatever is in its way is left to a transaction.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use annals_core::{
    StoreError,
    followers::{Claim, PartId, RowChanges, StepError},
};
use sqlx::PgConnection;

use super::{
    judge, row_sql,
    step::{Advance, milliseconds},
    write::{bind_upserts, keys_of_rows, place, sql},
};
use crate::{database::Database, failure::Failure};

/// For how long it waits for the lock of a row.
const ROWS_WAIT: Duration = Duration::from_millis(100);

/// The parameters of `sql/followers/advance_at_once.sql`.
const PARAMETERS: usize = 8;

/// Which parts may step in one statement. Under each claim a transaction goes first, and so does one once a build has come to serve.
#[derive(Debug, Default)]
pub(crate) struct AtOnce(Mutex<HashMap<PartId, Standing>>);

/// What is known of a part under one claim.
#[derive(Debug)]
struct Standing {
    fence: u64,
    is_live: bool,
    /// Whether nothing is known that keeps all its steps from being statements.
    can: bool,
    /// Whether a transaction has gone first.
    has_stepped: bool,
}

impl AtOnce {
    /// A transaction has found whether there are triggers on the table: what they do has to end in time.
    pub(super) fn found(&self, claim: &Claim, has_triggers: bool) {
        let Claim { part, fence, is_live, .. } = *claim;
        let new = Standing { fence, is_live, can: !has_triggers, has_stepped: false };
        let mut parts = self.parts();
        if !parts.get(&part).is_some_and(|known| known.is_of(claim)) {
            parts.insert(part, new);
        }
    }

    /// A transaction has happened.
    pub(super) fn stepped(&self, claim: &Claim) {
        self.change(claim, |known| known.has_stepped = true);
    }

    /// Whether a step may be one statement.
    fn may(&self, claim: &Claim) -> bool {
        let parts = self.parts();
        let known = parts.get(&claim.part).filter(|known| known.is_of(claim));
        known.is_some_and(|known| known.can && known.has_stepped)
    }

    fn never_again(&self, claim: &Claim) {
        self.change(claim, |known| known.can = false);
    }

    fn change(&self, claim: &Claim, change: impl FnOnce(&mut Standing)) {
        if let Some(known) = self.parts().get_mut(&claim.part).filter(|known| known.is_of(claim)) {
            change(known);
        }
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<PartId, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn is_of(&self, claim: &Claim) -> bool {
        (self.fence, self.is_live) == (claim.fence, claim.is_live)
    }
}

impl Database {
    /// Commits a step that only writes rows, and answers whether it did. If it did not, nothing has changed, and a transaction is to
    /// find out why.
    pub(super) async fn commit_at_once(
        &self,
        step: &Advance<'_>,
        RowChanges { table, upserts, deletes }: &RowChanges<'_>,
        connection: &mut PgConnection,
    ) -> Result<bool, StepError> {
        if !self.at_once.may(step.claim) {
            return Ok(false);
        }
        let is_live = step.claim.is_live;
        let schema = self.schema.fill(place(is_live));
        let advance = self.statements.advance_at_once.text();
        let deletes = keys_of_rows(deletes);
        let text = row_sql::at_once(advance, &schema, table, PARAMETERS + 1, &deletes, upserts);
        let mut query = step.bind(sql(text));
        query = query.bind(is_live).bind(milliseconds(ROWS_WAIT.min(step.limits.statement)));
        if !deletes.is_empty() {
            query = query.bind(deletes);
        }
        if !upserts.is_empty() {
            query = bind_upserts(query, table, upserts);
        }
        let answer = tokio::time::timeout(step.limits.statement, query.execute(connection)).await;
        let Ok(answer) = answer else {
            return Err(StoreError::OutcomeUnknown("the step took too long".into()).into());
        };
        match answer.map_err(Failure::while_running) {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(refused) if refused.is_connection_usable() => {
                if is_for_good(&refused) {
                    self.at_once.never_again(step.claim);
                }
                tracing::debug!(table = table.name, error = %refused.source, "a step is to be a transaction");
                Ok(false)
            }
            Err(lost) => Err(lost.into_store_error(false).into()),
        }
    }
}

/// Whether it would be refused again: no such right or table, nothing may be written, not supported.
fn is_for_good(refused: &Failure) -> bool {
    let code = judge::code(&refused.source).unwrap_or_default();
    matches!(code.get(..2), Some("0A" | "25" | "42"))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use annals_core::{Position, followers::BuildId};

    use super::*;

    fn claim(part: u16, fence: u64) -> Claim {
        let part = PartId { build: BuildId::new(1), part };
        let (parts, position) = (NonZeroU16::MIN, Position::START);
        Claim { part, parts, fence, position, is_live: false }
    }

    #[test]
    fn under_each_claim_a_transaction_goes_first() {
        let at_once = AtOnce::default();
        for fence in [3, 7] {
            let claim = claim(0, fence);
            assert!(!at_once.may(&claim));
            at_once.found(&claim, false);
            assert!(!at_once.may(&claim), "it has not happened yet");
            at_once.stepped(&claim);
            assert!(at_once.may(&claim));
        }
        assert!(!at_once.may(&claim(0, 3)), "that is over");
        assert!(!at_once.may(&claim(1, 7)), "another part");
    }

    #[test]
    fn what_comes_to_serve_is_looked_at_again() {
        let (at_once, shadow) = (AtOnce::default(), claim(0, 3));
        at_once.found(&shadow, false);
        at_once.stepped(&shadow);
        at_once.never_again(&shadow);
        let live = Claim { is_live: true, ..shadow };
        assert!(!at_once.may(&live));
        at_once.found(&live, false);
        at_once.stepped(&live);
        assert!(at_once.may(&live));
        assert!(!at_once.may(&shadow));
    }

    #[test]
    fn what_has_triggers_or_is_refused_for_good_gets_transactions() {
        for (part, has_triggers) in [(0, true), (1, false)] {
            let (at_once, claim) = (AtOnce::default(), claim(part, 3));
            at_once.found(&claim, has_triggers);
            at_once.stepped(&claim);
            if !has_triggers {
                at_once.never_again(&claim);
            }
            at_once.found(&claim, false);
            at_once.stepped(&claim);
            assert!(!at_once.may(&claim), "triggers: {has_triggers}");
        }
    }
}
