//! A schema of its own for each test.

use std::env;

use annals::{PostgresStore, PostgresStoreBuilder};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

/// The server to test on.
pub(crate) fn url() -> String {
    env::var("ANNALS_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a Postgres server: run them with `cargo xtask test`, which starts one, \
             or set ANNALS_TEST_DATABASE_URL to the URL of a database, as a superuser"
        )
    })
}

/// The server to test on, for sessions that begin with `setting`.
pub(crate) fn url_with(setting: &str, value: &str) -> String {
    let url = url();
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}options[{setting}]={value}")
}

/// A name for a schema, a role or a database that nobody else uses.
pub(crate) fn name() -> String {
    format!("annals_test_{}", Uuid::now_v7().simple())
}

/// A store that nobody else uses, not yet migrated.
pub(crate) fn builder() -> PostgresStoreBuilder {
    PostgresStore::builder().with_schema(name())
}

pub(crate) async fn fresh_store() -> PostgresStore {
    let store = builder().connect(&url()).await.expect("the test server should be there");
    store.migrate().await.expect("the schema should be made");
    store
}

/// Another store on the same schema: what another process would have.
pub(crate) async fn beside(store: &PostgresStore) -> PostgresStore {
    let builder = PostgresStore::builder().with_schema(store.schema());
    builder.connect(&url()).await.expect("the test server should be there")
}

/// A connection of the test's own, past the store.
pub(crate) async fn connection() -> PgConnection {
    PgConnection::connect(&url()).await.expect("the test server should be there")
}

/// Runs `sql`, with the quoted name of the store's schema for each `$schema`.
pub(crate) async fn run(
    connection: &mut PgConnection,
    store: &PostgresStore,
    sql: &str,
) -> Result<(), sqlx::Error> {
    let sql = sql.replace("$schema", &format!("\"{}\"", store.schema()));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}
