//! A follower whose books and steps are written by hand, as the store would write them.

use std::time::Duration;

use annals::{
    FollowerStore, PostgresStore,
    followers::{BuildId, Swap},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::fresh;

/// Held alone by what measures time; by all others together.
pub(crate) static QUIET: RwLock<()> = RwLock::const_new(());

pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What `create` of the follower says if nothing else is said: the sum of `n` is the same in both, and the number of events.
pub(crate) const SALES: &str = "CREATE TABLE days (day bigint PRIMARY KEY, n bigint NOT NULL);
    CREATE TABLE total (part bigint PRIMARY KEY, n bigint NOT NULL)";

/// A follower with a live build.
pub(crate) struct Follower {
    pub(crate) store: PostgresStore,
    pub(crate) live: i64,
    url: String,
    parts: i32,
    _quiet: Option<RwLockReadGuard<'static, ()>>,
}

impl Follower {
    pub(crate) async fn new(create: &str) -> Self {
        let quiet = QUIET.read().await;
        Self { _quiet: Some(quiet), ..Self::at(&fresh::url(), create, 1).await }
    }

    pub(crate) async fn at(url: &str, create: &str, parts: i32) -> Self {
        Self::of_kind("projection", url, create, parts).await
    }

    pub(crate) async fn of_kind(kind: &str, url: &str, create: &str, parts: i32) -> Self {
        let store = fresh::builder().connect(url).await.unwrap();
        store.migrate().await.unwrap();
        let mut follower = Self { store, live: 0, url: url.to_owned(), parts, _quiet: None };
        let sql =
            "INSERT INTO $schema.followers (name, kind, declared) VALUES ('sales', '$kind', 1)";
        follower.run(&sql.replace("$kind", kind)).await;
        follower.live = follower.build(true, create).await;
        follower
    }

    /// With the names of the schemas for `$schema`, `$read` and `$build`.
    pub(crate) fn fill(&self, sql: &str) -> String {
        let name = self.store.schema();
        sql.replace("$schema", name)
            .replace("$read", &format!("{name}_read"))
            .replace("$build", &format!("{name}_build"))
            .replace("$swap", &format!("{name}_swap"))
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn run_on(
        &self,
        connection: &mut PgConnection,
        sql: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(self.fill(sql))).execute(connection).await.map(drop)
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.run_on(&mut self.connection().await, sql).await.unwrap();
    }

    /// The first column of all rows, as text.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        let sql = format!("SELECT (x.*)::text FROM ({}) x", self.fill(sql));
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut self.connection().await).await;
        let text = |row: sqlx::postgres::PgRow| {
            let text: String = row.get(0);
            text.trim_matches(['(', ')']).to_owned()
        };
        rows.unwrap().into_iter().map(text).collect()
    }

    pub(crate) async fn shadow(&self, create: &str) -> i64 {
        self.build(false, create).await
    }

    /// What `declare` or `command`, and then `make` do.
    async fn build(&self, is_live: bool, create: &str) -> i64 {
        let build = "INSERT INTO $schema.builds (follower, version, is_live, is_made, parts)
                     VALUES ('sales', 1, $live, true, $parts) RETURNING build";
        let build = build.replace("$live", &is_live.to_string());
        let build = self.fill(&build.replace("$parts", &self.parts.to_string()));
        let mut connection = self.connection().await;
        let build: i64 =
            sqlx::query_scalar(AssertSqlSafe(build)).fetch_one(&mut connection).await.unwrap();
        let home = if is_live { "$read" } else { "$build" };
        let sql = "BEGIN; SET LOCAL search_path = $home; $create;
             INSERT INTO $schema.build_objects (build, name, kind)
             SELECT $number, relname, CASE relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END
             FROM pg_class c WHERE relnamespace = '$home'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
               AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')));
             INSERT INTO $schema.build_attachments SELECT $number, a.kind, a.name FROM $schema.build_attached($number) a;
             INSERT INTO $schema.parts (build, part, position, is_live)
             SELECT $number, n, 0, $live FROM generate_series(0, $parts - 1) n;
             COMMIT";
        let sql = sql.replace("$home", home).replace("$create", create);
        let sql = sql.replace("$number", &build.to_string()).replace("$live", &is_live.to_string());
        let sql = sql.replace("$parts", &self.parts.to_string());
        self.run_on(&mut connection, &sql).await.unwrap();
        build
    }

    pub(crate) async fn swap(&self, shadow: i64) -> Swap {
        self.store.swap(BuildId::new(shadow.cast_unsigned()), PATIENCE).await.unwrap()
    }

    /// What hangs on the live build and cannot be carried over.
    pub(crate) async fn dependents(&self) -> Vec<String> {
        let sql =
            "SELECT format('%s %s on %s', kind, name, hangs_on) FROM $schema.dependents($live)
                   WHERE carried IS NULL ORDER BY 1";
        let own = self.fill("$schema").to_owned();
        let rows = self.ask(&sql.replace("$live", &self.live.to_string())).await;
        rows.into_iter().map(|row| row.trim_matches('"').replace(&own, "x")).collect()
    }

    /// Waits until some statement waits for a lock that the session `holder` has.
    pub(crate) async fn until_somebody_waits_for(&self, holder: &mut PgConnection) {
        let pid: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(holder).await.unwrap();
        let mut connection = self.connection().await;
        let waits =
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))";
        loop {
            let waits = sqlx::query_scalar(waits).bind(pid).fetch_one(&mut connection).await;
            if waits.unwrap() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
