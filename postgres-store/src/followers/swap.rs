//! A shadow takes the place of the live build.

use std::time::Duration;

use annals_core::{
    StoreError,
    followers::{BuildId, Dependent, Swap},
};
use sqlx::{AssertSqlSafe, Row, postgres::PgRow};

use crate::{database::Database, failure::Failure};

/// For how long a swap may keep readers waiting for the locks it needs. They wait for as long again, or less, while it does its work.
const READERS_WAIT: Duration = Duration::from_millis(20);

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
        let mut connection =
            self.connection().await.map_err(|failure| failure.into_store_error(false))?;
        // When an answer is an error, or its future is dropped, the connection is left in the transaction.
        connection.close_on_drop();
        let rows = sqlx::raw_sql(AssertSqlSafe(self.swap_sql(shadow, patience)))
            .fetch_all(&mut *connection)
            .await;
        let failed = |error| Failure::while_running(error).into_store_error(false);
        let row = rows.map_err(failed)?.pop().ok_or(sqlx::Error::RowNotFound).map_err(failed)?;
        answer(&row).map_err(failed)
    }

    /// All in one message, whatever role, database or pool are set to: once it is sent, it needs nothing more from this
    /// process, so that none that is frozen keeps readers waiting for the commit. But if this process is gone before it has
    /// happened, or the future was dropped, the server gives up. Safe: numbers, and a checked name.
    fn swap_sql(&self, shadow: BuildId, patience: Duration) -> String {
        let limit = millis(patience.saturating_add(PREPARING));
        let (patience, readers) = (millis(patience), millis(READERS_WAIT));
        self.schema.fill(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = {limit}; \
             {WATCH_CLIENT}; SELECT outcome, detail::text FROM {{schema}}.swap_build({shadow}, {patience}, {readers}); COMMIT"
        ))
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
