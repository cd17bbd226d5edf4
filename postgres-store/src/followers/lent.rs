//! A connection that is given back only if it is known what it is at.

use std::ops::{Deref, DerefMut};

use sqlx::{Connection, PgConnection, Postgres, Transaction, pool::PoolConnection};

/// A connection of the pool that is in a transaction, or may be. Unless it is [given back](Self::give_back) it is closed,
/// whoever drops it and wherever: a future that is dropped while it begins, works or ends leaves a connection that
/// nobody knows the state of, and the server undoes what was not committed.
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

    /// Whether a transaction is open after one has ended, which can only have been a savepoint in it.
    pub(super) fn is_in_transaction(&self) -> bool {
        Connection::is_in_transaction(&*self.connection)
    }

    /// The server has answered that the transaction is over: others may have the connection.
    pub(super) fn give_back(mut self) {
        self.is_in_doubt = false;
    }
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
