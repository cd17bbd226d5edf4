//! How Postgres goes about the statements of the store, when there are many events.

use annals::{EventStore, ExpectedVersion::Any, Filter, Position, PostgresStore, ReadAll};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::{
    asking::{all, append, event, events, to},
    fresh::{beside, connection, fresh_store, run},
};

const EVENTS: usize = 100_000;
/// How many blocks of 8 KB a statement may look at that needs few events; the table has some two thousand.
const FEW: u64 = 60;

const ALL: &str = include_str!("../../postgres-store/sql/read/all.sql");
const FILTERED: &str = include_str!("../../postgres-store/sql/read/filtered.sql");
const DENSE: &str = include_str!("../../postgres-store/sql/read/filtered_dense.sql");
const FORWARDS: &str = include_str!("../../postgres-store/sql/read/stream_forwards.sql");
const BACKWARDS: &str = include_str!("../../postgres-store/sql/read/stream_backwards.sql");
const FROM_SNAPSHOT: &str =
    include_str!("../../postgres-store/sql/snapshots/read_from_snapshot.sql");
const VERSION_OF: &str = include_str!("../../postgres-store/sql/snapshots/version_of.sql");
const HEAD: &str = include_str!("../../postgres-store/sql/read/head.sql");
const IDS_TAKEN: &str = include_str!("../../postgres-store/sql/append/ids_taken.sql");

/// What each statement is called with, and the index of the events that it must use.
const PLANS: [(&str, &str, &str, &str); 15] = [
    (
        "one rare type",
        FILTERED,
        "0, 9000000, 1024, NULL, '{test.rare}', 7, now()",
        "events_by_kind",
    ),
    (
        "one rare type of a category",
        FILTERED,
        "0, 9000000, 1024, '{test}', '{test.rare}', 7, now()",
        "events_by_kind",
    ),
    (
        "few of one rare type",
        FILTERED,
        "0, 9000000, 10, NULL, '{test.rare}', 7, now()",
        "events_by_kind",
    ),
    (
        "one of one rare type",
        FILTERED,
        "0, 9000000, 1, NULL, '{test.rare}', 7, now()",
        "events_by_kind",
    ),
    (
        "one of a type that nothing has",
        FILTERED,
        "0, 9000000, 1, NULL, '{other.thing}', 7, now()",
        "events_by_kind",
    ),
    (
        "the beginning of a frequent type",
        FILTERED,
        "0, 9000000, 10, NULL, '{test.happened}', 7, now()",
        "events_by_kind",
    ),
    (
        "the end of all",
        FILTERED,
        "99990, 9000000, 1024, '{test,other}', NULL, 7, now()",
        "events_by_kind",
    ),
    (
        "the beginning of a stream",
        FORWARDS,
        "'37000000-0000-9c71-311c-5fc4e8453f5d', 0, 10, 'test-7', 7, now()",
        "events_stream_key_version_key",
    ),
    (
        "the end of a stream",
        BACKWARDS,
        "'37000000-0000-9c71-311c-5fc4e8453f5d', 9223372036854775807, 10, 'test-7', 7, now()",
        "events_stream_key_version_key",
    ),
    (
        "a stream from its snapshot on",
        FROM_SNAPSHOT,
        "'37000000-0000-9c71-311c-5fc4e8453f5d', 1, 1024, 'test-7', 7, now()",
        "events_stream_key_version_key",
    ),
    ("an event by its id", VERSION_OF, "gen_random_uuid(), 'test-7'", "events_id_key"),
    (
        "a page of a frequent type",
        DENSE,
        "50000, 9000000, 10, NULL, '{test.happened}', 7, now()",
        "events_pkey",
    ),
    ("a page of all", ALL, "50000, 9000000, 10, 7, now()", "events_pkey"),
    ("the head", HEAD, "9000000", "events_pkey"),
    ("event ids", IDS_TAKEN, "ARRAY[gen_random_uuid(), gen_random_uuid()]", "events_id_key"),
];

async fn with_many_events() -> PostgresStore {
    let store = fresh_store().await;
    for round in 0..EVENTS / 1_000 {
        append(&store, to(&format!("test-{}", round % 20), Any, events(999))).await;
        let rare = if round % 20 == 10 { "test.rare" } else { "test.happened" };
        append(&store, to("test-rare", Any, vec![event(rare)])).await;
    }
    append(&store, to("other-a", Any, vec![event("other.thing")])).await;
    let snapshot = "INSERT INTO $schema.snapshots
        SELECT stream_key, version, position, now(), 1, id, stream, '[]' FROM $schema.events
        WHERE stream = 'test-7' ORDER BY version DESC LIMIT 1";
    run(&mut connection().await, &store, snapshot).await.unwrap();
    store
}

/// Prepares `statement` under the name `wanted`.
async fn prepare(statement: &str, store: &PostgresStore, connection: &mut PgConnection) {
    let prepare = format!("DEALLOCATE ALL; PREPARE wanted AS {statement}");
    let prepare = prepare.replace("{schema_id}", "7").replace("{page}", "8192");
    let prepare = prepare.replace("{schema}", "$schema");
    run(connection, store, &prepare).await.unwrap();
}

/// The plan of `statement`, prepared and run with `parameters`.
async fn plan(
    statement: &str,
    parameters: &str,
    store: &PostgresStore,
    connection: &mut PgConnection,
) -> Value {
    prepare(statement, store, connection).await;
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE wanted({parameters})");
    let row = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(connection).await.unwrap();
    serde_json::from_str(row.try_get_unchecked::<&str, _>(0).unwrap()).unwrap()
}

/// Each node of a plan.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    std::iter::once(plan).chain(below).collect()
}

#[tokio::test]
async fn statements_read_the_index_that_is_made_for_them() {
    let store = with_many_events().await;
    let mut connection = connection().await;
    // Before the statistics are known, and after; with the parameters known to the planner, and not.
    for statistics in ["", "VACUUM ANALYZE $schema.events", "ANALYZE $schema.event_kinds"] {
        run(&mut connection, &store, statistics).await.unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            run(&mut connection, &store, &format!("SET plan_cache_mode = {mode}")).await.unwrap();
            for (what, statement, parameters, index) in PLANS {
                let explained = plan(statement, parameters, &store, &mut connection).await;
                let top = &explained[0]["Plan"];
                let indexes = nodes(top).into_iter().filter_map(|node| node["Index Name"].as_str());
                let mut used: Vec<_> = indexes.filter(|name| name.starts_with("events_")).collect();
                used.dedup();
                assert_eq!(used, [index], "{what}, {mode}, {statistics}: {explained:#}");
                assert!(
                    !nodes(top)
                        .iter()
                        .any(|n| n["Node Type"] == "Seq Scan" && n["Relation Name"] == "events"),
                    "{what}, {mode}, {statistics}: {explained:#}"
                );
                let read = ["Shared Hit Blocks", "Shared Read Blocks"]
                    .map(|blocks| top[blocks].as_u64().unwrap());
                assert!(
                    read.iter().sum::<u64>() <= FEW,
                    "{what}, {mode}, {statistics}: {read:?} {explained:#}"
                );
            }
        }
    }
}

/// Whoever wants only the first such event waits no longer than who wants many.
#[tokio::test]
async fn a_rare_event_is_found_in_a_few_looks() {
    let store = with_many_events().await;
    let reader = beside(&store).await;
    let other = Filter::any().with_category("other");
    let wanted = ReadAll::after(Position::START).with_filter(other).with_limit(1);
    assert_eq!(all(reader.read_all(wanted)).await.len(), 1);
    reader.shutdown().await;
    reader.pool().close().await;
    let mut connection = connection().await;
    let looks = "SELECT idx_scan FROM pg_stat_user_indexes
        WHERE schemaname = $1 AND indexrelname = 'events_by_kind'";
    let looks = loop {
        let looks = sqlx::query_scalar(looks).bind(store.schema()).fetch_one(&mut connection);
        match looks.await.unwrap() {
            0_i64 => {}
            looks => break looks,
        }
    };
    assert!(looks < 6, "{EVENTS} events were looked through in {looks} looks");
}

/// The server decides after five plans whether to keep one.
#[tokio::test]
async fn the_plan_of_a_page_is_kept_however_many_events_there_seem_to_be() {
    let store = fresh_store().await;
    append(&store, to("test-a", Any, events(2_000))).await;
    let mut connection = connection().await;
    run(&mut connection, &store, "VACUUM ANALYZE $schema.events").await.unwrap();
    for seeming in ["2000", "1e8"] {
        let seem = format!(
            "UPDATE pg_class SET reltuples = {seeming} WHERE oid = '$schema.events'::regclass"
        );
        run(&mut connection, &store, &seem).await.unwrap();
        for (statement, parameters) in [
            (ALL, "1987, 9223372036854775807, 1024, 7, now()"),
            (DENSE, "1987, 9223372036854775807, 1024, '{test}', NULL, 7, now()"),
        ] {
            prepare(statement, &store, &mut connection).await;
            let execute = format!("EXECUTE wanted({parameters})");
            for _ in 0..5 {
                run(&mut connection, &store, &execute).await.unwrap();
            }
            let explain = AssertSqlSafe(format!("EXPLAIN (VERBOSE) {execute}"));
            let rows = sqlx::raw_sql(explain).fetch_all(&mut connection).await.unwrap();
            let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = lines.join("\n");
            assert!(plan.contains("$1"), "{seeming}: {plan}");
            assert!(!plan.contains("1987"), "made for these parameters, {seeming}: {plan}");
        }
    }
}

/// Each function that appends, called for one event to the stream `test-$n`.
const APPENDS: [&str; 3] = [
    "append_one($store, NULL, NULL, $schema.stream_key('test-$n'), 'test-$n', -2, gen_random_uuid(), 1, 1, NULL, NULL, NULL, '{}')",
    "append_each($store, NULL, ARRAY[$schema.stream_key('test-$n')], '{test-$n}', '{-2}', '{1}', '{1}',
                 ARRAY[gen_random_uuid()], '{1}', '{1}', '{NULL}', '{NULL}', '{NULL}', ARRAY['{}'::json])",
    "append($store, NULL, NULL, '{test-$n}', '{-2}', '{1}', '{1}', '{1}',
            ARRAY[gen_random_uuid()], '{1}', '{1}', '{NULL}', '{NULL}', '{NULL}', ARRAY['{}'::json])",
];

/// The call of one of these, for the stream `test-{nth}`.
fn call(function: &str, nth: u32) -> String {
    let store = "'$schema'::regnamespace::oid::integer, pg_postmaster_start_time()";
    format!("SELECT $schema.{function}").replace("$store", store).replace("$n", &nth.to_string())
}

#[tokio::test]
async fn settings_of_appends_are_gone_with_them() {
    let store = fresh_store().await;
    let mut connection = connection().await;
    let settings = "SELECT current_setting('enable_seqscan'), current_setting('plan_cache_mode'),
                    coalesce(current_setting('annals.append', true), '')";
    let [one, each, append] = APPENDS;
    // In a transaction of somebody else's, the other two leave their settings to its end.
    let before = ["", "", "", "BEGIN"];
    for ((nth, function), before) in (0..).zip([one, each, append, append]).zip(before) {
        run(&mut connection, &store, before).await.unwrap();
        run(&mut connection, &store, &call(function, nth)).await.unwrap();
        let left: (String, String, String) =
            sqlx::query_as(settings).fetch_one(&mut connection).await.unwrap();
        let as_before = ("on".to_owned(), "auto".to_owned(), String::new());
        assert_eq!(left, as_before, "{before} {function}");
    }
}

/// What is planned for an empty table is kept until it is analyzed again, however many events there are by then.
#[tokio::test]
async fn appends_go_through_no_events_even_if_there_seem_to_be_none() {
    let store = fresh_store().await;
    let mut connection = connection().await;
    run(&mut connection, &store, "ANALYZE $schema.events; BEGIN").await.unwrap();
    for nth in 0..30 {
        for function in APPENDS {
            // Each as if it were alone in its transaction.
            let settings = "SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = auto";
            run(&mut connection, &store, settings).await.unwrap();
            run(&mut connection, &store, &call(function, nth)).await.unwrap();
        }
    }
    let looked = "SELECT seq_scan, idx_tup_fetch, n_tup_ins FROM pg_stat_xact_user_tables
        WHERE schemaname = $1 AND relname = 'events'";
    let row = sqlx::query(looked).bind(store.schema()).fetch_one(&mut connection).await.unwrap();
    let [scans, looked_at, stored] = [0, 1, 2].map(|column| row.get::<i64, _>(column));
    assert_eq!((scans, stored), (0, 90));
    // The stream's last event, and for `append` its first as well.
    assert!(looked_at <= 2 * stored, "{stored} appends have looked at {looked_at} events");
}
