//! What only Postgres can get wrong about followers: transactions that are left open, tables that a handler should not touch,
//! and rights.

use std::{future::poll_fn, num::NonZeroU16, pin::pin, task::Poll, time::Duration};

use annals::{
    EventId, FollowerStore, Payload, Position, PostgresStore, Query,
    followers::{
        Beat, Books, Build, Claim, ColumnShape, ColumnType, Command, Declaration, FailureKind,
        FollowerKind, HandlerFailed, InvalidQuery, Limits, Make, MemberId, Note, NotedFailure,
        Park, PartId, ReadError, Report, RowChanges, RowsOf, Step, StepError, TableShape, Upsert,
        Value, WhichRows, Work,
    },
};
use async_trait::async_trait;
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::fresh::{connection, fresh_store, name, run, url};

const LIMITS: Limits = Limits { statement: Duration::from_secs(20), idle: Duration::from_secs(20) };
const SALES: &str = "sales";

fn declaration(name: &'static str, kind: FollowerKind) -> Declaration {
    let parts = NonZeroU16::MIN;
    Declaration { name, kind, version: 1, parts, start: Position::START }
}

fn table() -> TableShape {
    TableShape { name: "customers", columns: Vec::new(), indexes: Vec::new() }
}

fn member() -> MemberId {
    MemberId::from(Uuid::now_v7())
}

/// Runs `sql`, and can be asked for more: what a handler does.
struct Sql(&'static str);

#[async_trait]
impl Work<PgConnection> for Sql {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), HandlerFailed> {
        let failed = |error: sqlx::Error| HandlerFailed {
            at: None,
            kind: FailureKind::Error,
            reason: Box::new(error),
        };
        sqlx::raw_sql(self.0).execute(connection).await.map(drop).map_err(failed)
    }
}

/// Goes on after its statement has failed.
struct Careless;

#[async_trait]
impl Work<PgConnection> for Careless {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), HandlerFailed> {
        let failed = sqlx::raw_sql("INSERT INTO sales VALUES ('not a day', 1)").execute(connection);
        assert!(failed.await.is_err());
        Ok(())
    }
}

const CREATE: &str = "CREATE TABLE sales (day date PRIMARY KEY, orders bigint NOT NULL)";
const HANDLE: &str = "INSERT INTO sales VALUES ('2026-11-21', 1)
    ON CONFLICT (day) DO UPDATE SET orders = sales.orders + 1";

async fn books(store: &PostgresStore) -> Books {
    store.books(None).await.unwrap()
}

async fn live(store: &PostgresStore) -> Build {
    books(store).await.followers.remove(0).live
}

async fn claim(store: &PostgresStore, build: &Build) -> Claim {
    let part = PartId { build: build.id, part: 0 };
    store.claim(member(), &[part]).await.unwrap().remove(0)
}

async fn make(store: &PostgresStore, claim: &Claim, create: &'static str) -> Result<(), StepError> {
    store.make(claim, Make::Work(&mut Sql(create)), LIMITS).await
}

/// A projection that is made, and claimed.
async fn projection(store: &PostgresStore) -> Claim {
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    let claim = claim(store, &live(store).await).await;
    make(store, &claim, CREATE).await.unwrap();
    claim
}

async fn shadow(store: &PostgresStore) -> Claim {
    store.command(SALES, &Command::Rebuild { verify: None }).await.unwrap();
    let shadow = books(store).await.followers.remove(0).shadow.unwrap();
    claim(store, &shadow).await
}

fn step<'a>(claim: &'a Claim, from: u64, to: u64) -> Step<'a, PgConnection> {
    Step {
        claim,
        from: Position::new(from),
        to: Position::new(to),
        events: to - from,
        rows: None,
        work: None,
        park: &[],
        settle: &[],
        limits: LIMITS,
    }
}

async fn worked(
    store: &PostgresStore,
    claim: &Claim,
    from: u64,
    work: &mut dyn Work<PgConnection>,
) -> Result<(), StepError> {
    store.commit(Step { work: Some(work), ..step(claim, from, from + 1) }).await
}

fn refusal(outcome: Result<(), StepError>) -> String {
    match outcome {
        Err(StepError::Handler(HandlerFailed { kind: FailureKind::Refused, reason, .. })) => {
            reason.to_string()
        }
        other => panic!("{other:?}"),
    }
}

async fn orders(store: &PostgresStore) -> i64 {
    let sql =
        format!("SELECT coalesce(sum(orders), 0)::bigint FROM \"{}_read\".sales", store.schema());
    sqlx::query(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap().get(0)
}

/// A store whose sessions can be told from all others.
async fn named() -> (PostgresStore, String) {
    let (schema, application) = (name(), name().replace("annals_test_", ""));
    let url = format!("{}?application_name={application}", url());
    let store = PostgresStore::builder().with_schema(schema).connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    (store, application)
}

/// Waits until no session of the application is in a transaction.
async fn at_rest(application: &str, what: &str) {
    let mut connection = connection().await;
    for _ in 0..500 {
        let open =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'";
        let row = sqlx::query(open).bind(application).fetch_one(&mut connection).await.unwrap();
        if row.get::<i64, _>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a transaction stays open after {what}");
}

/// Drops `future` after so many looks at it; none if it had not ended by then.
async fn looked_at<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn a_step_that_is_dropped_at_any_point_leaves_no_transaction_open() {
    let (store, application) = named().await;
    let mut held = projection(&store).await;
    let (mut at, mut undone) = (0, 0);
    for times in 0.. {
        let before = at;
        let ended = looked_at(times, worked(&store, &held, at, &mut Sql(HANDLE))).await;
        at_rest(&application, "a step").await;
        // Another connection sees nothing of it, or all.
        held = claim(&store, &live(&store).await).await;
        at = held.position.get();
        assert_eq!(orders(&store).await, i64::try_from(at).unwrap(), "after {times} looks");
        undone += usize::from(at == before);
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert!(at > before);
            assert!(undone > 1, "it was dropped on its way as well as before it began");
            return;
        }
    }
}

#[tokio::test]
async fn a_making_that_is_dropped_at_any_point_leaves_no_transaction_open() {
    let (store, application) = named().await;
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    for times in 0.. {
        let held = claim(&store, &live(&store).await).await;
        let ended = looked_at(times, make(&store, &held, CREATE)).await;
        at_rest(&application, "a making").await;
        if let Some(outcome) = ended {
            outcome.unwrap();
            assert_eq!(orders(&store).await, 0);
            return;
        }
        if live(&store).await.is_made {
            return;
        }
    }
}

#[tokio::test]
async fn what_users_drop_leaves_no_transaction_open() {
    let (store, application) = named().await;
    let held = projection(&store).await;
    let failure = NotedFailure {
        position: Position::new(1),
        event_id: Some(EventId::new()),
        sequence: "sale-1".into(),
        kind: FailureKind::Error,
        reason: "no".into(),
        stops: false,
    };
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    for times in 0..16 {
        drop(looked_at(times, store.declare(&declaration(SALES, FollowerKind::Projection))).await);
        at_rest(&application, "a declaration").await;
        for command in [
            Command::RetryParked { sequence: None },
            Command::Repartition(NonZeroU16::MIN),
            Command::Swap,
        ] {
            drop(looked_at(times, store.command(SALES, &command)).await);
            at_rest(&application, "a command").await;
        }
        drop(looked_at(times, store.books(Some(&beat))).await);
        drop(looked_at(times, store.note(&held, &Note::Failed(failure.clone()))).await);
        drop(looked_at(times, store.claim(member(), &[held.part])).await);
        drop(looked_at(times, store.failures(held.part.build, 3)).await);
        at_rest(&application, "what was dropped").await;
    }
    assert_eq!(store.books(Some(&beat)).await.unwrap().members.len(), 1);
}

/// Members that take the part from each other, all the time: each step counts once, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_members_do_to_one_part_counts_once() {
    let store = fresh_store().await;
    let build = projection(&store).await.part.build;
    let member_of = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut done, part) = (0, PartId { build, part: 0 });
            while done < 10 {
                // Nobody has a lease, so everybody may take it.
                let Some(claim) = store.claim(member(), &[part]).await.unwrap().pop() else {
                    tokio::task::yield_now().await;
                    continue;
                };
                tokio::task::yield_now().await;
                match worked(&store, &claim, claim.position.get(), &mut Sql(HANDLE)).await {
                    Ok(()) => done += 1,
                    Err(StepError::Fenced) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    };
    for outcome in join_all((0..4).map(member_of)).await {
        outcome.unwrap();
    }
    let part = live(&store).await.parts.remove(0);
    assert_eq!((part.position, part.events), (Position::new(40), 40));
    assert_eq!(orders(&store).await, 40);
}

#[tokio::test]
async fn a_handler_that_swallows_an_error_has_failed() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    let outcome = worked(&store, &held, 0, &mut Careless).await;
    let Err(StepError::Handler(failed)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failed.kind, FailureKind::Error);
    assert!(failed.report().contains("has not passed that error on"), "{}", failed.report());
    assert_eq!(live(&store).await.parts[0].position, Position::START);
}

#[tokio::test]
async fn a_handler_that_ends_the_transaction_is_refused() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    for end in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"] {
        let at = live(&store).await.parts[0].position.get();
        let told = refusal(worked(&store, &held, at, &mut Sql(end)).await);
        assert!(told.starts_with("it has ended the transaction"), "{end}: {told}");
    }
}

#[tokio::test]
async fn a_shadow_writes_to_what_it_made_and_to_nothing_else() {
    let store = fresh_store().await;
    let mut connection = connection().await;
    run(&mut connection, &store, "CREATE TABLE IF NOT EXISTS public.annals_totals (n bigint)")
        .await
        .unwrap();
    let live = projection(&store).await;
    let elsewhere = "INSERT INTO public.annals_totals VALUES (1)";
    worked(&store, &live, 0, &mut Sql(elsewhere)).await.unwrap();
    let shadow = shadow(&store).await;
    make(&store, &shadow, CREATE).await.unwrap();
    worked(&store, &shadow, 0, &mut Sql(HANDLE)).await.unwrap();
    assert_eq!(orders(&store).await, 0, "it is out of sight");
    let told = refusal(worked(&store, &shadow, 1, &mut Sql(elsewhere)).await);
    assert!(told.starts_with("it writes to public.annals_totals"), "{told}");
    let temporary = "CREATE TEMPORARY TABLE t (n bigint) ON COMMIT DROP; INSERT INTO t SELECT count(*) FROM sales";
    worked(&store, &shadow, 1, &mut Sql(temporary)).await.unwrap();
    let made_late = "CREATE TABLE late (n bigint)";
    let told = refusal(worked(&store, &shadow, 2, &mut Sql(made_late)).await);
    assert!(told.contains("_build.late, which its create() does not make"), "{told}");
}

#[tokio::test]
async fn what_a_swap_could_not_move_is_not_made() {
    let store = fresh_store().await;
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    let held = claim(&store, &live(&store).await).await;
    for (create, because) in [
        ("SELECT 1", "create() has made no table"),
        ("CREATE TABLE sales (n int); CREATE TYPE mood AS ENUM ('ok')", "makes the type mood"),
        (
            "CREATE TABLE sales (n int); CREATE MATERIALIZED VIEW m AS SELECT * FROM sales",
            "makes the materialized view m",
        ),
        (
            "CREATE TABLE sales (n int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "makes the function f",
        ),
        (
            "CREATE TABLE public.annals_sales (n int)",
            "create() makes or changes public.annals_sales",
        ),
    ] {
        let told = refusal(make(&store, &held, create).await);
        assert!(told.contains(because), "{create}: {told}");
        assert!(!live(&store).await.is_made);
    }
    let fine = "CREATE TABLE sales (id bigserial PRIMARY KEY, n int CHECK (n > 0)); CREATE INDEX ON sales (n);
        CREATE SEQUENCE numbers; CREATE VIEW many AS SELECT * FROM sales WHERE n > 10;
        INSERT INTO sales (n) VALUES (11)";
    make(&store, &held, fine).await.unwrap();
    let mut connection = connection().await;
    let schema = store.schema();
    let moved =
        format!("SELECT n FROM {schema}_read.many; SELECT nextval('{schema}_read.numbers')");
    sqlx::raw_sql(AssertSqlSafe(moved)).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn two_followers_do_not_share_a_name_of_a_table() {
    let store = fresh_store().await;
    projection(&store).await;
    store.declare(&declaration("zales", FollowerKind::Projection)).await.unwrap();
    let other = books(&store).await.followers.remove(1).live;
    let held = claim(&store, &other).await;
    let told = refusal(make(&store, &held, CREATE).await);
    assert!(told.contains("the name sales is taken"), "{told}");
}

#[tokio::test]
async fn nul_is_kept_as_text_where_it_can_be() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    let failure = NotedFailure {
        position: Position::new(1),
        event_id: None,
        sequence: String::new(),
        kind: FailureKind::Panic,
        reason: "it ended in \0".into(),
        stops: true,
    };
    store.note(&held, &Note::Failed(failure)).await.unwrap();
    let stopped = live(&store).await.parts.remove(0).stopped.unwrap();
    assert_eq!(stopped.reason, "it ended in \\0");
    assert_eq!(stopped.event_id, None);
}

/// What is done when the row of a part cannot be kept is undone with it, and is the event's failure.
#[tokio::test]
async fn what_no_row_can_keep_is_a_failure_of_the_event() {
    let store = fresh_store().await;
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let held = claim(&store, &live(&store).await).await;
    let table = table();
    store.make(&held, Make::Table(&table), LIMITS).await.unwrap();
    let put = async |key: String| {
        let upserts = [Upsert { key, state: Payload::parse("1").unwrap(), values: Vec::new() }];
        let rows = RowChanges { table: &table, upserts: &upserts, deletes: &[] };
        store.commit(Step { rows: Some(rows), ..step(&held, 0, 1) }).await
    };
    // Letters that do not repeat: the index cannot make them shorter.
    let long: String = (0..3_000).map(|_| fastrand::alphanumeric()).collect();
    for key in [long, "nul\0".into()] {
        let outcome = put(key).await;
        assert!(matches!(outcome, Err(StepError::Handler(_))), "{outcome:?}");
    }
    let parked = [Park {
        sequence: "nul\0".into(),
        position: Position::new(1),
        event_id: EventId::new(),
        is_cause: true,
    }];
    let outcome = store.commit(Step { park: &parked, ..step(&held, 0, 1) }).await;
    assert!(matches!(outcome, Err(StepError::Handler(_))), "{outcome:?}");
    put("anna".into()).await.unwrap();
    let which = WhichRows::Keys(&["anna".into(), "nul\0".into()]);
    let rows = store.rows(&RowsOf { table: &table, claim: None, which }).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_role_with_the_rights_that_followers_need() {
    let store = fresh_store().await;
    let role = name();
    let schema = store.schema();
    let rights = format!(
        "CREATE ROLE {role} LOGIN;
         GRANT USAGE ON SCHEMA $schema TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO {role};
         GRANT SELECT ON SEQUENCE $schema.positions TO {role};
         GRANT USAGE, CREATE ON SCHEMA {schema}_read, {schema}_build, {schema}_swap TO {role};
         GRANT INSERT, UPDATE, DELETE ON $schema.members, $schema.followers, $schema.builds, $schema.build_objects,
             $schema.build_attachments, $schema.parts, $schema.failures, $schema.parked TO {role};
         GRANT USAGE ON SEQUENCE $schema.fences TO {role}"
    );
    run(&mut connection().await, &store, &rights).await.unwrap();
    let url = url().replace("//postgres@", &format!("//{role}@"));
    let app = PostgresStore::builder().with_schema(schema).connect(&url).await.unwrap();
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    app.books(Some(&beat)).await.unwrap();
    let held = projection(&app).await;
    worked(&app, &held, 0, &mut Sql(HANDLE)).await.unwrap();
    let shadow = shadow(&app).await;
    make(&app, &shadow, CREATE).await.unwrap();
    worked(&app, &shadow, 0, &mut Sql(HANDLE)).await.unwrap();
    let swapped = app.swap(shadow.part.build, Duration::from_secs(5)).await.unwrap();
    assert_eq!(swapped, annals::followers::Swap::Swapped);
    app.command(SALES, &Command::Pause).await.unwrap();
    assert_eq!(orders(&app).await, 1);
    let forbidden = format!("DELETE FROM \"{schema}\".events");
    assert!(sqlx::raw_sql(AssertSqlSafe(forbidden)).execute(app.pool()).await.is_err());
}

/// The fewest connections are enough for a step beside a beat and a read.
#[tokio::test]
async fn the_smallest_pool_runs_a_follower() {
    let pool = PgPoolOptions::new().max_connections(5).connect(&url()).await.unwrap();
    let store = PostgresStore::builder().with_schema(name()).open(pool).await.unwrap();
    store.migrate().await.unwrap();
    let held = projection(&store).await;
    let beat = Beat {
        member: member(),
        name: "shop-1".into(),
        lease: Duration::from_secs(10),
        report: Report::default(),
    };
    for at in 0..10 {
        let mut work = Sql(HANDLE);
        let (step, beat, look) = tokio::join!(
            worked(&store, &held, at, &mut work),
            store.books(Some(&beat)),
            store.books(None)
        );
        step.unwrap();
        assert_eq!(beat.unwrap().members.len(), 1);
        look.unwrap();
    }
    assert_eq!(orders(&store).await, 10);
}

/// A swap to a table whose column has another type: connections have plans that are of no use any more.
#[tokio::test]
async fn a_list_by_a_column_that_has_changed_its_type_goes_on() {
    let pool = PgPoolOptions::new().max_connections(5).connect(&url()).await.unwrap();
    let store = PostgresStore::builder().with_schema(name()).open(pool).await.unwrap();
    store.migrate().await.unwrap();
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let of = |kind| TableShape { columns: vec![ColumnShape { name: "spent", kind }], ..table() };
    let (old, new) = (of(ColumnType::Integer), of(ColumnType::Text));
    let held = claim(&store, &live(&store).await).await;
    store.make(&held, Make::Table(&old), LIMITS).await.unwrap();
    put(&store, &held, &old, 7.into()).await;
    let spent = async || {
        let which = WhichRows::Query(&Query::all().ascending("spent"));
        let rows = store.rows(&RowsOf { table: &old, claim: None, which }).await.unwrap();
        rows.into_iter().map(|row| row.ordered_by).collect::<Vec<_>>()
    };
    for values in join_all((0..20).map(|_| spent())).await {
        assert_eq!(values, [Value::from(7)]);
    }
    store.command("customers", &Command::Rebuild { verify: None }).await.unwrap();
    let shadow = books(&store).await.followers.remove(0).shadow.unwrap();
    let held = claim(&store, &shadow).await;
    store.make(&held, Make::Table(&new), LIMITS).await.unwrap();
    put(&store, &held, &new, "much".into()).await;
    let swapped = store.swap(shadow.id, Duration::from_secs(5)).await.unwrap();
    assert_eq!(swapped, annals::followers::Swap::Swapped);
    for values in join_all((0..20).map(|_| spent())).await {
        assert_eq!(values, [Value::from("much")]);
    }
    let which = WhichRows::Query(&Query::all().at_least("spent", 7));
    let asked = store.rows(&RowsOf { table: &old, claim: None, which }).await;
    let wrong = matches!(asked, Err(ReadError::Query(InvalidQuery::WrongType { .. })));
    assert!(wrong, "{asked:?}");
}

async fn put(store: &PostgresStore, held: &Claim, table: &TableShape, value: Value) {
    let state = Payload::parse("1").unwrap();
    let upserts = [Upsert { key: "anna".into(), state, values: vec![value] }];
    let rows = RowChanges { table, upserts: &upserts, deletes: &[] };
    store.commit(Step { rows: Some(rows), ..step(held, 0, 1) }).await.unwrap();
}

/// Postgres would compare an integer with a float; a list does not, on any store.
#[tokio::test]
async fn integers_are_not_compared_with_floats() {
    let store = fresh_store().await;
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let of = |kind| TableShape { columns: vec![ColumnShape { name: "spent", kind }], ..table() };
    let (made, thought) = (of(ColumnType::Integer), of(ColumnType::Float));
    let held = claim(&store, &live(&store).await).await;
    store.make(&held, Make::Table(&made), LIMITS).await.unwrap();
    put(&store, &held, &made, 7.into()).await;
    let which = WhichRows::Query(&Query::all().at_least("spent", 6.5));
    let asked = store.rows(&RowsOf { table: &thought, claim: None, which }).await;
    let wrong = matches!(asked, Err(ReadError::Query(InvalidQuery::WrongType { .. })));
    assert!(wrong, "{asked:?}");
}
