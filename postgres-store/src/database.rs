//! What every part of the store needs to talk to its database.

use std::time::Duration;

use sqlx::{PgPool, Postgres, pool::PoolConnection};

use crate::{
    failure::Failure,
    kinds::Kinds,
    schema::{SchemaName, Statements},
};

#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    pub(crate) schema: SchemaName,
    pub(crate) statements: Statements,
    pub(crate) kinds: Kinds,
    /// The setting `synchronous_commit` for appends; none leaves it to server, role and pool.
    pub(crate) synchronous_commit: Option<&'static str>,
    /// For how long a lost append is tried again.
    pub(crate) retry_for: Duration,
}

impl Database {
    pub(crate) async fn connection(&self) -> Result<PoolConnection<Postgres>, Failure> {
        self.pool.acquire().await.map_err(Failure::before_sending)
    }
}
