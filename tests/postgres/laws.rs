//! What the database itself holds against everyone who is let in, its owner and superusers included.

use annals::{
    AppendError, EventStore,
    ExpectedVersion::{self, Any, NoStream},
    Position, PostgresStore, ReadAll, ReadStream, Refusal, StoreError, Version,
};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{
    asking::{all, append, conflict, event, events, read, report, to},
    fresh::{beside, connection, fresh_store, name, run},
};

/// Changes of what has happened.
const CHANGES: [&str; 13] = [
    "UPDATE $schema.events SET payload = '{}'",
    "UPDATE $schema.events SET version = version WHERE false",
    "DELETE FROM $schema.events",
    "DELETE FROM $schema.events WHERE false",
    "TRUNCATE $schema.events",
    "TRUNCATE $schema.events, $schema.event_kinds RESTART IDENTITY CASCADE",
    "WITH gone AS (DELETE FROM $schema.events RETURNING 1) SELECT count(*) FROM gone",
    "INSERT INTO $schema.events SELECT * FROM $schema.events ON CONFLICT (position) DO UPDATE SET payload = '{}'",
    "SET annals.append = 'on'; UPDATE $schema.events SET payload = '{}'",
    "SET annals.append = 'on'; DELETE FROM $schema.events",
    "UPDATE $schema.event_kinds SET event_type = 'test.other'",
    "DELETE FROM $schema.event_kinds",
    "TRUNCATE $schema.event_kinds",
];

/// Writes past the append functions.
const WRITES: [&str; 3] = [
    "INSERT INTO $schema.events (position, version, recorded_at, kind, schema_version, stream_key, id, stream, payload)
     SELECT position + 1000, version + 1000, now(), kind, 1, stream_key, gen_random_uuid(), stream, '{}' FROM $schema.events",
    "INSERT INTO $schema.events SELECT * FROM $schema.events WHERE false",
    "COPY $schema.events FROM PROGRAM 'true'",
];

/// A store with two events of one stream.
async fn with_history() -> PostgresStore {
    let store = fresh_store().await;
    append(&store, to("test-a", NoStream, events(2))).await;
    store
}

/// Everything that the tables hold, as text.
async fn contents(connection: &mut PgConnection, store: &PostgresStore) -> Vec<String> {
    let mut contents = Vec::new();
    for table in ["events", "event_kinds"] {
        let sql = format!("SELECT t::text FROM \"{}\".{table} t ORDER BY 1", store.schema());
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap();
        contents.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    assert!(!contents.is_empty());
    contents
}

/// Each of `statements` is refused in a transaction that begins with `begin`, and leaves everything as it is.
async fn refused(store: &PostgresStore, begin: &str, statements: &[&str]) {
    let mut connection = connection().await;
    let before = contents(&mut connection, store).await;
    for statement in statements {
        let mut transaction = connection.begin().await.unwrap();
        run(&mut transaction, store, begin).await.unwrap();
        let refusal = run(&mut transaction, store, statement).await.expect_err(statement);
        let refusal = report(&refusal);
        assert!(refusal.contains("is refused"), "{statement}: {refusal}");
        transaction.commit().await.unwrap();
        assert_eq!(contents(&mut connection, store).await, before, "{statement}");
    }
}

#[tokio::test]
async fn a_superuser_changes_nothing_and_writes_nothing() {
    let store = with_history().await;
    refused(&store, "", &CHANGES).await;
    refused(&store, "", &WRITES).await;
}

#[tokio::test]
async fn a_superuser_changes_nothing_where_triggers_of_replicas_are_off() {
    let store = with_history().await;
    refused(&store, "SET LOCAL session_replication_role = replica", &CHANGES).await;
}

#[tokio::test]
async fn the_owner_changes_nothing_and_writes_nothing() {
    let store = with_history().await;
    let owner = name();
    let mut connection = connection().await;
    let give_away = format!(
        "CREATE ROLE {owner};
         ALTER SCHEMA $schema OWNER TO {owner};
         ALTER TABLE $schema.events OWNER TO {owner};
         ALTER TABLE $schema.event_kinds OWNER TO {owner};
         ALTER TABLE $schema.migrations OWNER TO {owner};
         ALTER SEQUENCE $schema.positions OWNER TO {owner}"
    );
    run(&mut connection, &store, &give_away).await.unwrap();
    let as_owner = format!("SET LOCAL ROLE {owner}");
    refused(&store, &as_owner, &CHANGES).await;
    let of_owners: Vec<_> = WRITES.into_iter().filter(|sql| !sql.contains("PROGRAM")).collect();
    refused(&store, &as_owner, &of_owners).await;
    run(&mut connection, &store, &format!("DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}"))
        .await
        .unwrap();
}

/// What an append allows itself ends with it, however it ends.
#[tokio::test]
async fn nothing_is_written_past_the_functions_after_an_append_in_the_same_transaction() {
    let store = with_history().await;
    let mut connection = connection().await;
    let stored = || vec![to("test-a", Any, events(1))];
    let conflicting = || vec![to("test-a", NoStream, events(1)), to("test-new", Any, events(1))];
    for statement in WRITES {
        for (ends, request) in [("stored", stored()), ("in a conflict", conflicting())] {
            let mut transaction = connection.begin().await.unwrap();
            let answer = store.append_in(&mut transaction, request).await;
            assert_eq!(answer.is_ok(), ends == "stored");
            let refusal = run(&mut transaction, &store, statement).await.expect_err(statement);
            assert!(report(&refusal).contains("is refused"), "{ends}, {statement}: {refusal}");
            transaction.rollback().await.unwrap();
        }
        let mut transaction = connection.begin().await.unwrap();
        let mut savepoint = transaction.begin().await.unwrap();
        store.append_in(&mut savepoint, stored()).await.unwrap();
        savepoint.rollback().await.unwrap();
        let refusal = run(&mut transaction, &store, statement).await.expect_err(statement);
        assert!(report(&refusal).contains("is refused"), "rolled back, {statement}: {refusal}");
    }
    assert_eq!(read(&store, "test-a").await.len(), 2);
}

#[tokio::test]
async fn a_refusal_says_what_to_do_instead() {
    let store = with_history().await;
    let mut connection = connection().await;
    for (statement, hint) in [
        (CHANGES[0], "What has happened cannot be changed; append an event that corrects it."),
        (WRITES[0], "Events are appended by the function append of this schema."),
    ] {
        let refusal = run(&mut connection, &store, statement).await.unwrap_err();
        let refusal = refusal.into_database_error().unwrap();
        let refusal = refusal.downcast::<sqlx::postgres::PgDatabaseError>();
        assert_eq!(refusal.hint(), Some(hint));
        assert_eq!(refusal.code(), "42501");
        assert!(refusal.message().ends_with(&format!("on {}.events is refused", store.schema())));
    }
}

/// Calls the function as any client of the database can, and gives outcome, version and position.
async fn called(
    function: &str,
    store: &PostgresStore,
    expected: i64,
    connection: &mut PgConnection,
) -> (i32, i64, i64) {
    let kind = "(SELECT min(id) FROM $schema.event_kinds)";
    let store_id = "'$schema'::regnamespace::oid::integer";
    let stream = format!("ARRAY['test-a'], ARRAY[{expected}]::bigint[]");
    let event = format!(
        "ARRAY[1], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY[{kind}], ARRAY[1],
         ARRAY[NULL]::uuid[], ARRAY[NULL]::uuid[], ARRAY[NULL]::json[], ARRAY['{{}}']::json[]"
    );
    let sql = match function {
        "append" => format!(
            "SELECT outcomes[1], versions[1], positions[1] FROM $schema.append({store_id}, NULL, NULL, NULL, {stream}, ARRAY[1], {event})"
        ),
        "append_each" => format!(
            "SELECT coalesce(outcomes[1], 0), versions[1], positions[1]
             FROM $schema.append_each({store_id}, NULL, NULL, ARRAY[$schema.stream_key('test-a')], {stream}, {event})"
        ),
        _ => format!(
            "SELECT a[1]::integer, a[2], a[3] FROM $schema.append_one(
                 {store_id}, NULL, NULL, NULL, $schema.stream_key('test-a'), 'test-a', {expected}, gen_random_uuid(), {kind}, 1,
                 NULL, NULL, NULL, '{{}}') AS a"
        ),
    };
    let sql = sql.replace("$schema", &format!("\"{}\"", store.schema()));
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn raw_calls_of_the_functions_keep_the_laws() {
    let store = with_history().await;
    let mut connection = connection().await;
    for function in ["append", "append_one", "append_each"] {
        let before = read(&store, "test-a").await;
        let at = before.len() as i64;
        for (expected, is_met) in [
            (0, false),
            (at - 1, false),
            (at + 1, false),
            (i64::MAX, false),
            (at, true),
            (-1, true),
            (-2, true),
        ] {
            let at = read(&store, "test-a").await.len() as i64;
            let (outcome, version, _) = called(function, &store, expected, &mut connection).await;
            let told = if is_met { (0, at + 1) } else { (1, at) };
            assert_eq!((outcome, version), told, "{function}, expected {expected}");
        }
        let after = read(&store, "test-a").await;
        assert_eq!(after.len(), before.len() + 3, "{function}");
        let versions: Vec<_> = after.iter().map(|event| event.version.get()).collect();
        assert_eq!(versions, (1..=after.len() as u64).collect::<Vec<_>>(), "{function}");
        assert!(after.is_sorted_by(|a, b| a.position < b.position), "{function}");
        assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await, after, "{function}");
    }
}

#[tokio::test]
async fn expected_versions_hold_between_stores_and_raw_sql() {
    let store = with_history().await;
    let (other, mut connection) = (beside(&store).await, connection().await);
    let mut at = 2;
    for _ in 0..5 {
        let now = |version: u64| ExpectedVersion::Exact(Version::new(version));
        assert_eq!(
            append(&store, to("test-a", now(at), events(2))).await.version,
            Version::new(at + 2)
        );
        let late = conflict(other.append(vec![to("test-a", now(at), events(1))]).await);
        assert_eq!(late.actual, Version::new(at + 2));
        at += 2;
        assert_eq!(
            append(&other, to("test-a", now(at), events(1))).await.version,
            Version::new(at + 1)
        );
        let (outcome, version, _) = called("append_one", &store, at as i64, &mut connection).await;
        assert_eq!((outcome, version), (1, at as i64 + 1));
        at += 1;
        let (outcome, version, _) = called("append_one", &store, at as i64, &mut connection).await;
        assert_eq!((outcome, version), (0, at as i64 + 1));
        let late = conflict(store.append(vec![to("test-a", now(at), events(1))]).await);
        assert_eq!(late.actual, Version::new(at + 1));
        at += 1;
    }
}

/// An append that holds the stream, and others that come meanwhile: of all who expect one version one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sessions_that_expect_one_version_one_wins() {
    let store = with_history().await;
    let stores = [store.clone(), beside(&store).await, beside(&store).await];
    for at in 2..22_u64 {
        let mut holder = connection().await;
        let mut transaction = holder.begin().await.unwrap();
        let request = || vec![to("test-a", ExpectedVersion::Exact(Version::new(at)), events(1))];
        store.append_in(&mut transaction, request()).await.unwrap();
        let tasks: Vec<_> = (0..9)
            .map(|task| {
                let (store, request) = (stores[task % 3].clone(), request());
                tokio::spawn(async move { store.append(request).await })
            })
            .collect();
        waiting_for_locks(&mut connection().await, &store, 3).await;
        // Half of the time the first one gives up.
        let is_committed = at % 2 == 0;
        if is_committed {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let answers = join_all(tasks).await.into_iter().map(Result::unwrap);
        let (won, lost): (Vec<_>, Vec<_>) = answers.partition(Result::is_ok);
        assert_eq!(won.len(), usize::from(!is_committed), "at {at}: {won:?}");
        for answer in lost {
            assert_eq!(conflict(answer).actual, Version::new(at + 1));
        }
        let versions: Vec<_> =
            read(&store, "test-a").await.iter().map(|e| e.version.get()).collect();
        assert_eq!(versions, (1..=at + 1).collect::<Vec<_>>());
    }
}

/// Waits until so many sessions wait for a lock in the store's schema.
async fn waiting_for_locks(connection: &mut PgConnection, store: &PostgresStore, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    loop {
        let row =
            sqlx::query(waiting).bind(store.schema()).fetch_one(&mut *connection).await.unwrap();
        if row.get::<i64, _>(0) >= count {
            return;
        }
    }
}

#[tokio::test]
async fn a_kind_that_another_process_has_numbered_is_read() {
    let store = with_history().await;
    let other = beside(&store).await;
    read(&store, "test-a").await;
    append(&other, to("fresh-a", NoStream, vec![event("fresh.kind")])).await;
    assert_eq!(read(&store, "fresh-a").await[0].event.event_type.as_str(), "fresh.kind");
}

/// No such pair is known; here the owner of the table pretends that there is one.
#[tokio::test]
async fn two_streams_with_one_key_are_never_mixed_up() {
    let store = with_history().await;
    let forged = "SET annals.append = 'on';
        INSERT INTO $schema.events (position, version, recorded_at, kind, schema_version, stream_key, id, stream, payload)
        SELECT nextval('$schema.positions'), 1, now(), kind, 1, $schema.stream_key('test-b'), gen_random_uuid(), 'test-first', '{}'
        FROM $schema.events LIMIT 1";
    run(&mut connection().await, &store, forged).await.unwrap();
    for (count, others) in [(1, 0), (2, 0), (1, 9)] {
        let others = (0..others).map(|nth| to(&format!("test-{count}-{nth}"), NoStream, events(1)));
        let second = store.append(vec![to("test-b", Any, events(count))]);
        let (second, others) = tokio::join!(second, join_all(others.map(|to| append(&store, to))));
        let refusal = report(&second.unwrap_err());
        assert!(
            refusal.contains("the stream test-b has the same key as the stream test-first"),
            "{refusal}"
        );
        assert!(others.iter().all(|appended| appended.version == Version::new(1)));
    }
    let stored = all(store.read_all(ReadAll::after(Position::START))).await;
    let id = stored.iter().find(|event| event.stream.as_str() == "test-first").unwrap().id;
    let taken = store.append(vec![to("test-b", Any, vec![event("a.b").with_id(id)])]).await;
    let refusal = taken.unwrap_err();
    assert!(report(&refusal).contains("test-first"), "{}", report(&refusal));
    assert!(
        matches!(refusal, AppendError::Store(StoreError::Refused(Refusal::EventIdTaken { .. }))),
        "{refusal:?}"
    );
    let request = || vec![to("test-b", ExpectedVersion::Exists, events(1))];
    assert_eq!(conflict(store.append(request()).await).actual, Version::NONE);
    let mut connection = connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let in_transaction = store.append_in(&mut transaction, request()).await;
    assert_eq!(conflict(in_transaction).actual, Version::NONE);
    assert!(read(&store, "test-b").await.is_empty());
    let backwards = ReadStream::backwards("test-b".parse().unwrap());
    assert!(all(store.read_stream(backwards)).await.is_empty());
}
