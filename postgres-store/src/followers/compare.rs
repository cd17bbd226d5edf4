//! A shadow is compared with the live build.

use std::time::Duration;

use annals_core::{
    Payload, Position, StoreError,
    followers::{BuildId, Compared, Difference, Differences},
};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, pool::PoolConnection, postgres::PgRow};

use super::swap::millis;
use crate::{database::Database, failure::Failure};

/// How many of the rows that differ are told.
const TOLD: u64 = 100;

/// What is said about the read that compares.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Database {
    /// One attempt: one transaction holds the live build still until the shadow is where it is and another one has its
    /// snapshot of both; that one compares, while both go on.
    pub(crate) async fn compare(
        &self,
        shadow: BuildId,
        patience: Duration,
    ) -> Result<Compared, StoreError> {
        let compared = async {
            let _turn = self.swaps.acquire().await;
            // Both before anything is held still.
            let mut comparing = self.lent().await?;
            let mut holding = self.lent().await?;
            run(&mut holding, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
            self.statements.watch_client.query().execute(&mut *holding).await?;
            let hold = self.statements.hold_for_comparison.query();
            let hold = hold.bind(shadow.get().cast_signed()).bind(millis(patience));
            let held = hold.fetch_one(&mut *holding).await?;
            match held.try_get_unchecked(0)? {
                "there" => {}
                "gone" => return Ok(Compared::Gone),
                _ => return Ok(Compared::Behind),
            }
            run(&mut comparing, SNAPSHOT).await?;
            let at = self.statements.compared_at.query().bind(shadow.get().cast_signed());
            let at = at.fetch_optional(&mut *comparing).await?;
            run(&mut holding, "ROLLBACK").await?;
            drop(holding);
            match at {
                Some(at) => self.differences(&at, shadow, &mut comparing).await.map(Compared::At),
                None => Ok(Compared::Behind),
            }
        };
        match compared.await {
            Ok(compared) => Ok(compared),
            // Its tables may have been taken away meanwhile.
            Err(_) if self.is_gone(shadow).await => Ok(Compared::Gone),
            Err(error) => Err(Failure::while_running(error).into_read_error()),
        }
    }

    /// A connection that is closed in the end, and its transaction with it, whatever becomes of this future.
    async fn lent(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        connection.close_on_drop();
        Ok(connection)
    }

    async fn is_gone(&self, shadow: BuildId) -> bool {
        let Ok(mut connection) = self.connection().await else { return false };
        let query = self.statements.is_shadow.query().bind(shadow.get().cast_signed());
        let row = query.fetch_one(&mut *connection).await;
        row.is_ok_and(|row| row.try_get_unchecked(0).is_ok_and(|is_shadow: bool| !is_shadow))
    }

    async fn differences(
        &self,
        at: &PgRow,
        shadow: BuildId,
        snapshot: &mut PgConnection,
    ) -> Result<Differences, sqlx::Error> {
        let (position, live): (i64, i64) = (at.try_get_unchecked(0)?, at.try_get_unchecked(1)?);
        let shadow = shadow.get().cast_signed();
        let ignored = self.statements.ignored_columns.query().bind(live).bind(shadow);
        let ignored = ignored.fetch_all(&mut *snapshot).await?;
        let mut differences = Differences {
            position: Position::new(position.unsigned_abs()),
            count: 0,
            rows: Vec::new(),
            ignored_columns: ignored
                .iter()
                .map(|row| row.try_get_unchecked(0))
                .collect::<Result<_, _>>()?,
        };
        let candidates = self.statements.differing_rows.query().bind(live).bind(shadow);
        let mut candidates = candidates.fetch(snapshot);
        while let Some(row) = candidates.try_next().await? {
            let Candidate { table, key, live, rebuilt } = candidate(&row)?;
            if matches!((&live, &rebuilt), (Some(live), Some(rebuilt)) if live.is_same(rebuilt)) {
                continue;
            }
            differences.count += 1;
            if differences.count <= TOLD {
                let (live, rebuilt) = (live.map(Side::text), rebuilt.map(Side::text));
                differences.rows.push(Difference { table, key, live, rebuilt });
            }
        }
        Ok(differences)
    }
}

/// A row that may differ.
struct Candidate<'a> {
    table: String,
    key: Option<String>,
    live: Option<Side<'a>>,
    rebuilt: Option<Side<'a>>,
}

/// What it is like in one of the builds.
struct Side<'a> {
    /// The state of a read model's row; all of a projection's.
    state: &'a str,
    /// The declared columns of a read model's row, if there are any.
    columns: Option<&'a str>,
}

impl Side<'_> {
    /// States are compared as JSON, in which the order of an object's fields is no difference.
    fn is_same(&self, other: &Self) -> bool {
        let value = |side: &Self| Payload::from_stored(side.state).to_value();
        self.columns == other.columns
            && matches!((value(self), value(other)), (Ok(live), Ok(rebuilt)) if live == rebuilt)
    }

    fn text(self) -> String {
        match self.columns {
            Some(columns) => format!("{} {columns}", self.state),
            None => self.state.to_owned(),
        }
    }
}

fn candidate(row: &PgRow) -> Result<Candidate<'_>, sqlx::Error> {
    let side = |state, columns| -> Result<_, sqlx::Error> {
        let (state, columns): (Option<&str>, _) =
            (row.try_get_unchecked(state)?, row.try_get_unchecked(columns)?);
        Ok(state.map(|state| Side { state, columns }))
    };
    Ok(Candidate {
        table: row.try_get_unchecked(0)?,
        key: row.try_get_unchecked(1)?,
        live: side(2, 3)?,
        rebuilt: side(4, 5)?,
    })
}

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}
