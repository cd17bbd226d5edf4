//! Appends inside transactions of the caller's.

use std::time::{Duration, Instant};

use annals::{
    AppendError, Conflict, EventData, EventStore, EventStoreExt,
    ExpectedVersion::{self, Any, Exact, Exists, NoStream},
    Position, PostgresStore, ReadAll, Refusal, StoreError, TryStreamExt, Version,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::{
    announcing::listener,
    asking::{all, append, conflict, event, events, read, report, to},
    fresh::{beside, connection, fresh_store, run},
};

/// Long enough for any machine, and a failure if it is over.
const SOON: Duration = Duration::from_secs(20);

/// A store, and beside its tables one of the application's.
async fn with_orders() -> (PostgresStore, PgConnection) {
    let store = fresh_store().await;
    let mut connection = connection().await;
    run(&mut connection, &store, "CREATE TABLE $schema.orders (number integer)").await.unwrap();
    (store, connection)
}

async fn order(number: i32, store: &PostgresStore, connection: &mut PgConnection) {
    let sql = format!("INSERT INTO $schema.orders VALUES ({number})");
    run(connection, store, &sql).await.unwrap();
}

async fn orders(store: &PostgresStore, connection: &mut PgConnection) -> Vec<i32> {
    let sql = format!("SELECT number FROM \"{}\".orders ORDER BY 1", store.schema());
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn exact(version: u64) -> ExpectedVersion {
    Exact(Version::new(version))
}

#[tokio::test]
async fn events_are_there_with_what_else_the_transaction_wrote_or_not_at_all() {
    let (store, mut connection) = with_orders().await;
    let request =
        |expected| vec![to("order-a", expected, events(2)), to("order-b", expected, events(1))];

    let mut transaction = connection.begin().await.unwrap();
    order(1, &store, &mut transaction).await;
    let dropped = store.append_in(&mut transaction, request(NoStream)).await.unwrap();
    assert_eq!(read(&store, "order-a").await, [], "not before the commit");
    transaction.rollback().await.unwrap();
    assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await, []);
    assert_eq!(store.head().await.unwrap(), Position::START);

    let mut transaction = connection.begin().await.unwrap();
    order(2, &store, &mut transaction).await;
    let answers = store.append_in(&mut transaction, request(NoStream)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(orders(&store, &mut connection).await, [2]);
    let (a, b) = (read(&store, "order-a").await, read(&store, "order-b").await);
    let told: Vec<_> = answers.iter().map(|a| (a.version.get(), a.position)).collect();
    assert_eq!(told, [(2, a[1].position), (1, b[0].position)]);
    assert!(answers[0].position < answers[1].position);
    assert!(dropped[1].position < a[0].position, "a position is taken once");
    assert_eq!(store.head().await.unwrap(), answers[1].position);
}

#[tokio::test]
async fn several_appends_of_one_transaction_see_each_other() {
    let (store, mut connection) = with_orders().await;
    let mut transaction = connection.begin().await.unwrap();
    let mut told = Vec::new();
    let again = vec![to("order-a", NoStream, events(2))];
    told.extend(store.append_in(&mut transaction, again.clone()).await.unwrap());
    told.extend(
        store.append_in(&mut transaction, vec![to("order-b", NoStream, events(1))]).await.unwrap(),
    );
    told.extend(
        store.append_in(&mut transaction, vec![to("order-a", exact(2), events(1))]).await.unwrap(),
    );
    let late =
        conflict(store.append_in(&mut transaction, vec![to("order-a", exact(2), events(1))]).await);
    assert_eq!((late.expected, late.actual), (exact(2), Version::new(3)));
    assert_eq!(store.append_in(&mut transaction, again.clone()).await.unwrap(), told[..1]);
    let elsewhere = vec![to("order-b", Any, again[0].events.clone())];
    let taken = store.append_in(&mut transaction, elsewhere).await.unwrap_err();
    let AppendError::Store(StoreError::Refused(Refusal::EventIdTaken { stream, .. })) = taken
    else {
        panic!("{taken:?}")
    };
    assert_eq!(stream.as_str(), "order-a");
    transaction.commit().await.unwrap();
    let stored = all(store.read_all(ReadAll::after(Position::START))).await;
    let positions: Vec<_> = stored[1..].iter().map(|event| event.position).collect();
    assert_eq!(positions, told.iter().map(|answer| answer.position).collect::<Vec<_>>());
    assert_eq!(store.append(again).await.unwrap(), told[..1]);
}

#[tokio::test]
async fn a_conflict_or_a_refusal_leaves_the_transaction_as_it_was() {
    let (store, mut connection) = with_orders().await;
    append(&store, to("order-a", NoStream, events(1))).await;
    let mut transaction = connection.begin().await.unwrap();
    order(1, &store, &mut transaction).await;
    for (request, expected, actual) in [
        (vec![to("order-a", NoStream, events(1))], NoStream, 1),
        (vec![to("order-new", Exists, events(1))], Exists, 0),
        (vec![to("order-new", Any, events(1)), to("order-a", exact(7), vec![])], exact(7), 1),
    ] {
        let Conflict { expected: told, actual: at, .. } =
            conflict(store.append_in(&mut transaction, request).await);
        assert_eq!((told, at), (expected, Version::new(actual)));
    }
    let twice = event("test.happened");
    let refused = vec![to("order-a", Any, vec![twice.clone(), twice])];
    let refused = store.append_in(&mut transaction, refused).await.unwrap_err();
    assert!(matches!(refused, AppendError::Store(StoreError::Refused(_))));
    assert_eq!(store.append_in(&mut transaction, vec![]).await.unwrap(), []);
    order(2, &store, &mut transaction).await;
    store.append_in(&mut transaction, vec![to("order-a", exact(1), events(1))]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(orders(&store, &mut connection).await, [1, 2]);
    assert_eq!(read(&store, "order-a").await.len(), 2);
    append(&store, to("order-new", NoStream, events(1))).await;
}

#[tokio::test]
async fn what_a_savepoint_takes_back_never_happened() {
    let (store, mut connection) = with_orders().await;
    let mut transaction = connection.begin().await.unwrap();
    store.append_in(&mut transaction, vec![to("order-a", NoStream, events(1))]).await.unwrap();
    for _ in 0..3 {
        let mut savepoint = transaction.begin().await.unwrap();
        let request = vec![to("order-a", exact(1), events(2)), to("order-b", NoStream, events(1))];
        store.append_in(&mut savepoint, request).await.unwrap();
        savepoint.rollback().await.unwrap();
    }
    let last =
        store.append_in(&mut transaction, vec![to("order-a", exact(1), events(1))]).await.unwrap();
    transaction.commit().await.unwrap();
    let stored = all(store.read_all(ReadAll::after(Position::START))).await;
    assert_eq!(stored, read(&store, "order-a").await);
    assert_eq!((stored.len(), stored[1].position), (2, last[0].position));
    append(&store, to("order-b", NoStream, events(1))).await;
}

/// The stream of a part without events stays as it is until the transaction ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_holds_until_the_transaction_ends() {
    let (store, mut connection) = with_orders().await;
    append(&store, to("stock-a", NoStream, events(1))).await;
    for (guarded, expected) in [("stock-a", exact(1)), ("stock-new", NoStream)] {
        let mut transaction = connection.begin().await.unwrap();
        let request = vec![to(guarded, expected, vec![]), to("order-a", Any, events(1))];
        let answers = store.append_in(&mut transaction, request).await.unwrap();
        let other = beside(&store).await;
        let late = to(guarded, expected, events(1));
        let late = tokio::spawn(async move { append(&other, late).await });
        until_one_waits_for_a_lock(&store).await;
        transaction.commit().await.unwrap();
        let late = late.await.unwrap();
        assert!(late.position > answers[1].position, "{guarded}");
    }
}

async fn until_one_waits_for_a_lock(store: &PostgresStore) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'";
    let mut connection = connection().await;
    let waits = async {
        loop {
            let row =
                sqlx::query(waiting).bind(store.schema()).fetch_one(&mut connection).await.unwrap();
            if row.get::<i64, _>(0) > 0 {
                return;
            }
        }
    };
    timeout(SOON, waits).await.expect("the append should wait for the guarded stream");
}

/// A transaction that reads from one snapshot cannot see what the stream is at now: it is told so before anything is
/// looked at, and gets no wrong answer.
#[tokio::test]
async fn a_transaction_on_a_snapshot_is_refused() {
    let (store, mut connection) = with_orders().await;
    append(&store, to("order-a", NoStream, events(1))).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        for wanted in [Any, Exists, NoStream, exact(1), exact(2)] {
            let mut transaction = connection.begin().await.unwrap();
            let begin = format!("SET TRANSACTION ISOLATION LEVEL {level}");
            run(&mut transaction, &store, &begin).await.unwrap();
            let request = vec![to("order-a", wanted, events(1))];
            let error = store.append_in(&mut transaction, request).await.unwrap_err();
            let told = format!(
                "the event store failed: error returned from database: \
                 events are appended in a transaction that is READ COMMITTED, and this one is {level}"
            );
            assert!(report(&error).starts_with(&told), "{}", report(&error));
            drop(transaction.commit().await);
        }
    }
    assert_eq!(all(store.read_all(ReadAll::after(Position::START))).await.len(), 1);
}

#[tokio::test]
async fn a_transaction_that_only_reads_says_so() {
    let (store, mut connection) = with_orders().await;
    let mut transaction = connection.begin().await.unwrap();
    run(&mut transaction, &store, "SET TRANSACTION READ ONLY").await.unwrap();
    let error =
        store.append_in(&mut transaction, vec![to("order-a", Any, events(1))]).await.unwrap_err();
    assert!(
        report(&error).starts_with(
            "the event store failed: no writes are taken here: connect to the primary if this is a standby, \
             and see that the transaction is not READ ONLY: error returned from database: cannot execute"
        ),
        "{}",
        report(&error)
    );
}

/// Another schema of the same name is another store.
#[tokio::test]
async fn a_schema_that_was_made_anew_is_noticed() {
    let (store, mut connection) = with_orders().await;
    append(&store, to("order-a", Any, events(1))).await;
    run(&mut connection, &store, "DROP SCHEMA $schema CASCADE").await.unwrap();
    store.migrate().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let request = vec![to("order-a", NoStream, events(1))];
    store.append_in(&mut transaction, request).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(read(&store, "order-a").await.len(), 1);
}

/// Followers in this process and in another are told of an append whose transaction stays open for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_learn_of_it_soon_after_the_commit() {
    const ROUNDS: u32 = 12;
    let (store, mut connection) = with_orders().await;
    append(&store, to("order-a", Any, events(1))).await;
    let other = beside(&store).await;
    let mut followers = [&store, &other].map(|store| store.follow::<EventData>(Position::START));
    for follower in &mut followers {
        follower.try_next().await.unwrap().unwrap();
    }
    let mut listener = listener(&store).await;
    let mut waited = [Duration::ZERO; 2];
    for _ in 0..ROUNDS {
        let mut transaction = connection.begin().await.unwrap();
        let answer =
            store.append_in(&mut transaction, vec![to("order-a", Any, events(1))]).await.unwrap();
        timeout(SOON, listener.recv()).await.expect("others should be told").unwrap();
        transaction.commit().await.unwrap();
        let committed = Instant::now();
        for (follower, waited) in followers.iter_mut().zip(&mut waited) {
            let next =
                timeout(SOON, follower.try_next()).await.expect("the follower should be told");
            assert_eq!(next.unwrap().unwrap().position, answer[0].position);
            *waited += committed.elapsed();
        }
    }
    // A poll takes a quarter of a second on the average.
    let each = waited.map(|waited| waited / ROUNDS);
    assert!(each.iter().all(|each| *each < Duration::from_millis(150)), "{each:?}");
}
