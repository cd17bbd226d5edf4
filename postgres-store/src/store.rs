use std::{fmt, sync::Arc};

use annals_core::{
    AppendError, Appended, EventId, EventStore, Position, ReadAll, ReadStream, RecordedEvents,
    SnapshotStore, StoreError, StoredSnapshot, StreamAppend, StreamId, Version,
};
use async_trait::async_trait;
use sqlx::{PgConnection, PgPool};

use crate::{
    PostgresStoreBuilder, SetupError, Status,
    append::Lanes,
    database::Database,
    failure::Failure,
    migrate,
    read::{self, AllReading, StreamReading},
    status,
    tail::Tail,
};

/// An event store in one schema of a PostgreSQL database, 13 to 18. Clones share it.
///
/// ```no_run
/// use annals::PostgresStore;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://app@localhost/shop").await?;
/// store.migrate().await?;
/// // … Repository::new(store.clone()), store.follow(…) …
/// store.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// Appends run in tasks of the store's: a future that is dropped changes nothing about them. Call
/// [`shutdown`](Self::shutdown) before the runtime ends, so that what was taken on is finished.
///
/// A [`Projection`](annals_core::Projection) on it writes tables of its own with plain sqlx, in the transaction of its checkpoint:
///
/// ```
/// use annals::{Event, HandlerError, Projection, Recorded};
/// use async_trait::async_trait;
/// use serde::{Deserialize, Serialize};
/// use sqlx::PgConnection;
///
/// #[derive(Debug, Clone, Serialize, Deserialize, Event)]
/// #[event(category = "invoice")]
/// enum InvoiceEvent {
///     Placed { customer: String, pence: i64 },
/// }
///
/// /// What was sold on each day.
/// struct Sales;
///
/// #[async_trait]
/// impl Projection<PgConnection> for Sales {
///     const NAME: &'static str = "sales";
///     type Event = InvoiceEvent;
///
///     async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
///         let table = "CREATE TABLE sales (day date PRIMARY KEY, pence bigint NOT NULL)";
///         sqlx::query(table).execute(db).await?;
///         Ok(())
///     }
///
///     async fn handle(&self, recorded: &Recorded<InvoiceEvent>, db: &mut PgConnection) -> Result<(), HandlerError> {
///         let InvoiceEvent::Placed { pence, .. } = recorded.event;
///         let add = "INSERT INTO sales (day, pence) VALUES ($1, $2)
///             ON CONFLICT (day) DO UPDATE SET pence = sales.pence + excluded.pence";
///         sqlx::query(add).bind(recorded.recorded_at.date_naive()).bind(pence).execute(db).await?;
///         Ok(())
///     }
/// }
/// # let _ = Sales;
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    database: Arc<Database>,
    lanes: Arc<Lanes>,
    tail: Arc<Tail>,
}

impl PostgresStore {
    /// Opens the store in the schema `annals` of the database at `url`, with a pool of its own.
    ///
    /// # Errors
    /// See [`PostgresStoreBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, SetupError> {
        Self::builder().connect(url).await
    }

    /// Begins to open a store in another way: in another schema, on a pool that is there already.
    #[must_use]
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder::new()
    }

    pub(crate) fn new(database: Arc<Database>, lanes: usize) -> Self {
        let tail = Arc::new(Tail::new());
        let lanes = Arc::new(Lanes::new(Arc::clone(&database), Arc::clone(&tail), lanes));
        Self { shared: Arc::new(Shared { database, lanes, tail }) }
    }

    /// Makes the schema and the three beside it, or brings them to the version this build needs. Safe to call at each
    /// start, by any number of processes at once.
    ///
    /// The schemas belong to the role that makes them. Another role needs `USAGE` on the schema, and `SELECT` on its tables
    /// and on its sequence `positions`; to append, also `INSERT` on `events` and `event_kinds`, and `USAGE` on
    /// `positions`; for snapshots, also `INSERT` and `UPDATE` on `snapshots`. What it needs to run followers is in
    /// `docs/postgres/operating.md` of the repository.
    ///
    /// # Errors
    /// [`SetupError::Forbidden`] when the role may not create schema or tables, [`SetupError::SchemaTooNew`], and
    /// when the database fails. Nothing is changed then.
    pub async fn migrate(&self) -> Result<(), SetupError> {
        let Database { pool, schema, .. } = &*self.shared.database;
        migrate::migrate(pool.clone(), schema.clone()).await
    }

    /// Appends inside a transaction of the caller's: the events are there when it commits, together with whatever else it
    /// wrote, and are not when it does not. Everything else is as in [`EventStore::append`]. A conflict
    /// leaves the transaction as it was; after a [`StoreError`] other than a refusal it can only be rolled back.
    ///
    /// The transaction must be `READ COMMITTED`, as it is if nothing else was asked for. One that is `REPEATABLE READ` or
    /// `SERIALIZABLE` cannot see what a stream is at now, and is told so by an error.
    ///
    /// Until that transaction ends, its streams are locked, and readers of the global stream do not get past
    /// it: keep it short.
    ///
    /// ```no_run
    /// # use annals::{PostgresStore, StreamAppend};
    /// # async fn run(store: PostgresStore, pool: sqlx::PgPool, append: StreamAppend) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tx = pool.begin().await?;
    /// sqlx::query("UPDATE inventory SET reserved = reserved + 1").execute(&mut *tx).await?;
    /// store.append_in(&mut tx, vec![append]).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`EventStore::append`].
    pub async fn append_in(
        &self,
        transaction: &mut PgConnection,
        appends: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        let Shared { database, tail, .. } = &*self.shared;
        let answers = database.append_in(transaction, &appends).await?;
        tail.appended_in_transaction(database);
        Ok(answers)
    }

    /// How far the global stream is, and who holds its readers back.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let database = &self.shared.database;
        database.read(|| status::status(database)).await.map_err(Failure::into_read_error)
    }

    /// Takes no more appends, finishes those it has taken, tells other processes of them, and ends the store's tasks.
    /// Where followers run, await [`Running::shutdown`](annals_core::followers::Running::shutdown) first. Reads go on
    /// working for as long as the pool is open.
    pub async fn shutdown(&self) {
        let Shared { database, lanes, tail } = &*self.shared;
        lanes.close().await;
        tail.announced(database).await;
        tail.close();
    }

    pub(crate) fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The pool, for queries of your own.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.shared.database.pool
    }

    /// The name of the schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.shared.database.schema.as_str()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.tail.close();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.shared.lanes.append(appends).await
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        read::events(StreamReading::new(Arc::clone(&self.shared.database), read))
    }

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        let Shared { database, tail, .. } = &*self.shared;
        read::events(AllReading::new(Arc::clone(database), Arc::clone(tail), read))
    }

    async fn head(&self) -> Result<Position, StoreError> {
        let Shared { database, tail, .. } = &*self.shared;
        let head = async || {
            let mut connection = database.connection().await?;
            let head = database.head(&mut connection).await;
            head.inspect_err(|failure| failure.retire(&mut connection))
        };
        tail.advance(database.read(head).await.map_err(Failure::into_read_error)?);
        Ok(tail.head())
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.shared.tail.wait(position, &self.shared.database).await
    }
}

#[async_trait]
impl SnapshotStore for PostgresStore {
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        let database = &self.shared.database;
        let read = || database.read_from_snapshot(stream, fold_version);
        database.read(read).await.map_err(Failure::into_read_error)
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        let database = &self.shared.database;
        let save = || database.save_snapshot(snapshot);
        database.read(save).await.map_err(Failure::into_read_error)
    }

    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError> {
        let database = &self.shared.database;
        let version = || database.version_of(stream, id);
        database.read(version).await.map_err(Failure::into_read_error)
    }
}
