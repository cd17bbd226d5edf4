//! PgBouncer in transaction mode: each transaction gets whichever session of the server is free.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use annals::{
    AppendError, EventData, EventStore, EventStoreExt, ExpectedVersion, Position, PostgresStore,
    PostgresStoreBuilder, SetupError, SynchronousCommit, TryStreamExt, Version,
};
use annals_test_server::{Pooler, Server};
use futures_util::future::{join_all, try_join_all};
use sqlx::{Connection, PgConnection, Row};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    acknowledged, append,
    evidence::History,
    load::{Caller, followed},
    server,
};

/// Far fewer than the stores have connections.
const SESSIONS: u32 = 6;
/// Far more than it takes.
const BOUND: Duration = Duration::from_secs(30);

fn pooled() -> (Server, Pooler) {
    let server = server();
    let pooler = Pooler::in_front_of(&server, SESSIONS, &[]).unwrap();
    (server, pooler)
}

/// What a store needs to be told behind such a pooler.
fn builder() -> PostgresStoreBuilder {
    PostgresStore::builder().with_notifications(false)
}

/// What a session of the server has kept.
#[derive(Debug)]
struct Session {
    settings: [String; 3],
    channels: i64,
    locks: i64,
}

impl Session {
    /// Those of all sessions: transactions at once, each has one of its own.
    async fn all(pooler: &Pooler) -> Vec<Self> {
        const STATE: &str = "SELECT pg_backend_pid(), current_setting('synchronous_commit'), \
             current_setting('lock_timeout'), coalesce(current_setting('annals.append', true), ''), \
             (SELECT count(*) FROM pg_listening_channels()), \
             (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())";
        let (mut sessions, mut clients, mut pids) = (Vec::new(), Vec::new(), HashSet::new());
        for _ in 0..SESSIONS {
            let mut client = PgConnection::connect(&pooler.url()).await.unwrap();
            sqlx::raw_sql("BEGIN").execute(&mut client).await.unwrap();
            let row = sqlx::query(STATE).fetch_one(&mut client).await.unwrap();
            assert!(pids.insert(row.get::<i32, _>(0)));
            let settings = [1, 2, 3].map(|column| row.get::<String, _>(column));
            sessions.push(Self { settings, channels: row.get(4), locks: row.get(5) });
            clients.push(client);
        }
        sessions
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_and_conflicts_are_as_exact_behind_a_pooler() {
    const STORES: usize = 3;
    const CALLERS: usize = 8;
    const APPENDS: usize = 1000;
    let (server, pooler) = pooled();
    let url = pooler.url();
    let stores = try_join_all((0..STORES).map(|_| builder().connect(&url))).await.unwrap();
    for migrated in join_all(stores.iter().map(PostgresStore::migrate)).await {
        migrated.unwrap();
    }
    let reader = builder().connect(&url).await.unwrap();
    let last = append("end", ExpectedVersion::NoStream, 1);
    let end = last.events[0].id;
    let follower = tokio::spawn(followed(reader.clone(), end));

    let (over, is_over) = watch::channel(false);
    let (lost, is_lost) = watch::channel(0);
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut callers = JoinSet::new();
    for (number, store) in stores.iter().enumerate() {
        for caller in 0..CALLERS {
            let name = format!("caller-{number}-{caller}");
            let caller = Caller { store: store.clone(), name, lost: lost.clone() };
            let tell = tell.clone();
            callers.spawn(caller.run(is_over.clone(), move |appends| drop(tell.send(appends))));
        }
    }
    drop(tell);
    let mut all = Vec::new();
    while all.len() < APPENDS {
        // One in a transaction that goes on for a while, or is rolled back: the others overtake it.
        let mut transaction = reader.pool().begin().await.unwrap();
        let late = append(format!("late-{}", all.len()), ExpectedVersion::NoStream, 1);
        let began = SystemTime::now();
        let answers = reader.append_in(&mut transaction, vec![late.clone()]).await.unwrap();
        for _ in 0..50 {
            all.extend(told.recv().await.unwrap());
        }
        if all.len() % 3 == 0 {
            transaction.rollback().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
            // It has its place from before: nobody waited for this answer.
            all.extend(acknowledged(&[late], &answers, began));
        }
    }
    over.send(true).unwrap();
    while let Some(appends) = told.recv().await {
        all.extend(appends);
    }
    callers.join_all().await;
    assert_eq!(*is_lost.borrow(), 0, "nothing was lost on the way");

    let stale = append("caller-0-0", ExpectedVersion::NoStream, 1);
    match stores[1].append_to_stream(stale).await {
        Err(AppendError::Conflict(conflict)) => assert!(conflict.actual > Version::default()),
        answer => panic!("{answer:?}"),
    }
    stores[0].append_to_stream(last).await.unwrap();
    let (followed, interruptions) = timeout(BOUND, follower).await.unwrap().unwrap();
    assert_eq!(interruptions, 0);
    followed.holds(&all);
    let ids = all.iter().flat_map(|append| append.ids.clone());
    followed.is_exactly(ids.chain([end]));
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(History::read(&direct).await.order(), followed.order());
    println!(
        "{} appends, {} events through {SESSIONS} sessions",
        all.len(),
        followed.order().len()
    );
}

#[tokio::test]
async fn events_of_others_are_found_without_notifications() {
    let (_server, pooler) = pooled();
    let writer = builder().connect(&pooler.url()).await.unwrap();
    writer.migrate().await.unwrap();
    let reader = builder().connect(&pooler.url()).await.unwrap();
    let mut events = reader.follow::<EventData>(Position::START);
    for n in 0..5 {
        let next = append(n, ExpectedVersion::NoStream, 1);
        let id = next.events[0].id;
        // Polled before there is anything to find, so that it has to look again.
        let (event, answer) =
            tokio::join!(timeout(BOUND, events.try_next()), writer.append_to_stream(next));
        answer.unwrap();
        assert_eq!(event.expect("it looks").unwrap().unwrap().id, id);
    }
    for session in Session::all(&pooler).await {
        assert_eq!(session.channels, 0, "{session:?}");
    }
}

/// A session has many users, one after the other, and none leaves anything to the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_keeps_nothing_of_a_transaction() {
    let (_server, pooler) = pooled();
    let store = builder().with_synchronous_commit(SynchronousCommit::Off);
    let store = store.connect(&pooler.url()).await.unwrap();
    store.migrate().await.unwrap();
    let appends = (0..400).map(|n| {
        let store = store.clone();
        async move {
            let name = format!("{}", n % 20);
            let several = ["one", "other"]
                .map(|end| append(format!("{name}-{end}"), ExpectedVersion::Any, 1));
            match n % 4 {
                0 => drop(store.append(several.into()).await.unwrap()),
                1 => drop(store.append_to_stream(append(n, ExpectedVersion::Exists, 1)).await),
                _ => drop(
                    store.append_to_stream(append(name, ExpectedVersion::Any, 2)).await.unwrap(),
                ),
            }
        }
    });
    join_all(appends).await;
    for n in 0..20 {
        store.append_to_stream(append(n, ExpectedVersion::Any, 1)).await.unwrap();
    }

    for session in Session::all(&pooler).await {
        let Session { settings, locks, .. } = &session;
        assert_eq!(
            (settings.as_slice(), *locks),
            (["on", "0", ""].map(String::from).as_slice(), 0)
        );
    }
}

/// Which older ones all are.
#[tokio::test]
async fn a_pooler_that_keeps_no_prepared_statements_is_named() {
    let server = server();
    let pooler = Pooler::in_front_of(&server, 1, &[("max_prepared_statements", "0")]).unwrap();
    let direct = PostgresStore::connect(&server.url()).await.unwrap();
    direct.migrate().await.unwrap();
    for parameters in ["", "?statement-cache-capacity=0"] {
        let url = format!("{}{parameters}", pooler.url());
        // The first client on a session has its statements to itself, and the session may end with a client.
        let mut errors = Vec::new();
        for _ in 0..6 {
            errors.extend(builder().connect(&url).await.err());
        }
        assert!(!errors.is_empty());
        for error in errors {
            assert!(matches!(error, SetupError::Pooler(_)), "{error:?}");
            assert!(error.to_string().contains("max_prepared_statements"), "{error}");
        }
    }
    assert!(History::read(&direct).await.order().is_empty());
}

/// A client has a session to itself there, as without a pooler.
#[tokio::test]
async fn a_pooler_in_session_mode_needs_nothing_of_the_store() {
    let server = server();
    let settings = [("pool_mode", "session"), ("max_prepared_statements", "0")];
    let pooler = Pooler::in_front_of(&server, 40, &settings).unwrap();
    let url = pooler.url();
    for round in 1..=2 {
        // The second time on sessions that others have left.
        let stores = try_join_all((0..2).map(|_| PostgresStore::connect(&url))).await.unwrap();
        stores[0].migrate().await.unwrap();
        let mut events = stores[1].follow::<EventData>(Position::START);
        let appends =
            (0..50).map(|n| stores[0].append_to_stream(append(n, ExpectedVersion::Any, 1)));
        try_join_all(appends).await.unwrap();
        for _ in 0..50 * round {
            timeout(BOUND, events.try_next()).await.unwrap().unwrap().unwrap();
        }
    }
}
