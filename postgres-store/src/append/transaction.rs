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
        let outcome: Result<_, Failure> = async {
            let parts: Vec<_> = appends.iter().collect();
            // Kinds are numbered outside, for the numbers have to stay if the transaction does not.
            let kinds = match self.kinds.known().covers(&parts) {
                true => self.kinds.known(),
                false => {
                    self.kinds
                        .covering(&parts, &mut *self.connection().await?, &self.statements)
                        .await?
                }
            };
            self.call_in_transaction(appends, &kinds, connection).await
        }
        .await;
        outcome.unwrap_or_else(|failure| {
            if failure.kind == FailureKind::SchemaReplaced {
                self.kinds.forget();
            }
            Err(failure.into_transaction_error().into())
        })
    }
}
