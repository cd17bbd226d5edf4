//! Streams that somebody else holds locked, statements that may not take long, pools without a connection to give.

use std::time::Duration;

use annals::{
    AppendError, Appended, EventStore, EventStoreExt, ExpectedVersion, PostgresStore, StoreError,
    StreamAppend, Version,
};
use futures_util::future::{join_all, try_join_all};
use sqlx::{
    Executor,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{append, evidence::History, migrated, server};

/// Far more than appends take that wait for nobody, and less than those that do.
const BOUND: Duration = Duration::from_secs(20);

/// Each event takes a second.
const SLOW: &str = "ALTER TABLE annals.events ADD CONSTRAINT slow CHECK (pg_sleep(1)::text = '')";

fn any(name: impl std::fmt::Display) -> StreamAppend {
    append(name, ExpectedVersion::Any, 1)
}

#[tokio::test]
async fn a_pool_without_a_connection_to_give_makes_the_store_unavailable() {
    let server = server();
    let limit = Duration::from_millis(200);
    let pool = PgPoolOptions::new().max_connections(5).acquire_timeout(limit);
    let pool = pool.connect(&server.url()).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(limit).open(pool.clone()).await.unwrap();
    store.migrate().await.unwrap();
    for kinds_are_known in [false, true] {
        let mut taken = Vec::new();
        while taken.len() < 5 {
            // The store gives its own back when it has had no use for them for a while.
            taken.extend(pool.acquire().await);
        }
        let append = any(format!("{kinds_are_known}"));
        let error = store.append_to_stream(append.clone()).await.unwrap_err();
        assert!(matches!(error, AppendError::Store(StoreError::Unavailable(_))), "{error:?}");
        drop(taken);
        let stored = History::read(&store).await.order().len();
        assert_eq!(stored, usize::from(kinds_are_known));
        assert_eq!(store.append_to_stream(append).await.unwrap().version, Version::new(1));
    }
}

#[tokio::test]
async fn an_append_that_the_server_stops_is_not_stored_and_holds_up_nobody() {
    let server = server();
    let slow = migrated(&server.url()).await;
    let options: PgConnectOptions = server.url().parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(16);
    let pool = pool.connect_with(options.options([("statement_timeout", "50ms")])).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(Duration::from_millis(500));
    let store = store.open(pool).await.unwrap();
    slow.append_to_stream(any("locked")).await.unwrap();
    let mut transaction = slow.pool().begin().await.unwrap();
    slow.append_in(&mut transaction, vec![any("locked")]).await.unwrap();

    let stopped = any("locked");
    let blocked = tokio::spawn({
        let (store, append) = (store.clone(), stopped.clone());
        async move { store.append_to_stream(append).await }
    });
    let others = join_all((0..100).map(|n| store.append_to_stream(any(n)))).await;
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    let error = blocked.await.unwrap().unwrap_err();
    assert!(matches!(error, AppendError::Store(StoreError::Unavailable(_))), "{error:?}");
    transaction.rollback().await.unwrap();
    assert_eq!(History::read(&store).await.order().len(), 1 + 100);
    assert_eq!(store.append_to_stream(stopped).await.unwrap().version, Version::new(2));
}

/// What they are told is what the server said, to each of those who share the statement that it stopped.
#[tokio::test]
async fn all_appends_of_a_statement_that_is_stopped_are_told_why() {
    let server = server();
    migrated(&server.url()).await.pool().execute(SLOW).await.unwrap();
    let options: PgConnectOptions = server.url().parse().unwrap();
    let options = options.options([("statement_timeout", "100ms")]);
    let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await.unwrap();
    let store = PostgresStore::builder().with_retry_for(Duration::ZERO).open(pool).await.unwrap();
    for answer in join_all((0..40).map(|n| store.append_to_stream(any(n)))).await {
        let Err(AppendError::Store(StoreError::Unavailable(source))) = answer else {
            panic!("{answer:?}");
        };
        assert!(source.to_string().contains("statement timeout"), "{source}");
    }
    assert!(History::read(&store).await.order().is_empty());
}

/// An append waits for as long as its store says, whatever role and pool say of locks; what the server stops is sent again.
#[tokio::test]
async fn what_role_and_pool_say_of_waiting_is_not_what_appends_are_told() {
    let server = server();
    let holder = migrated(&server.url()).await;
    let role = "CREATE ROLE app LOGIN SUPERUSER; ALTER ROLE app SET lock_timeout = '5ms'";
    sqlx::raw_sql(role).execute(holder.pool()).await.unwrap();
    let url = server.url().replace("postgres@", "app@");
    let of_pool = |settings: &[(&str, &str)]| {
        url.parse::<PgConnectOptions>().unwrap().options(settings.to_vec())
    };
    for settings in [&[][..], &[("lock_timeout", "1ms")], &[("statement_timeout", "40ms")]] {
        let pool =
            PgPoolOptions::new().max_connections(16).connect_with(of_pool(settings)).await.unwrap();
        let store = PostgresStore::builder().with_retry_for(BOUND).open(pool).await.unwrap();
        for is_multiple in [false, true] {
            let mut appends = vec![any("locked")];
            if is_multiple {
                appends.push(any("beside"));
            }
            let mut transaction = holder.pool().begin().await.unwrap();
            holder.append_in(&mut transaction, vec![any("locked")]).await.unwrap();
            let hold = async {
                sleep(Duration::from_millis(300)).await;
                transaction.commit().await.unwrap();
            };
            let (answer, ()) = tokio::join!(store.append(appends), hold);
            answer.unwrap();
        }
    }
    assert_eq!(History::read(&holder).await.order().len(), 3 * (2 + 3));
}

/// The error of an append that nothing was stored of.
fn unavailable(answer: Result<Vec<Appended>, AppendError>) -> String {
    match answer {
        Err(AppendError::Store(StoreError::Unavailable(source))) => source.to_string(),
        answer => panic!("{answer:?}"),
    }
}

/// More of them than there is room for those that wait.
#[tokio::test]
async fn appends_to_streams_that_stay_locked_are_told_so_when_their_time_is_up() {
    const LOCKED: usize = 20;
    let server = server();
    let holder = migrated(&server.url()).await;
    let store = PostgresStore::builder().with_retry_for(Duration::from_millis(500));
    let store = store.connect(&server.url()).await.unwrap();
    let locked = || (0..LOCKED).map(|n| any(format!("locked-{n}")));
    let mut transaction = holder.pool().begin().await.unwrap();
    holder.append_in(&mut transaction, locked().collect()).await.unwrap();
    let blocked = join_all(locked().map(|append| store.append(vec![append])));
    let answers = timeout(BOUND, blocked).await.expect("none waits past its deadline");
    for (n, answer) in answers.into_iter().enumerate() {
        let told = unavailable(answer);
        assert!(
            told.starts_with(&format!("the append to load-locked-{n} waited in vain")),
            "{told}"
        );
    }
    let together = timeout(BOUND, store.append(locked().collect())).await.expect("as above");
    let told = unavailable(together);
    let named = "load-locked-0, load-locked-1, load-locked-2 and 17 more waited in vain";
    assert!(told.contains(named), "{told}");
    transaction.rollback().await.unwrap();
    assert!(History::read(&store).await.order().is_empty());
    for answer in try_join_all(locked().map(|append| store.append_to_stream(append))).await.unwrap()
    {
        assert_eq!(answer.version, Version::new(1));
    }
}

/// One that gets the first lock late has only the rest of its time for the second.
#[tokio::test]
async fn an_append_waits_for_all_its_locks_together_until_its_deadline() {
    const LIMIT: Duration = Duration::from_secs(2);
    let server = server();
    let holder = migrated(&server.url()).await;
    let store =
        PostgresStore::builder().with_retry_for(LIMIT).connect(&server.url()).await.unwrap();
    // Which of the two it takes first is not said: in one of the rounds it has to wait for both.
    for early in ["one", "other"] {
        let late = if early == "one" { "other" } else { "one" };
        let mut ends_early = holder.pool().begin().await.unwrap();
        holder.append_in(&mut ends_early, vec![any(early)]).await.unwrap();
        let mut ends_late = holder.pool().begin().await.unwrap();
        holder.append_in(&mut ends_late, vec![any(late)]).await.unwrap();
        let began = Instant::now();
        let end = async {
            sleep(LIMIT * 3 / 4).await;
            ends_early.rollback().await.unwrap();
        };
        let (answer, ()) = tokio::join!(store.append(vec![any("one"), any("other")]), end);
        unavailable(answer);
        assert!(began.elapsed() < LIMIT * 3 / 2, "{:?}", began.elapsed());
        ends_late.rollback().await.unwrap();
    }
}

/// As many streams are locked as the store has lanes, and more.
#[tokio::test]
async fn locked_streams_hold_up_no_appends_to_others() {
    const LOCKED: usize = 12;
    let server = server();
    let holder = migrated(&server.url()).await;
    let store = PostgresStore::builder().with_retry_for(2 * BOUND);
    let store = store.connect(&server.url()).await.unwrap();
    for (locked, is_multiple) in [(1, false), (1, true), (LOCKED, false), (LOCKED, true)] {
        let mut transaction = holder.pool().begin().await.unwrap();
        let held = (0..locked).map(|n| any(format!("locked-{n}"))).collect();
        holder.append_in(&mut transaction, held).await.unwrap();
        let blocked: Vec<_> = (0..locked)
            .map(|n| {
                let store = store.clone();
                let mut appends = vec![any(format!("locked-{n}"))];
                if is_multiple {
                    appends.push(any(format!("beside-{n}")));
                }
                tokio::spawn(async move { store.append(appends).await })
            })
            .collect();
        for _ in 0..10 {
            let others = try_join_all((0..100).map(|n| store.append_to_stream(any(n))));
            timeout(BOUND, others).await.expect("they wait for nobody").unwrap();
        }
        assert!(blocked.iter().all(|append| !append.is_finished()));
        transaction.rollback().await.unwrap();
        for append in blocked {
            append.await.unwrap().unwrap();
        }
    }
    assert_eq!(History::read(&store).await.order().len(), 3 * (1 + LOCKED) + 4 * 10 * 100);
}
