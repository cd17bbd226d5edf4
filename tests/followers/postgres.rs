//! The cases on Postgres.

use annals::{
    EventStore, Followers, HandlerError, Options, PostgresStore, PostgresStoreBuilder, Projection,
    ReadModel, Recorded, StreamExt, followers::ProgressState,
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection};

#[path = "../postgres/fresh.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod fresh;

use crate::{
    ledger::{Balance, Behaviour, LONG, Moved, deposit, eventually},
    stores::TestStore,
};

/// A store in a schema that nobody else uses, which leaves the server's connections to other tests as well.
pub(crate) async fn fresh_store() -> PostgresStore {
    let store = fresh::builder().with_max_connections(10);
    let store = store.connect(&fresh::url()).await.expect("the test server should be there");
    store.migrate().await.expect("the schema should be made");
    store
}

/// Another, whose commits do not wait for the disk: for what commits very often, where nothing is killed.
pub(crate) async fn hasty_store() -> PostgresStore {
    let store = hasty(fresh::builder()).await;
    store.migrate().await.expect("the schema should be made");
    store
}

/// The same, as another process has it.
pub(crate) async fn hasty_beside(store: &PostgresStore) -> PostgresStore {
    hasty(PostgresStore::builder().with_schema(store.schema())).await
}

async fn hasty(store: PostgresStoreBuilder) -> PostgresStore {
    let url = fresh::url_with("synchronous_commit", "off");
    store.with_max_connections(12).connect(&url).await.expect("the test server should be there")
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

    async fn beside(&self) -> Self {
        fresh::beside(self).await
    }

    async fn journalled(&self) -> Vec<(String, u64)> {
        let schema = self.schema();
        let rows = format!("SELECT account, position FROM \"{schema}_read\".journal ORDER BY nth");
        let rows: Vec<(String, i64)> =
            sqlx::query_as(AssertSqlSafe(rows)).fetch_all(self.pool()).await.unwrap();
        rows.into_iter().map(|(account, at)| (account, at.unsigned_abs())).collect()
    }
}

/// Whoever ran the shadow learns of the swap, and looks for the tables where they are by then.
#[tokio::test]
async fn steps_take_one_statement_again_once_a_rebuild_serves() {
    let store = fresh_store().await;
    deposit(&store, "a", 1).await;
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let follower = running.follower(Balance::NAME);
    let reader = running.reader::<Balance>();
    reader.wait_for(store.head().await.unwrap(), LONG).await.unwrap();
    follower.rebuild().await.unwrap();
    let progress: Vec<_> = follower.progress().map(Result::unwrap).collect().await;
    assert!(progress.last().is_some_and(|last| last.state == ProgressState::Swapped));
    let see = "SET search_path = $read; CREATE TABLE seen (number serial, statement text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO seen (statement) VALUES (current_query()); RETURN NEW; END'";
    let read = format!("\"{}_read\"", store.schema());
    let mut connection = fresh::connection().await;
    sqlx::raw_sql(AssertSqlSafe(see.replace("$read", &read)))
        .execute(&mut connection)
        .await
        .unwrap();
    eventually(async || {
        for trigger in [
            "DROP TRIGGER IF EXISTS sees ON balances",
            "CREATE TRIGGER sees AFTER UPDATE ON balances FOR EACH ROW EXECUTE FUNCTION see()",
        ] {
            sqlx::raw_sql(trigger).execute(&mut connection).await.unwrap();
            let position = deposit(&store, "a", 1).await;
            reader.wait_for(position, LONG).await.unwrap();
        }
        let last = "SELECT statement FROM seen ORDER BY number DESC LIMIT 1";
        let last: String = sqlx::query_scalar(last).fetch_one(&mut connection).await.unwrap();
        last.contains("SET position =")
    })
    .await;
    running.shutdown().await;
}
