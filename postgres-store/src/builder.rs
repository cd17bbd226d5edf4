use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use tokio::sync::Semaphore;

use crate::{
    PostgresStore, SetupError,
    append::Unchanged,
    database::Database,
    followers::{AtOnce, Kept},
    kinds::Kinds,
    migrate,
    schema::{SchemaName, Statements},
};

/// The earliest server that has what the store needs.
const EARLIEST_SERVER: u32 = 13;
/// The fewest connections that a store opens with.
const FEWEST: u32 = 5;
/// What the store holds besides its lanes: a tailer, a listener, an announcer, and one for readers; and where
/// followers run, one for beats, and one for a step at the least.
const BESIDE_LANES: u32 = 6;
/// How many steps of followers are under way at once, where the pool has room for them.
const STEPS: u32 = 4;
/// How long to wait for a connection of the store's own pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// When an append counts as done: the setting [`synchronous_commit`] of Postgres, for the appends of one store.
///
/// [`synchronous_commit`]: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SynchronousCommit {
    /// Before it is on the server's disk. Faster; when the server crashes, the last appends of some hundred
    /// milliseconds can be gone although they were acknowledged, and readers may have seen them.
    Off,
    /// When it is on the server's own disk.
    Local,
    /// When the synchronous standbys have received it, too.
    RemoteWrite,
    /// When the synchronous standbys have it on their disks, too. Without such standbys: on the server's own.
    On,
    /// When it can be read on the synchronous standbys, too.
    RemoteApply,
}

impl SynchronousCommit {
    fn setting(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Local => "local",
            Self::RemoteWrite => "remote_write",
            Self::On => "on",
            Self::RemoteApply => "remote_apply",
        }
    }
}

/// How a [`PostgresStore`] is opened; [`PostgresStore::builder`] begins it.
#[derive(Debug, Clone)]
pub struct PostgresStoreBuilder {
    schema: String,
    max_connections: u32,
    lanes: u32,
    synchronous_commit: Option<SynchronousCommit>,
    retry_for: Duration,
    listens: bool,
}

impl PostgresStoreBuilder {
    pub(crate) fn new() -> Self {
        Self {
            schema: "annals".to_owned(),
            max_connections: 16,
            lanes: 8,
            synchronous_commit: None,
            retry_for: Duration::from_secs(3),
            listens: true,
        }
    }

    /// The schema that holds the store; `annals` if nothing is said. Each tenant, and each test, can have its own. Three more
    /// schemas belong to it, named after it, so that the name has at most 57 bytes: `…_read` holds the tables of
    /// followers that serve, `…_build` those that are being built, and `…_swap` is empty but for moments.
    #[must_use]
    pub fn with_schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// How many connections the store's own pool may open, for [`connect`](Self::connect); 16 if nothing is said, and at
    /// least 5. Beside its [lanes](Self::with_lanes) it takes one each for the end of the global stream, for hearing and for
    /// telling of what is new, and for readers; where followers run, one for the signs of life of the process, and one to
    /// four for steps. In a small pool they wait for each other.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }

    /// How many statements with appends may be on their way at once; 8 if nothing is said, and at most the pool's connections
    /// less 6, but one in any case. Appends that come when all are under way gather, and share the next statement.
    #[must_use]
    pub fn with_lanes(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// When an append counts as done; if nothing is said, whatever server, database, role or pool are set to. The steps of
    /// followers are not affected.
    #[must_use]
    pub fn with_synchronous_commit(mut self, when: SynchronousCommit) -> Self {
        self.synchronous_commit = Some(when);
        self
    }

    /// For how long an append goes on trying, whether it waits for a stream that another transaction holds, or is sent again after
    /// a passing failure such as a lost connection; 3 seconds if nothing is said. After that it is answered as
    /// [unavailable](annals_core::StoreError::Unavailable) or [unknown](annals_core::StoreError::OutcomeUnknown).
    #[must_use]
    pub fn with_retry_for(mut self, duration: Duration) -> Self {
        self.retry_for = duration;
        self
    }

    /// Whether the store listens for what other processes append, with `LISTEN` on a connection of its own; it does if nothing
    /// is said. Without, it looks ten times a second while somebody follows.
    ///
    /// Behind a pooler in transaction mode it must not listen: the server's session is not the store's own there, and
    /// what it hears disturbs whoever uses that next.
    #[must_use]
    pub fn with_notifications(mut self, listens: bool) -> Self {
        self.listens = listens;
        self
    }

    /// The SQL that makes this store's schema from nothing, for review, or to be run by hand.
    ///
    /// # Errors
    /// [`SetupError::SchemaName`].
    pub fn migration_sql(&self) -> Result<String, SetupError> {
        SchemaName::new(&self.schema).map(|schema| migrate::sql(&schema))
    }

    /// Opens the store at `url`, `postgres://user:password@host:5432/database`, with a pool of its own.
    ///
    /// Parameters of the URL are those of sqlx: `sslmode`, `application_name`, `options` and so on.
    ///
    /// # Errors
    /// When the URL, the server or the schema are not fit; the error says what to do. A schema that does not exist yet,
    /// or was made by an earlier version, is not an error here, so that [`PostgresStore::migrate`] can make it.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, SetupError> {
        let schema = SchemaName::new(&self.schema)?;
        let mut options = options(url).map_err(SetupError::Url)?.disable_statement_logging();
        if options.get_application_name().is_none() {
            options = options.application_name("annals");
        }
        // Asked directly, a server that is not there says so at once; a pool would try until its time is up.
        let mut connection = PgConnection::connect_with(&options)
            .await
            .map_err(|error| SetupError::of(error, &schema))?;
        check(&mut connection, &schema).await?;
        drop(connection.close().await); // it has done its work
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        self.finish(pool, schema)
    }

    /// Opens the store on a pool that is there already. The store needs 5 of its connections at the least.
    ///
    /// Switch [`test_before_acquire`](PgPoolOptions::test_before_acquire) off on that pool: the store knows how to go on after a
    /// lost connection, and the test costs a round trip each time.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`SetupError::PoolTooSmall`].
    pub async fn open(self, pool: PgPool) -> Result<PostgresStore, SetupError> {
        let schema = SchemaName::new(&self.schema)?;
        let mut connection =
            pool.acquire().await.map_err(|error| SetupError::of(error, &schema))?;
        check(&mut connection, &schema).await?;
        drop(connection);
        self.finish(pool, schema)
    }

    fn finish(self, pool: PgPool, schema: SchemaName) -> Result<PostgresStore, SetupError> {
        let connections = pool.options().get_max_connections();
        if connections < FEWEST {
            return Err(SetupError::PoolTooSmall { found: connections, needed: FEWEST });
        }
        let (lanes, steps) = shares(connections, self.lanes);
        let database = Database {
            pool,
            statements: Statements::of(&schema),
            schema,
            kinds: Kinds::default(),
            unchanged: Unchanged::default(),
            synchronous_commit: self.synchronous_commit.map(SynchronousCommit::setting),
            retry_for: self.retry_for,
            listens: self.listens,
            steps: Semaphore::new(steps as usize),
            at_once: AtOnce::default(),
            swaps: Semaphore::new(1),
            kept: Kept::default(),
        };
        Ok(PostgresStore::new(Arc::new(database), lanes as usize))
    }
}

/// How many of a pool's connections append, where `lanes` were asked for, and how many steps of followers it has room for.
/// In a small pool they wait for each other.
fn shares(connections: u32, lanes: u32) -> (u32, u32) {
    let lanes = lanes.clamp(1, connections.saturating_sub(BESIDE_LANES).max(1));
    let left = connections.saturating_sub(lanes + BESIDE_LANES - 1);
    (lanes, left.clamp(1, STEPS))
}

/// What `url` says, if it is the URL of a Postgres database; sqlx would take that of any other.
fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    if is_postgres {
        PgConnectOptions::from_str(url)
    } else {
        Err(sqlx::Error::Configuration("it does not begin with postgres://".into()))
    }
}

/// Whether server, database and schema are fit.
async fn check(connection: &mut PgConnection, schema: &SchemaName) -> Result<(), SetupError> {
    let statements = Statements::of(schema);
    let failed = |error| SetupError::of(error, schema);
    let row = statements.server.query().fetch_one(&mut *connection).await.map_err(failed)?;
    let version: i32 = row.try_get(0).map_err(failed)?;
    let encoding: String = row.try_get(1).map_err(failed)?;
    check_server(version.unsigned_abs() / 10_000, encoding)?;
    match migrate::version(connection, &statements).await.map_err(failed) {
        Ok(found) => migrate::check(found, schema)?,
        Err(SetupError::NotMigrated(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let row = match statements.positions.query().fetch_one(connection).await.map_err(failed) {
        // Whoever may read nothing is told when they try.
        Err(SetupError::Forbidden { .. }) => return Ok(()),
        row => row?,
    };
    let last_event = row.try_get(0).map_err(failed)?;
    match row.try_get::<Option<i64>, _>(1).map_err(failed)? {
        Some(taken) if taken < last_event => {
            Err(SetupError::PositionsBehind { schema: schema.to_string(), taken, last_event })
        }
        _ => Ok(()),
    }
}

fn check_server(version: u32, encoding: String) -> Result<(), SetupError> {
    if version < EARLIEST_SERVER {
        return Err(SetupError::ServerTooOld(version));
    }
    if encoding != "UTF8" {
        return Err(SetupError::Encoding(encoding));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_and_steps_share_a_pool() {
        assert_eq!(shares(16, 8), (8, 3), "as it is opened if nothing is said");
        assert_eq!(shares(16, 4), (4, 4));
        assert_eq!(shares(16, 100), (10, 1));
        assert_eq!(shares(32, 8), (8, 4));
        assert_eq!(shares(5, 8), (1, 1), "the fewest");
    }

    #[test]
    fn servers_from_13_on_are_fit() {
        let told = |version| check_server(version, "UTF8".to_owned()).map_err(|e| e.to_string());
        assert_eq!(told(13), Ok(()));
        assert_eq!(told(19), Ok(()));
        let too_old = "the server runs PostgreSQL 12, and annals needs 13 or later";
        assert_eq!(told(12), Err(too_old.to_owned()));
    }
}
