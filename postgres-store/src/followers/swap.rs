//! A shadow takes the place of the live build.

use std::{mem, time::Duration};

use annals_core::{
    StoreError,
    followers::{BuildId, Dependent, Swap},
};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};
use tokio::runtime::Handle;

use super::lent::Lent;
use crate::{database::Database, failure::Failure};

/// For how long a swap may keep readers waiting for the locks it needs. They wait for as long again, or less, while it does its work.
const READERS_WAIT: Duration = Duration::from_millis(20);

const BEGIN_SWAP: &str = include_str!("../../sql/followers/begin_swap.sql");
const WATCH_CLIENT: &str = include_str!("../../sql/followers/watch_client.sql");

/// What may pass before a swap begins to hold the live build: an autovacuum that has to give way, a command.
const PREPARING: Duration = Duration::from_secs(10);

impl Database {
    /// One attempt. `sql/functions/swap_build.sql` tells what happens in which order, and why.
    pub(crate) async fn swap(
        &self,
        shadow: BuildId,
        patience: Duration,
    ) -> Result<Swap, StoreError> {
        let _turn = self.swaps.acquire().await;
        let connection =
            self.connection().await.map_err(|failure| failure.into_store_error(false))?;
        // When an answer is an error, or its future is dropped, the connection is left in the transaction.
        let mut lent = Lent::new(connection);
        let failed = |error| Failure::while_running(error).into_store_error(false);
        let session = Session::begin(self, &mut lent).await.map_err(failed)?;
        let rows = sqlx::raw_sql(AssertSqlSafe(self.swap_sql(shadow, patience)))
            .fetch_all(&mut *lent)
            .await;
        if let Some(session) = session {
            session.end();
        }
        let mut rows = rows.map_err(failed)?;
        lent.give_back();
        let row = rows.pop().ok_or(sqlx::Error::RowNotFound).map_err(failed)?;
        answer(&row).map_err(failed)
    }

    /// All in one message, in the transaction that was begun: once it is sent, it needs nothing more from this
    /// process, so that none that is frozen keeps readers waiting for the commit. But if this process is gone before it has
    /// happened, or the future was dropped, the server gives up. Safe: numbers, and a checked name.
    fn swap_sql(&self, shadow: BuildId, patience: Duration) -> String {
        let limit = millis(patience.saturating_add(PREPARING));
        let (patience, readers) = (millis(patience), millis(READERS_WAIT));
        self.schema.fill(&format!(
            "SET LOCAL statement_timeout = {limit}; \
             {WATCH_CLIENT}; SELECT outcome, detail::text FROM {{schema}}.swap_build({shadow}, {patience}, {readers}); COMMIT"
        ))
    }
}

/// The session of a swap, on a server that does not look after its clients: ended from another one if it is dropped.
struct Session<'a> {
    database: &'a Database,
    pid: i32,
    began: String,
    is_done: bool,
}

impl<'a> Session<'a> {
    /// Begins the transaction. None where the server looks after its clients by itself.
    async fn begin(
        database: &'a Database,
        connection: &mut PgConnection,
    ) -> Result<Option<Self>, sqlx::Error> {
        let rows = sqlx::raw_sql(BEGIN_SWAP).fetch_all(connection).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (pid, began) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Some(Self { database, pid, began, is_done: false }))
    }

    fn end(mut self) {
        self.is_done = true;
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Without a runtime, as when the process ends, it goes on for as long as it was asked to.
        if !self.is_done
            && let Ok(runtime) = Handle::try_current()
        {
            let end = self
                .database
                .statements
                .end_session
                .query()
                .bind(self.pid)
                .bind(mem::take(&mut self.began));
            let pool = self.database.pool.clone();
            runtime.spawn(async move {
                if let Err(error) = end.execute(&pool).await {
                    tracing::warn!(%error, "a swap that was given up goes on until its time is over");
                }
            });
        }
    }
}

/// As whole milliseconds, of which Postgres takes 2^31 - 1 and no more.
pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn answer(row: &PgRow) -> Result<Swap, sqlx::Error> {
    let detail: Option<&str> = row.try_get_unchecked(1)?;
    let detail = detail.unwrap_or("null");
    let wrong = |error: serde_json::Error| sqlx::Error::Decode(error.into());
    Ok(match row.try_get_unchecked(0)? {
        "swapped" => Swap::Swapped,
        "behind" => Swap::Behind,
        "held" => Swap::Held { by: serde_json::from_str(detail).map_err(wrong)? },
        "parked" => Swap::Parked { events: serde_json::from_str(detail).map_err(wrong)? },
        "refused" => Swap::Refused(serde_json::from_str::<Vec<Dependent>>(detail).map_err(wrong)?),
        "gone" => Swap::Gone,
        other => {
            return Err(sqlx::Error::Decode(format!("a swap answered {other:?}").into()));
        }
    })
}
