//! The cases on Postgres.

use std::env;

use annals::{HandlerError, Options, PostgresStore, Projection, Recorded};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::{
    ledger::{Behaviour, Moved},
    stores::TestStore,
};

/// A store in a schema that nobody else uses.
pub(crate) async fn fresh_store() -> PostgresStore {
    let url = env::var("ANNALS_TEST_DATABASE_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a Postgres server: run them with `cargo xtask test`, which starts one, \
             or set ANNALS_TEST_DATABASE_URL to the URL of a database, as a superuser"
        )
    });
    let name = format!("annals_test_{}", Uuid::now_v7().simple());
    let store = PostgresStore::builder().with_schema(name).with_max_connections(10);
    let store = store.connect(&url).await.expect("the test server should be there");
    store.migrate().await.expect("the schema should be made");
    store
}

pub(crate) struct InPostgres(Behaviour);

#[async_trait]
impl Projection<PgConnection> for InPostgres {
    const NAME: &'static str = "journal";
    type Event = Moved;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let table = "CREATE TABLE journal (
            nth bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, position bigint NOT NULL)";
        sqlx::raw_sql(table).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        sqlx::query("INSERT INTO journal (account, position) VALUES ($1, $2)")
            .bind(recorded.stream.entity_id())
            .bind(recorded.position.get().cast_signed())
            .execute(db)
            .await?;
        self.0.meet(recorded).await
    }

    fn options(&self) -> Options {
        self.0.options()
    }
}

#[async_trait]
impl TestStore for PostgresStore {
    type Journal = InPostgres;

    fn journal(behaviour: Behaviour) -> InPostgres {
        InPostgres(behaviour)
    }

    async fn journalled(&self) -> Vec<(String, u64)> {
        let schema = self.schema();
        let rows = format!("SELECT account, position FROM \"{schema}_read\".journal ORDER BY nth");
        let rows: Vec<(String, i64)> =
            sqlx::query_as(AssertSqlSafe(rows)).fetch_all(self.pool()).await.unwrap();
        rows.into_iter().map(|(account, at)| (account, at.unsigned_abs())).collect()
    }
}
