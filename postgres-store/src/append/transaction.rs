//! An append inside a transaction of the user's own.

use annals_core::StreamAppend;
use sqlx::PgConnection;

use super::{limits::Size, queue::Answer};
use crate::{
    database::Database,
    failure::{Failure, FailureKind},
};

impl Database {
    /// Appends as part of the transaction that `connection` is in.
    pub(crate) async fn append_in(
        &self,
        connection: &mut PgConnection,
        appends: &[StreamAppend],
    ) -> Answer {
        StreamAppend::check(appends)?;
        Size::of(appends)?;
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let outcome = match self.call_numbered(connection, appends).await {
            // Nothing was done, and the transaction is as it was.
            Err(failure) if failure.kind == FailureKind::Renumbered => {
                self.kinds.forget();
                self.call_numbered(connection, appends).await
            }
            outcome => outcome,
        };
        outcome.unwrap_or_else(|failure| Err(failure.into_transaction_error().into()))
    }

    async fn call_numbered(
        &self,
        connection: &mut PgConnection,
        appends: &[StreamAppend],
    ) -> Result<Answer, Failure> {
        let parts: Vec<_> = appends.iter().collect();
        // Kinds are numbered outside, for the numbers have to stay if the transaction does not.
        let mut kinds = self.kinds.known();
        if !kinds.covers(&parts) {
            let mut connection = self.connection().await?;
            kinds = self.kinds.covering(&parts, &mut connection, &self.statements).await?;
        }
        self.call_in_transaction(appends, &kinds, connection).await
    }
}
