//! A step of a read model in one statement: one round trip, and no lock is held while this process is waited for.

use std::time::Duration;

use annals_core::followers::{RowChanges, StepError};
use sqlx::PgConnection;

use super::{
    row_sql,
    step::Advance,
    swap::millis,
    write::{bind_upserts, keys_of_rows, place, sql},
};
use crate::{database::Database, failure::Failure};

/// For how long it waits for the lock of a row. No timeout can be set within the statement for itself, so whoever holds one for longer
/// is waited for in a transaction.
const ROWS_WAIT: Duration = Duration::from_millis(100);

/// The parameters of `sql/followers/advance_at_once.sql`.
const PARAMETERS: usize = 8;

impl Database {
    /// Commits a step that only writes rows, and answers whether it did. If it did not, nothing has changed, and a transaction is to
    /// find out why.
    pub(super) async fn advance_with(
        &self,
        step: &Advance<'_>,
        RowChanges { table, upserts, deletes }: &RowChanges<'_>,
        connection: &mut PgConnection,
    ) -> Result<bool, StepError> {
        let is_live = step.claim.is_live;
        let schema = self.schema.fill(place(is_live));
        let advance = self.statements.advance_at_once.text();
        let deletes = keys_of_rows(deletes);
        let first = PARAMETERS + 1;
        let text = row_sql::at_once(advance, &schema, table, first, !deletes.is_empty());
        let query = step.bind(sql(text));
        let query =
            query.bind(is_live).bind(millis(ROWS_WAIT.min(step.limits.statement)).to_string());
        let query = if deletes.is_empty() { query } else { query.bind(deletes) };
        let query = bind_upserts(query, table, upserts);
        match query.execute(connection).await.map_err(Failure::while_running) {
            Ok(done) => Ok(done.rows_affected() > 0),
            Err(refused) if refused.is_connection_usable() => Ok(false),
            Err(lost) => Err(lost.into_store_error(false).into()),
        }
    }
}
