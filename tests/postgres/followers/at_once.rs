//! A step of a read model is one statement, and waits neither for whoever holds its part, nor long for whoever holds a row.

use std::{collections::HashSet, time::Duration};

use annals::{
    FollowerStore, Payload, Position, PostgresStore, Query, StoreError,
    followers::{
        Build, Claim, Command, FollowerKind, Limits, Make, ParkedId, RowChanges, RowsOf, Step,
        StepError, Swap, Upsert, WhichRows,
    },
};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinHandle;

use super::{LIMITS, books, claim, declaration, live, member, step, table};
use crate::fresh::{builder, connection, fresh_store, run, url_with};

/// A read model's build that is made, and claimed.
#[derive(Clone)]
struct Customers {
    store: PostgresStore,
    claim: Claim,
    limits: Limits,
}

impl Customers {
    async fn new() -> Self {
        Self::of(fresh_store().await).await
    }

    /// In sessions with this `synchronous_commit`.
    async fn where_it_is(set: &str) -> Self {
        let store = builder().connect(&url_with("synchronous_commit", set)).await.unwrap();
        store.migrate().await.unwrap();
        Self::of(store).await
    }

    async fn of(store: PostgresStore) -> Self {
        store.declare(&declaration(table().name, FollowerKind::ReadModel)).await.unwrap();
        Self::made(&store, &live(&store).await).await
    }

    async fn shadow(&self) -> Self {
        let rebuild = Command::Rebuild { verify: None };
        self.store.command(table().name, &rebuild).await.unwrap();
        let shadow = books(&self.store).await.followers.remove(0).shadow.unwrap();
        Self::made(&self.store, &shadow).await
    }

    async fn made(store: &PostgresStore, build: &Build) -> Self {
        let claim = claim(store, build).await;
        store.make(&claim, Make::Table(&table()), LIMITS).await.unwrap();
        Self { store: store.clone(), claim, limits: LIMITS }
    }

    /// A step from a position to the next one.
    async fn step(&self, from: u64, put: &[&str], delete: &[&str]) -> Result<(), StepError> {
        let state = Payload::parse(from.to_string()).unwrap();
        let put = put.iter().map(|key| (*key).to_owned());
        let upserts: Vec<_> =
            put.map(|key| Upsert { key, state: state.clone(), values: Vec::new() }).collect();
        let deletes: Vec<_> = delete.iter().map(|key| (*key).to_owned()).collect();
        let rows = RowChanges { table: &table(), upserts: &upserts, deletes: &deletes };
        let step = step(&self.claim, from, from + 1);
        self.store.commit(Step { rows: Some(rows), limits: self.limits, ..step }).await
    }

    /// A step that goes on beside the test.
    fn stepping(&self, from: u64, put: &'static [&str]) -> JoinHandle<Result<(), StepError>> {
        let customers = self.clone();
        tokio::spawn(async move { customers.step(from, put, &[]).await })
    }

    /// The rows of the build, in order.
    async fn rows(&self) -> Vec<String> {
        let (table, query) = (table(), Query::all());
        let (claim, which) = (Some(&self.claim), WhichRows::Query(&query));
        let rows = self.store.rows(&RowsOf { table: &table, claim, which }).await.unwrap();
        rows.iter().map(|row| format!("{}={}", row.key, row.state.as_str())).collect()
    }

    /// A session that has run `sql`.
    async fn session(&self, sql: &str) -> PgConnection {
        let mut session = connection().await;
        self.run(&mut session, sql).await.unwrap();
        session
    }

    async fn run(&self, session: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
        run(session, &self.store, &self.sql(sql)).await
    }

    fn sql(&self, sql: &str) -> String {
        ["read", "build"].iter().fold(sql.to_owned(), |sql, beside| {
            let place = format!("\"{}_{beside}\"", self.store.schema());
            sql.replace(&format!("${beside}"), &place)
        })
    }
}

/// Until a session that runs `statement` waits for `holder`.
async fn until_it_waits(statement: &str, holder: &mut PgConnection) {
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(holder).await.unwrap();
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)) AND query LIKE $2)";
    let mut looking = connection().await;
    while !sqlx::query_scalar::<_, bool>(waits)
        .bind(pid)
        .bind(format!("%{statement}%"))
        .fetch_one(&mut looking)
        .await
        .unwrap()
    {
        tokio::task::yield_now().await;
    }
}

/// What notes who writes rows, and what the commit of that waits for.
const NOTE: &str = "
    CREATE TABLE $place.noted (statement text, waits_for text);
    CREATE FUNCTION $place.note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        INSERT INTO noted VALUES (current_query(), current_setting('synchronous_commit'));
        RETURN coalesce(NEW, OLD);
    END$$;
    CREATE TRIGGER notes BEFORE INSERT OR UPDATE OR DELETE ON $place.customers
    FOR EACH ROW EXECUTE FUNCTION $place.note()";

/// Whether the statement that wrote the rows of the last step has moved the checkpoint as well, and what its commit waited for. As
/// in a transaction, a trigger finds what it names where the tables are.
async fn written(build: &Customers, place: &str) -> (bool, String) {
    let noted = build.sql(&format!("DELETE FROM {place}.noted RETURNING statement, waits_for"));
    let noted = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(noted));
    let noted = noted.fetch_all(&mut connection().await).await.unwrap();
    let ways = noted.iter().map(|(by, waits_for)| (by.contains("SET position ="), waits_for));
    let ways: HashSet<_> = ways.collect();
    assert_eq!(ways.len(), 1, "{noted:?}");
    ways.into_iter().next().map(|(moves, waits_for)| (moves, waits_for.clone())).unwrap()
}

#[tokio::test]
async fn the_checkpoint_moves_in_the_statement_that_writes_the_rows() {
    let live = Customers::new().await;
    for (mut build, place) in [(live.shadow().await, "$build"), (live, "$read")] {
        // A transaction goes first, and finds no trigger.
        build.step(0, &["anna", "ben"], &[]).await.unwrap();
        build.session(&NOTE.replace("$place", place)).await;
        for (from, put, delete, rows) in [
            (1, &["anna", "cora"][..], &["ben", "nobody"][..], &["anna=1", "cora=1"][..]),
            (2, &["cora"], &[], &["anna=1", "cora=2"]),
            (3, &[], &["cora"], &["anna=1"]),
        ] {
            build.step(from, put, delete).await.unwrap();
            assert_eq!(build.rows().await, rows);
            assert!(written(&build, place).await.0, "step {from} in {place}");
        }
        // Under the next claim it finds one, which must not run without a timeout.
        build.claim = claim_again(&build).await;
        for from in [4, 5] {
            build.step(from, &["anna"], &[]).await.unwrap();
            assert!(!written(&build, place).await.0, "step {from} in {place}");
        }
    }
}

/// It moves no checkpoint, so nothing would show that a crash has taken it back.
#[tokio::test]
async fn a_parked_event_that_is_tried_again_waits_for_the_disk() {
    for (set, waits_for) in [("on", "on"), ("off", "local"), ("remote_apply", "remote_apply")] {
        let customers = Customers::where_it_is(set).await;
        customers.step(0, &["anna"], &[]).await.unwrap();
        customers.session(&NOTE.replace("$place", "$read")).await;
        let state = Payload::parse("2").unwrap();
        let upserts = [Upsert { key: "anna".to_owned(), state, values: Vec::new() }];
        let rows = RowChanges { table: &table(), upserts: &upserts, deletes: &[] };
        let settle = [ParkedId { sequence: "anna".to_owned(), position: Position::new(1) }];
        let again = Step { rows: Some(rows), settle: &settle, ..step(&customers.claim, 1, 1) };
        customers.store.commit(again).await.unwrap();
        let told = written(&customers, "$read").await;
        assert_eq!(told, (false, waits_for.to_owned()), "where it is {set}");
    }
}

/// What standbys show is waited for where somebody may read from them.
#[tokio::test]
async fn a_step_waits_for_no_disk_and_only_for_standbys_that_are_read_from() {
    for (set, waits_for) in [("on", "off"), ("local", "off"), ("remote_apply", "remote_apply")] {
        let mut customers = Customers::where_it_is(set).await;
        customers.step(0, &["anna"], &[]).await.unwrap();
        customers.session(&NOTE.replace("$place", "$read")).await;
        customers.step(1, &["anna"], &[]).await.unwrap();
        assert_eq!(
            written(&customers, "$read").await,
            (true, waits_for.to_owned()),
            "where it is {set}"
        );
        customers.claim = claim_again(&customers).await;
        customers.step(2, &["anna"], &[]).await.unwrap();
        assert_eq!(
            written(&customers, "$read").await,
            (false, waits_for.to_owned()),
            "where it is {set}"
        );
    }
}

async fn claim_again(build: &Customers) -> Claim {
    build.store.claim(member(), &[build.claim.part]).await.unwrap().remove(0)
}

/// Who makes an index holds the table for long. No timeout is sent with the statement, so the server goes on to wait when this
/// process does not any more; but only once.
#[tokio::test]
async fn of_a_table_that_is_held_one_statement_is_left_behind() {
    let mut customers = Customers::new().await;
    customers.step(0, &["anna"], &[]).await.unwrap();
    let mut index = customers.session("BEGIN; LOCK TABLE $read.customers IN SHARE MODE").await;
    customers.limits.statement = Duration::from_millis(50);
    let unknown = customers.step(1, &["anna"], &[]).await;
    assert!(matches!(unknown, Err(StepError::Store(StoreError::OutcomeUnknown(_)))), "{unknown:?}");
    customers.claim = claim_again(&customers).await;
    for _ in 0..3 {
        let ended = customers.step(1, &["ben"], &[]).await;
        assert!(matches!(ended, Err(StepError::Store(StoreError::Unavailable(_)))), "{ended:?}");
    }
    let pid: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut index).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
    let waiting: i64 =
        sqlx::query_scalar(waiting).bind(pid).fetch_one(&mut connection().await).await.unwrap();
    assert_eq!(waiting, 1);
    run(&mut index, &customers.store, "COMMIT").await.unwrap();
    customers.limits = LIMITS;
    customers.step(1, &["cora"], &[]).await.unwrap();
    assert_eq!(customers.rows().await, ["anna=0", "cora=1"], "its claim is over");
}

/// Whoever claimed a shadow takes it for one until its process looks into the books.
#[tokio::test]
async fn steps_go_where_a_swap_has_moved_their_build() {
    let old = Customers::new().await;
    old.step(0, &["anna"], &[]).await.unwrap();
    let new = old.shadow().await;
    new.step(0, &["ben"], &[]).await.unwrap();
    let swap = old.store.swap(new.claim.part.build, Duration::from_secs(20)).await.unwrap();
    assert_eq!(swap, Swap::Swapped);
    let late = old.step(1, &["anna"], &[]).await;
    assert!(matches!(late, Err(StepError::Fenced)), "{late:?}");
    // Where the build was, there is another one by now.
    let next = new.shadow().await;
    new.step(1, &["cora"], &[]).await.unwrap();
    assert_eq!(new.rows().await, ["ben=0", "cora=1"]);
    assert_eq!(next.rows().await, [""; 0]);
}

/// A swap holds the part, and then wants the table.
#[tokio::test]
async fn who_holds_the_part_can_have_the_table() {
    let customers = Customers::new().await;
    customers.step(0, &["anna"], &[]).await.unwrap();
    let mut swap =
        customers.session("BEGIN; SELECT FROM $schema.parts WHERE is_live FOR UPDATE").await;
    let stepping = customers.stepping(1, &["anna"]);
    until_it_waits("", &mut swap).await;
    customers
        .run(&mut swap, "SET LOCAL lock_timeout = '20ms'; LOCK TABLE $read.customers; COMMIT")
        .await
        .unwrap();
    stepping.await.unwrap().unwrap();
    assert_eq!(customers.rows().await, ["anna=1"]);
}

#[tokio::test]
async fn a_row_that_somebody_holds_is_waited_for_in_a_transaction() {
    let customers = Customers::new().await;
    customers.step(0, &["anna"], &[]).await.unwrap();
    let mut other =
        customers.session("BEGIN; SELECT FROM $read.customers WHERE key = 'anna' FOR UPDATE").await;
    let stepping = customers.stepping(1, &["anna", "ben"]);
    until_it_waits("INSERT INTO", &mut other).await;
    run(&mut other, &customers.store, "COMMIT").await.unwrap();
    stepping.await.unwrap().unwrap();
    assert_eq!(customers.rows().await, ["anna=1", "ben=1"]);
    let part = live(&customers.store).await.parts.remove(0);
    assert_eq!((part.position.get(), part.events), (2, 2));
}
