//! A standby: what can be asked of it while it follows, and what it has once it takes over.

use std::{
    error::Error,
    iter,
    num::NonZeroU16,
    time::{Duration, SystemTime},
};

use annals::{
    AppendError, EventData, EventStore, EventStoreExt, EventType, ExpectedVersion, Filter,
    FollowerStore, Followers, NewEvent, Payload, Position, PostgresStore, ReadAll, ReadModel,
    ReadStream, Recorded, SnapshotStore, StoreError, StreamAppend, SynchronousCommit, TryStreamExt,
    Version,
    followers::{Claim, RowsOf, TableShape, WhichRows},
};
use annals_test_server::{Binaries, Server};
use futures_util::future::{join_all, try_join_all};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres, pool::PoolConnection,
    postgres::PgPoolOptions,
};
use tokio::{
    sync::mpsc,
    task::{JoinSet, yield_now},
};

use crate::{Load, acknowledged, append, evidence::History, migrated, stream};

/// A server and its standby. What is appended with `remote_apply` can be read there when it is acknowledged; nothing
/// else waits for it.
fn pair() -> [Server; 2] {
    let settings = [("synchronous_standby_names", "*"), ("synchronous_commit", "local")];
    let mut primary = Server::with_settings(&Binaries::find().unwrap(), &settings).unwrap();
    let standby = primary.standby().unwrap();
    [primary, standby]
}

/// A store whose appends wait for the standby, and which soon says so when the server is gone.
async fn waiting(primary: &Server, when: SynchronousCommit) -> PostgresStore {
    let limit = Duration::from_millis(500);
    let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(limit);
    let pool = pool.connect(&primary.url()).await.unwrap();
    let store = PostgresStore::builder().with_synchronous_commit(when).with_retry_for(limit);
    let store = store.open(pool).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// An error and its sources, as a log shows them.
fn report(error: &(dyn Error + 'static)) -> String {
    let own = error.to_string();
    error.source().map_or(own.clone(), |source| format!("{own}: {}", report(source)))
}

#[tokio::test]
async fn a_standby_reads_streams_and_says_what_it_cannot_do() {
    let [primary, server] = pair();
    let store = waiting(&primary, SynchronousCommit::RemoteApply).await;
    let known = append("known", ExpectedVersion::NoStream, 3);
    store.append_to_stream(known.clone()).await.unwrap();

    let standby = PostgresStore::connect(&server.url()).await.unwrap();
    standby.migrate().await.unwrap();
    let events = standby.read_stream(ReadStream::forwards(stream("known")));
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert!(events.iter().map(|event| event.id).eq(known.events.iter().map(|event| event.id)));

    let global = standby.events_after::<EventData>(Position::START).try_next().await.unwrap_err();
    let followed = standby.follow::<EventData>(Position::START).try_next().await.unwrap_err();
    let head = standby.head().await.unwrap_err();
    let status = standby.status().await.unwrap_err();
    for error in [global, followed, head, status] {
        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
        let report = report(&error);
        assert!(report.contains("a standby does not know which appends are open"), "{report}");
    }
    // Of a kind that is known there, alone and in a crowd, and to several streams.
    let alone = append("alone", ExpectedVersion::Any, 1);
    let several = ["one", "other"].map(|name| append(name, ExpectedVersion::Any, 1));
    let crowd = (0..20).map(|n| vec![append(n, ExpectedVersion::Any, 1)]);
    let alone = standby.append(vec![alone]).await;
    let appends = crowd.chain([several.into(), vec![known]]);
    let crowd = join_all(appends.map(|appends| standby.append(appends))).await;
    for answer in crowd.into_iter().chain([alone]) {
        let error = answer.unwrap_err();
        assert!(matches!(error, AppendError::Store(StoreError::Failed(_))), "{error:?}");
        let report = report(&error);
        assert!(report.contains("connect to the primary if this is a standby"), "{report}");
    }
    assert_eq!(History::read(&store).await.order().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_takes_over_has_what_was_acknowledged_once_and_goes_on() {
    const WRITERS: usize = 32;
    const BEFORE: usize = 500;
    let [mut primary, server] = pair();
    let store = waiting(&primary, SynchronousCommit::On).await;
    let standby = PostgresStore::connect(&server.url()).await.unwrap();

    let (tell, mut told) = mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, tell) = (store.clone(), tell.clone());
        writers.spawn(async move {
            // Ends with the append whose answer is lost.
            for version in 0.. {
                let expected = ExpectedVersion::Exact(Version::new(version));
                let append = append(writer, expected, 1);
                let began = SystemTime::now();
                match store.append_to_stream(append.clone()).await {
                    Ok(answer) => {
                        tell.send(acknowledged(&[append], &[answer], began)).unwrap();
                    }
                    Err(AppendError::Store(
                        StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_),
                    )) => return append,
                    Err(error) => panic!("{error:?}"),
                }
            }
            unreachable!()
        });
    }
    drop(tell);
    let mut all = Vec::new();
    while all.len() < BEFORE {
        all.extend(told.recv().await.unwrap());
    }
    primary.kill().unwrap();
    while let Some(appends) = told.recv().await {
        all.extend(appends);
    }
    let lost = writers.join_all().await;
    standby.pool().execute("SELECT pg_promote()").await.unwrap();

    let mut stored_before = 0;
    let followed = History::read(&standby).await;
    for append in &lost {
        let began = SystemTime::now();
        let answer = standby.append_to_stream(append.clone()).await.unwrap();
        stored_before += usize::from(answer.position <= followed.last());
        assert_eq!(standby.append_to_stream(append.clone()).await.unwrap(), answer);
        // One that the standby had was acknowledged to nobody before: only its place counts.
        let began = if answer.position > followed.last() { began } else { SystemTime::UNIX_EPOCH };
        all.extend(acknowledged(std::slice::from_ref(append), &[answer], began));
    }
    let later = append("later", ExpectedVersion::NoStream, 1);
    let began = SystemTime::now();
    let answer = standby.append_to_stream(later.clone()).await.unwrap();
    all.extend(acknowledged(&[later], &[answer], began));

    let fresh = migrated(&server.url()).await;
    for store in [standby, fresh] {
        let history = History::read(&store).await;
        history.holds(&all);
        history.is_exactly(all.iter().flat_map(|append| append.ids.clone()));
        assert!(history.order().starts_with(followed.order()));
        assert_eq!(store.head().await.unwrap(), answer.position);
    }
    println!(
        "{} appends acknowledged; of {WRITERS} answers that were lost, {stored_before} appends were stored",
        all.len() - WRITERS - 1
    );
}

/// After a switchover the pool may have connections to both servers. One that leads to a standby which is behind must not make
/// a reader believe that there is nothing more: it is refused, and closed.
#[tokio::test]
async fn a_connection_to_a_standby_that_is_behind_ends_no_read_early() {
    let [primary, server] = pair();
    let first = waiting(&primary, SynchronousCommit::RemoteApply).await;
    first.append_to_stream(of_types("known", [1, 2])).await.unwrap();
    stop_following(&server).await;
    let store = PostgresStore::connect(&primary.url()).await.unwrap();
    store.append_to_stream(of_types("unknown", [1, 2])).await.unwrap();
    let head = store.head().await.unwrap();

    let pool = store.pool();
    let to = |server: &Server| pool.set_connect_options(server.url().parse().unwrap());
    let everything = || ReadAll::after(Position::START).up_to(head);
    let mut taken = Vec::new();
    take_all(pool, &mut taken).await;
    to(&server);
    let refused = |error: StoreError| {
        let report = report(&error);
        assert!(report.contains("a standby does not know which appends are open"), "{report}");
    };
    let of_type = Filter::any().with_event_type(EventType::from_static("load.type_1"));
    for filter in [Filter::any(), of_type] {
        let events = store.read_all(everything().with_filter(filter));
        refused(events.try_collect::<Vec<_>>().await.unwrap_err());
    }
    refused(store.head().await.unwrap_err());
    let appends = (0..4).map(|n| store.append_to_stream(of_types(&format!("alone{n}"), [1])));
    for append in join_all(appends).await {
        assert!(matches!(append, Err(AppendError::Store(StoreError::Failed(_)))), "{append:?}");
    }

    // What leads to the standby is met once at the most.
    let mut met = pool.size() as usize - taken.len();
    to(&primary);
    loop {
        match store.append_to_stream(of_types("later", [1])).await {
            Ok(_) => break,
            Err(error) => assert!(met > 0, "{error:?}"),
        }
        met -= 1;
    }
    let events = loop {
        match store.read_all(everything()).try_collect::<Vec<_>>().await {
            Ok(events) => break events,
            Err(error) => assert!(met > 0, "{error:?}"),
        }
        met -= 1;
    };
    assert_eq!(events.len(), 4);
}

/// Whether there are rows or not.
#[tokio::test]
async fn a_standby_refuses_each_statement_that_reads_the_global_stream() {
    const STATEMENTS: [(&str, &str); 3] = [
        (include_str!("../../postgres-store/sql/read/all.sql"), "10, 0, NULL"),
        (include_str!("../../postgres-store/sql/read/filtered.sql"), FILTERED),
        (include_str!("../../postgres-store/sql/read/filtered_dense.sql"), FILTERED),
    ];
    const FILTERED: &str = "10, NULL, '{load.type_1}', 0, NULL";
    let [primary, server] = pair();
    let store = waiting(&primary, SynchronousCommit::RemoteApply).await;
    store.append_to_stream(of_types("known", [1])).await.unwrap();
    let mut standby = PgConnection::connect(&server.url()).await.unwrap();
    for (statement, parameters) in STATEMENTS {
        let statement = statement.replace("{schema_id}", "0").replace("{page}", "10");
        let statement = statement.replace("{schema}", "annals");
        for after_and_up_to in ["0, 1", "1, 2"] {
            let call = format!(
                "DEALLOCATE ALL; PREPARE read AS {statement}; EXECUTE read({after_and_up_to}, {parameters})"
            );
            let refused = sqlx::raw_sql(AssertSqlSafe(call)).execute(&mut standby).await;
            let refused = refused.unwrap_err();
            assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "AN002", "{refused}");
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counted(u64);

impl ReadModel for Counted {
    const NAME: &'static str = "counted";
    type Event = Load;
    type Key = String;

    fn keys(_: &Recorded<Load>) -> impl IntoIterator<Item = String> {
        ["everything".to_owned()]
    }

    fn apply(&mut self, _: &String, _: &Recorded<Load>) {
        self.0 += 1;
    }
}

/// What is decided from them, or folded into them, would be wrong if they were from before.
#[tokio::test]
async fn a_standby_refuses_what_a_follower_goes_on_from() {
    let [primary, server] = pair();
    let store = migrated(&primary.url()).await;
    let running = Followers::new(store.clone()).read_model::<Counted>().start().await.unwrap();
    let at = store.append_to_stream(append("known", ExpectedVersion::Any, 1)).await.unwrap();
    running.wait_for(Counted::NAME, at.position, Duration::from_secs(60)).await.unwrap();
    let follower = store.books(None).await.unwrap().followers.remove(0);
    let claim = Claim {
        part: follower.live.parts[0].id,
        parts: NonZeroU16::MIN,
        fence: follower.live.parts[0].fence,
        position: at.position,
        is_live: true,
    };
    let table = TableShape { name: Counted::NAME, columns: vec![], indexes: vec![] };
    let keys = ["everything".to_owned()];
    let rows = |claim| RowsOf { table: &table, claim, which: WhichRows::Keys(&keys) };
    let standby = PostgresStore::connect(&server.url()).await.unwrap();
    // A reader may have what is there.
    while standby.rows(&rows(None)).await.ok().is_none_or(|rows| rows.is_empty()) {
        yield_now().await;
    }
    let errors: [Box<dyn Error>; 3] = [
        Box::new(standby.books(None).await.unwrap_err()),
        Box::new(standby.parked(follower.live.id).await.unwrap_err()),
        Box::new(standby.rows(&rows(Some(&claim))).await.unwrap_err()),
    ];
    for error in errors {
        let report = report(&*error);
        assert!(report.contains("a standby does not know which appends are open"), "{report}");
    }
    running.shutdown().await;
}

/// Takes what the pool has, those included that are about to be given back.
async fn take_all(pool: &PgPool, taken: &mut Vec<PoolConnection<Postgres>>) {
    while taken.len() < pool.size() as usize {
        taken.extend(iter::from_fn(|| pool.try_acquire()));
        yield_now().await;
    }
}

/// Has a standby follow its primary no more.
async fn stop_following(standby: &Server) {
    let standby = PgPool::connect(&standby.url()).await.unwrap();
    standby.execute("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
    standby.execute("SELECT pg_reload_conf()").await.unwrap();
    let follows = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)";
    while sqlx::query_scalar(follows).fetch_one(&standby).await.unwrap() {
        yield_now().await;
    }
}

/// One event of each of these types, whose names end with a number.
fn of_types(name: &str, types: impl IntoIterator<Item = u32>) -> StreamAppend {
    let events = types.into_iter().map(|number| {
        let event_type = EventType::new(format!("load.type_{number}")).unwrap();
        NewEvent::new(EventData::new(event_type, Payload::parse("{}").unwrap()))
    });
    StreamAppend::new(stream(name), ExpectedVersion::Any, events.collect())
}

/// The numbers of the types of a stream's events.
async fn types(store: &PostgresStore, name: &str) -> Vec<u32> {
    let events = store.read_stream(ReadStream::forwards(stream(name)));
    let events: Vec<_> = events.try_collect().await.unwrap();
    let number = |name: &str| name.strip_prefix("load.type_").unwrap().parse().unwrap();
    events.iter().map(|event| number(event.event.event_type.as_str())).collect()
}

/// What stands for each type.
async fn numbers(store: &PostgresStore) -> Vec<(i32, String)> {
    let numbers = "SELECT id, event_type FROM annals.event_kinds";
    sqlx::query_as(numbers).fetch_all(store.pool()).await.unwrap()
}

/// A process that lives through a failover knows numbers of kinds that the new primary has never heard of, or has given to other
/// names. It goes by the names all the same; but what else it has in memory is from before.
#[tokio::test]
async fn a_process_that_outlives_a_standby_that_was_behind_takes_no_event_for_another() {
    const NEW: u32 = 100;
    let [mut primary, server] = pair();
    let first = waiting(&primary, SynchronousCommit::RemoteApply).await;
    first.append_to_stream(of_types("known", [0])).await.unwrap();

    stop_following(&server).await;
    // Postgres writes 32 numbers down ahead, and goes on behind them: these are more.
    let mut processes = Vec::new();
    for _ in 0..8 {
        let process = PostgresStore::connect(&primary.url()).await.unwrap();
        process.append_to_stream(of_types("lost", 1..50)).await.unwrap();
        processes.push(process);
    }
    let [reader, backwards, folding, following, filtering, alone, crowd, inside] = &*processes
    else {
        unreachable!()
    };
    let lost = numbers(&first).await;
    let head = reader.head().await.unwrap();
    primary.kill().unwrap();
    let standby = PgPool::connect(&server.url()).await.unwrap();
    standby.execute("SELECT pg_promote()").await.unwrap();
    for process in &processes {
        process.pool().set_connect_options(server.url().parse().unwrap());
    }

    let fresh = PostgresStore::connect(&server.url()).await.unwrap();
    assert!(reader.head().await.unwrap() == head && fresh.head().await.unwrap() < head);
    fresh.append_to_stream(of_types("new", [NEW])).await.unwrap();
    let name = format!("load.type_{NEW}");
    let given = numbers(&fresh).await.into_iter().find(|(_, given)| *given == name).unwrap();
    let (_, before) = lost.into_iter().find(|(number, _)| *number == given.0).unwrap();
    println!("{given:?} was {before}");
    let before: u32 = before.strip_prefix("load.type_").unwrap().parse().unwrap();

    let stream = || stream("new");
    let of_new = Filter::any().with_event_type(EventType::new(name.clone()).unwrap());
    for events in [
        reader.read_stream(ReadStream::forwards(stream())),
        backwards.read_stream(ReadStream::backwards(stream())),
        folding.read_from_snapshot(&stream(), 1).await.unwrap().1,
        following.read_all(ReadAll::after(Position::START)),
        filtering.read_all(ReadAll::after(Position::START).with_filter(of_new)),
    ] {
        let events: Vec<_> = events.try_collect().await.unwrap();
        let event = events.iter().find(|event| event.stream == stream()).unwrap();
        assert_eq!(event.event.event_type.as_str(), name);
    }

    alone.append_to_stream(of_types("alone", [before])).await.unwrap();
    let names: Vec<_> = (0..20).map(|n| format!("crowd{n}")).collect();
    let appends = names.iter().map(|name| crowd.append_to_stream(of_types(name, [before, 7])));
    try_join_all(appends).await.unwrap();
    let mut transaction = inside.pool().begin().await.unwrap();
    inside.append_in(&mut transaction, vec![of_types("inside", [before, 8])]).await.unwrap();
    transaction.commit().await.unwrap();

    let restarted = PostgresStore::connect(&server.url()).await.unwrap();
    for store in [&restarted, &fresh, reader] {
        assert_eq!(types(store, "new").await, [NEW]);
        assert_eq!(types(store, "alone").await, [before]);
        assert_eq!(types(store, "inside").await, [before, 8]);
        for name in &names {
            assert_eq!(types(store, name).await, [before, 7]);
        }
    }
}
