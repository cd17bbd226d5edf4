//! The ground that all contenders stand on: one server, and a fresh schema for each.

use std::{error::Error, str::FromStr, time::Duration};

use annals::PostgresStore;
use annals_figures::{Machine, Run};
use annals_test_server::{Binaries, Server};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use crate::machine;

/// As many as the pool of [`PostgresStore`] has if nothing is said.
const CONNECTIONS: u32 = 16;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug)]
pub(crate) struct Ground {
    url: String,
    /// Kept for as long as it is used; none where the environment names another.
    _server: Option<Server>,
    /// What the names of this run's schemas begin with.
    prefix: String,
    pub(crate) machine: Machine,
    pub(crate) run: Run,
    /// For how long one contender is measured in one round.
    pub(crate) duration: Duration,
    /// How often each contender is measured; the median counts.
    pub(crate) rounds: usize,
}

impl Ground {
    pub(crate) async fn find(run: Run) -> Outcome<Self> {
        let (url, server) = match std::env::var("ANNALS_TEST_DATABASE_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let server = Server::start(&Binaries::find()?)?;
                (server.url(), Some(server))
            }
        };
        let prefix = format!("bench_{}_", Uuid::now_v7().simple());
        let machine = machine::facts(&mut PgConnection::connect(&url).await?).await?;
        let Machine { postgres, cores, .. } = &machine;
        println!("Postgres {postgres}, {cores} cores, {CONNECTIONS} connections each");
        let (duration, rounds) = (Duration::from_secs_f64(run.seconds), run.rounds);
        Ok(Self { url, _server: server, prefix, machine, run, duration, rounds })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    async fn connection(&self) -> Outcome<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }

    /// Runs a statement of ours by itself, such as `CHECKPOINT`, for which the role has to be allowed.
    pub(crate) async fn run(&self, statement: impl Into<String>) -> Outcome {
        let statement = AssertSqlSafe(statement.into());
        sqlx::raw_sql(statement).execute(&mut self.connection().await?).await?;
        Ok(())
    }

    /// Writes out what the server still has to write, so that it is nobody else's burden.
    pub(crate) async fn settle(&self) -> Outcome {
        self.run("CHECKPOINT").await
    }

    /// A pool like the store's own, in a new schema.
    pub(crate) async fn pool(&self) -> Outcome<PgPool> {
        let schema = self.fresh_name();
        self.run(format!("CREATE SCHEMA {schema}")).await?;
        let options = PgConnectOptions::from_str(&self.url)?
            .disable_statement_logging()
            .options([("search_path", &schema)]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        Ok(pool.connect_with(options).await?)
    }

    /// A store with default settings, in a new schema.
    pub(crate) async fn store(&self) -> Outcome<PostgresStore> {
        let store =
            PostgresStore::builder().with_schema(self.fresh_name()).connect(&self.url).await?;
        store.migrate().await?;
        Ok(store)
    }

    /// Removes all schemas of this run, whose contenders are through.
    pub(crate) async fn clear(&self) -> Outcome {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname::text, $1)",
        )
        .bind(&self.prefix)
        .fetch_all(&mut self.connection().await?)
        .await?;
        for name in names {
            self.run(format!("DROP SCHEMA {name} CASCADE")).await?;
        }
        Ok(())
    }

    fn fresh_name(&self) -> String {
        let bits = Uuid::now_v7().as_u128() as u64;
        format!("{}{bits:016x}", self.prefix)
    }
}
