//! The one transaction of a part: the checkpoint first, then the work. Where one statement will do, it is that.

use std::time::Duration;

use annals_core::{
    Position,
    followers::{Claim, FailureKind, Limits, Park, ParkedId, Step, StepError},
};
use sqlx::{
    Connection, PgConnection, Postgres, Row, postgres::PgArguments, postgres::PgRow, query::Query,
};

use super::{
    claim::{columns, position},
    failures::number,
    judge,
    lent::{Lent, end},
};
use crate::{database::Database, failure::Failure};

/// How a checkpoint is to move.
pub(super) struct Advance<'a> {
    pub(super) claim: &'a Claim,
    from: Position,
    to: Position,
    events: u64,
    /// What a read model writes to.
    table: Option<&'a str>,
    pub(super) limits: Limits,
}

/// What a step knows once its checkpoint has moved.
pub(super) struct Begun {
    pub(super) is_live: bool,
    /// The transaction, as Postgres calls it.
    pub(super) transaction: String,
}

impl Database {
    pub(super) async fn commit(&self, step: Step<'_, PgConnection>) -> Result<(), StepError> {
        // A closed semaphore would be one that nobody closes.
        let _room = self.steps.acquire().await;
        let connection = self.connection().await.map_err(unavailable)?;
        let mut lent = Lent::new(connection);
        if step.work.is_none() && step.park.is_empty() && step.settle.is_empty() {
            let advance = Advance::of(&step);
            let Some(rows) = step.rows else {
                let begun = self.advance(&advance, &mut lent).await.map_err(judge::committing)?;
                lent.give_back();
                return begun.map(drop).ok_or(StepError::Fenced);
            };
            if self.commit_at_once(&advance, &rows, &mut lent).await? {
                lent.give_back();
                return Ok(());
            }
        }
        let claim = step.claim;
        let mut transaction = lent.begin().await.map_err(judge::store)?;
        let outcome = self.carry_out(step, &mut transaction).await;
        let outcome = end(transaction, outcome).await?;
        lent.after(outcome)?;
        self.at_once.stepped(claim);
        Ok(())
    }

    async fn carry_out(
        &self,
        mut step: Step<'_, PgConnection>,
        transaction: &mut PgConnection,
    ) -> Result<(), StepError> {
        let advance = Advance::of(&step);
        let begun = self.advance(&advance, transaction).await.map_err(judge::store)?;
        let begun = begun.ok_or(StepError::Fenced)?;
        let build = number(step.claim.part.build);
        if let Some(rows) = &step.rows {
            self.write(rows, begun.is_live, transaction).await?;
        }
        if let Some(work) = step.work.take() {
            work.run(transaction).await.map_err(judge::work)?;
            let strangers = self.check_work(&begun, build, transaction).await?;
            if let [first, ..] = &*strangers {
                return Err(judge::refused(format!(
                    "it writes to {first}, which its create() does not make; a rebuild would count twice"
                )));
            }
        }
        self.park(build, step.park, transaction).await.map_err(judge::rows)?;
        self.settle(build, step.settle, transaction).await.map_err(judge::rows)
    }

    async fn advance(
        &self,
        step: &Advance<'_>,
        connection: &mut PgConnection,
    ) -> Result<Option<Begun>, sqlx::Error> {
        let query = step.bind(self.statements.advance.query());
        let query = limited(query, step.limits).bind(step.table);
        let row = query.fetch_optional(connection).await?;
        let begun = row.as_ref().map(begun).transpose()?;
        if let (Some(row), Some(_)) = (&row, step.table) {
            self.at_once.found(step.claim, row.try_get(2)?);
        }
        Ok(begun)
    }

    /// Whether the transaction is still the one that was begun, and what else than its own a build that is not live
    /// has written to.
    pub(super) async fn check_work(
        &self,
        begun: &Begun,
        build: i64,
        connection: &mut PgConnection,
    ) -> Result<Vec<String>, StepError> {
        let is_counted = connection.is_in_transaction();
        let query = self.statements.check_work.query().bind(&begun.transaction);
        let row = query.bind(build).bind(begun.is_live).fetch_one(connection).await;
        let row = match row {
            Err(error) if judge::code(&error).as_deref() == Some("25P02") => {
                return Err(judge::failed(FailureKind::Error, Swallowed(error)));
            }
            row => row.map_err(judge::store)?,
        };
        if is_counted && row.try_get(0).map_err(judge::store)? {
            return row.try_get(1).map_err(|error| judge::store(error).into());
        }
        Err(judge::refused(
            "it has ended the transaction that its checkpoint moves in; leave BEGIN, COMMIT and ROLLBACK to the store",
        ))
    }

    async fn park(
        &self,
        build: i64,
        park: &[Park],
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if park.is_empty() {
            return Ok(());
        }
        let sequences: Vec<_> = park.iter().map(|event| &*event.sequence).collect();
        let positions: Vec<_> = park.iter().map(|event| position(event.position)).collect();
        let ids: Vec<_> = park.iter().map(|event| event.event_id.as_uuid()).collect();
        let causes: Vec<_> = park.iter().map(|event| event.is_cause).collect();
        let query = self.statements.park.query().bind(build).bind(sequences).bind(positions);
        query.bind(ids).bind(causes).execute(transaction).await.map(drop)
    }

    async fn settle(
        &self,
        build: i64,
        settle: &[ParkedId],
        transaction: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if settle.is_empty() {
            return Ok(());
        }
        let sequences: Vec<_> = settle.iter().map(|event| &*event.sequence).collect();
        let positions: Vec<_> = settle.iter().map(|event| position(event.position)).collect();
        let query = self.statements.settle.query().bind(build).bind(sequences).bind(positions);
        query.execute(transaction).await.map(drop)
    }
}

impl<'a> Advance<'a> {
    fn of(step: &Step<'a, PgConnection>) -> Self {
        let Step { claim, from, to, events, limits, .. } = *step;
        let table = step.rows.map(|rows| rows.table.name);
        Self { claim, from, to, events, table, limits }
    }

    /// Binds the first six parameters of what advances.
    pub(super) fn bind(&self, query: Sql) -> Sql {
        let (build, part) = columns(self.claim.part);
        let query = query.bind(build).bind(part).bind(self.claim.fence.cast_signed());
        query.bind(position(self.from)).bind(position(self.to)).bind(self.events.cast_signed())
    }
}

/// A handler that goes on after one of its statements has failed: Postgres would roll back where it is told to commit.
#[derive(Debug, thiserror::Error)]
#[error("a statement of the handler failed, and it has not passed that error on")]
struct Swallowed(#[source] sqlx::Error);

type Sql = Query<'static, Postgres, PgArguments>;

/// Binds the timeouts.
pub(super) fn limited(query: Sql, limits: Limits) -> Sql {
    query.bind(milliseconds(limits.statement)).bind(milliseconds(limits.idle))
}

/// A timeout as a setting: 0 would be none.
pub(super) fn milliseconds(limit: Duration) -> String {
    limit.as_millis().clamp(1, i32::MAX.unsigned_abs().into()).to_string()
}

fn begun(row: &PgRow) -> Result<Begun, sqlx::Error> {
    Ok(Begun { is_live: row.try_get(0)?, transaction: row.try_get(1)? })
}

pub(super) fn unavailable(failure: Failure) -> StepError {
    failure.into_store_error(false).into()
}
