//! What every part of the store needs to talk to its database.

use std::time::Duration;

use sqlx::{Connection, PgPool, Postgres, pool::PoolConnection};
use tokio::sync::Semaphore;

use crate::{
    append::Unchanged,
    failure::Failure,
    followers::{AtOnce, Kept},
    kinds::Kinds,
    schema::{SchemaName, Statements},
};

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    pub(crate) schema: SchemaName,
    pub(crate) statements: Statements,
    pub(crate) kinds: Kinds,
    pub(crate) unchanged: Unchanged,
    /// The setting `synchronous_commit` for appends; none leaves it to server, role and pool.
    pub(crate) synchronous_commit: Option<&'static str>,
    /// For how long a lost append is tried again.
    pub(crate) retry_for: Duration,
    /// Whether notifications can be heard.
    pub(crate) listens: bool,
    /// Room for the steps of followers.
    pub(crate) steps: Semaphore,
    /// Which steps may be one statement.
    pub(crate) at_once: AtOnce,
    /// Swaps and comparisons take turns, so that steps have connections to catch up with.
    pub(crate) swaps: Semaphore,
    /// What the beats of a member go over.
    pub(crate) kept: Kept,
}

impl Database {
    pub(crate) async fn connection(&self) -> Result<PoolConnection<Postgres>, Failure> {
        self.pool.acquire().await.map_err(Failure::before_sending)
    }

    /// Whether the pool has no connection to spare: whoever keeps one without need lets others wait.
    pub(crate) fn is_used_up(&self) -> bool {
        self.pool.num_idle() == 0 && self.pool.size() >= self.pool.options().get_max_connections()
    }

    /// A connection that answers. Where one was lost, the others that were idle meanwhile are most likely lost as well,
    /// and look like any other until they are used.
    pub(crate) async fn live_connection(&self) -> Result<PoolConnection<Postgres>, Failure> {
        let mut idle = self.pool.options().get_max_connections();
        loop {
            let mut connection = self.connection().await?;
            let Err(lost) = connection.ping().await else { return Ok(connection) };
            connection.close_on_drop();
            if idle == 0 {
                return Err(Failure::before_sending(lost));
            }
            idle -= 1;
        }
    }

    /// What `read` answers. When its connection was lost it is asked once more, on one that lives: a read changes
    /// nothing.
    pub(crate) async fn read<T, F>(&self, read: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        match read().await {
            Err(failure) if failure.is_connection_lost() => {
                drop(self.live_connection().await?);
                read().await
            }
            outcome => outcome,
        }
    }
}
