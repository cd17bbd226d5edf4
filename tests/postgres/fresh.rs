//! A schema of its own for each test.

use std::env;

use annals::{PostgresStore, PostgresStoreBuilder};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// The server to test on.
pub(crate) fn url() -> String {
    env::var("ANNALS_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a Postgres server: run them with `cargo xtask test`, which starts one, \
             or set ANNALS_TEST_DATABASE_URL to the URL of a database in which they may create schemas"
        )
    })
}

/// A store that nobody else uses, not yet migrated.
pub(crate) fn builder() -> PostgresStoreBuilder {
    PostgresStore::builder().with_schema(format!("annals_test_{}", Uuid::now_v7().simple()))
}

pub(crate) async fn fresh_store() -> PostgresStore {
    let store = builder().connect(&url()).await.expect("the test server should be there");
    store.migrate().await.expect("the schema should be made");
    store
}

/// A connection of the test's own, past the store.
pub(crate) async fn connection() -> PgConnection {
    PgConnection::connect(&url()).await.expect("the test server should be there")
}
