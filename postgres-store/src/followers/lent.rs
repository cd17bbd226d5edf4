//! A connection that is given back only if it is known what it is at.

use std::ops::{Deref, DerefMut};

use annals_core::followers::StepError;
use sqlx::{Connection, PgConnection, Postgres, Transaction, pool::PoolConnection};

use super::judge;

/// A connection of the pool that is in a transaction, or may be. Unless it is [given back](Self::give_back) it is closed,
/// whoever drops it and wherever: a future that is dropped while it begins, works or ends leaves a connection that
/// nobody knows the state of. The server undoes a transaction that was not committed, and carries out a statement that it has.
pub(super) struct Lent {
    connection: PoolConnection<Postgres>,
    is_in_doubt: bool,
}

impl Lent {
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self { connection, is_in_doubt: true }
    }

    /// Begins a transaction, whatever the role or the pool is set to.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
        self.connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await
    }

    /// What became of a transaction that has [ended](end).
    pub(super) fn after(self, outcome: Result<(), StepError>) -> Result<(), StepError> {
        if outcome.is_ok() && Connection::is_in_transaction(&*self.connection) {
            // What was to be the COMMIT has ended a savepoint: nothing is committed.
            return Err(judge::refused("it has left a savepoint open; commit it, or drop it"));
        }
        self.give_back();
        outcome
    }

    /// The server has answered that the transaction is over: others may have the connection.
    pub(super) fn give_back(mut self) {
        self.is_in_doubt = false;
    }
}

/// Ends `transaction` as its work has ended. An error leaves the connection in doubt: it is to be dropped.
pub(super) async fn end(
    transaction: Transaction<'_, Postgres>,
    outcome: Result<(), StepError>,
) -> Result<Result<(), StepError>, StepError> {
    match &outcome {
        Ok(()) => transaction.commit().await.map_err(judge::commit)?,
        // Nobody knows what the connection is at, or it has a plan that a swap has made stale.
        Err(error) if error.leaves_doubt() || matches!(error, StepError::Store(_)) => {
            return outcome.map(Ok);
        }
        Err(_) => transaction.rollback().await.map_err(judge::store)?,
    }
    Ok(outcome)
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_in_doubt {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
