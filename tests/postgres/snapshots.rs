//! Snapshots in the database: what is there by mistake is as if it were not.

use std::time::Duration;

use annals::{
    ExpectedVersion::Any, MemoryStore, Payload, PostgresStore, Repository, SnapshotStore,
    StoredSnapshot,
};
use proptest::test_runner::{Config, TestRunner};
use sqlx::{AssertSqlSafe, Row};

use crate::{
    asking::{append, events, read, to},
    fresh::{beside, connection, fresh_store, name, run},
    setting_up::{builder_of, url_of},
    tally::{Note, Tally, agree, caches, plan},
};

type Tallies = Repository<Tally<3>>;

const SEVEN: Note = Note { number: 7, times: 1 };

/// Notes sevens until the snapshot of version 6 is there, and one more.
async fn with_snapshot() -> PostgresStore {
    let store = fresh_store().await;
    let tallies = Tallies::with_snapshots(store.clone());
    tallies.execute(&0, &Note { number: 7, times: 6 }).await.unwrap();
    until_kept(&store, 6).await;
    tallies.execute(&0, &SEVEN).await.unwrap();
    store
}

/// Waits until there is a snapshot that counts, of this version or a later one.
async fn until_kept(store: &PostgresStore, version: u64) {
    let stream = "tally-0".parse().unwrap();
    let kept = async || store.read_from_snapshot(&stream, 1).await.unwrap().0;
    let comes = async {
        while kept().await.is_none_or(|kept| kept.version.get() < version) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), comes).await.expect("a snapshot");
}

async fn loads_seven(store: &PostgresStore) {
    let tallies = Tallies::with_snapshots(store.clone());
    let loaded = tallies.load(&0).await.unwrap();
    assert_eq!((loaded.state.noted, loaded.version.get()), (vec![7; 7], 7));
}

#[tokio::test]
async fn a_snapshot_is_a_row_that_people_can_read() {
    let store = with_snapshot().await;
    let sql = format!(
        "SELECT stream, version, position = 6, fold_version, state ->> 'noted', taken_at <= now(),
             stream_key = \"{0}\".stream_key(stream), event_id = (SELECT id FROM \"{0}\".events WHERE position = 6)
         FROM \"{0}\".snapshots",
        store.schema()
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut connection().await).await.unwrap();
    let named = (row.get(0), row.get(1), row.get(3), row.get(4));
    assert_eq!(named, ("tally-0", 6_i64, 1_i64, "[7,7,7,7,7,7]"));
    assert!([2, 5, 6, 7].iter().all(|nth| row.get::<bool, _>(*nth)));
}

#[tokio::test]
async fn what_is_there_by_mistake_is_ignored() {
    for mistake in [
        // Ahead of its stream, as after a restore of some tables only.
        "UPDATE $schema.snapshots SET version = 900, position = 900",
        // Another event, as from another database.
        "UPDATE $schema.snapshots SET event_id = gen_random_uuid(), state = '{\"noted\":[1]}'",
        "UPDATE $schema.snapshots SET version = 5, state = '{\"noted\":[1]}'",
        "UPDATE $schema.snapshots SET fold_version = 4294967295, state = '{\"noted\":[1]}'",
        "UPDATE $schema.snapshots SET stream = 'tally-1', state = '{\"noted\":[1]}'",
        "UPDATE $schema.snapshots SET state = '\"x\"'",
        "DELETE FROM $schema.snapshots",
        "DROP TABLE $schema.snapshots",
    ] {
        let store = with_snapshot().await;
        run(&mut connection().await, &store, mistake).await.unwrap();
        loads_seven(&store).await;
        let done = Tallies::with_snapshots(store.clone()).execute(&0, &SEVEN).await.unwrap();
        assert_eq!(done.state.noted, [7; 8], "{mistake}");
        if !mistake.starts_with("DROP") {
            until_kept(&store, 7).await;
        }
    }
}

#[tokio::test]
async fn one_of_a_shorter_stream_or_of_other_events_is_not_kept() {
    let store = with_snapshot().await;
    let ahead = "UPDATE $schema.snapshots SET version = 900, position = 900";
    run(&mut connection().await, &store, ahead).await.unwrap();
    let stream = "tally-0".parse().unwrap();
    let state = Payload::parse(r#"{"noted":[7,7]}"#).unwrap();
    let (version, position) = (annals::Version::new(2), annals::Position::new(2));
    let snapshot = StoredSnapshot { stream, fold_version: 1, version, position, state };
    for _ in 0..2 {
        // One that is ahead of its stream stands in the way of nothing.
        assert!(store.save_snapshot(&snapshot).await.unwrap());
    }
    let (found, _) = store.read_from_snapshot(&snapshot.stream, 1).await.unwrap();
    assert_eq!(found.map(|found| found.version), Some(version));
}

#[tokio::test]
async fn a_role_without_rights_on_snapshots_works_without_them() {
    let store = with_snapshot().await;
    let role = name();
    let rights = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret';
         GRANT USAGE ON SCHEMA $schema TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO {role};
         GRANT USAGE, SELECT ON SEQUENCE $schema.positions TO {role};
         GRANT INSERT ON $schema.events, $schema.event_kinds TO {role};"
    );
    let mut connection = connection().await;
    run(&mut connection, &store, &rights).await.unwrap();
    let app = builder_of(&store).connect(&url_of(Some(&role), None)).await.unwrap();
    loads_seven(&app).await;
    let stream = "tally-0".parse().unwrap();
    let (snapshot, _) = app.read_from_snapshot(&stream, 1).await.unwrap();
    assert!(app.save_snapshot(&snapshot.unwrap()).await.is_err());
    let done = Tallies::with_snapshots(app.clone()).execute(&0, &SEVEN).await.unwrap();
    assert_eq!(done.state.noted, [7; 8]);

    let revoke = format!("REVOKE SELECT ON $schema.snapshots FROM {role}");
    run(&mut connection, &store, &revoke).await.unwrap();
    assert!(app.read_from_snapshot(&stream, 1).await.is_err());
    let loaded = Tallies::with_snapshots(app.clone()).load(&0).await.unwrap();
    assert_eq!(loaded.state.noted, [7; 8]);

    let grant = format!("GRANT SELECT, INSERT, UPDATE ON $schema.snapshots TO {role}");
    run(&mut connection, &store, &grant).await.unwrap();
    let (snapshot, _) = app.read_from_snapshot(&stream, 1).await.unwrap();
    app.save_snapshot(&snapshot.unwrap()).await.unwrap();
}

/// A kind of event that another process has numbered is looked up on the way.
#[tokio::test]
async fn events_of_a_new_kind_come_after_a_snapshot() {
    let store = with_snapshot().await;
    let other = beside(&store).await;
    read(&other, "tally-0").await;
    append(&store, to("tally-0", Any, events(1))).await;
    let stream = "tally-0".parse().unwrap();
    let (snapshot, events) = other.read_from_snapshot(&stream, 1).await.unwrap();
    assert_eq!(snapshot.map(|snapshot| snapshot.version.get()), Some(6));
    let events: Vec<_> = annals::TryStreamExt::try_collect(events).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [6, 7, 8]);
}

/// Reading learns of a new kind and begins anew; meanwhile the snapshot is taken away.
#[tokio::test]
async fn a_snapshot_that_goes_while_events_are_read_twice_is_none() {
    let store = with_snapshot().await;
    let other = beside(&store).await;
    let mut holder = connection().await;
    run(&mut holder, &store, "BEGIN; LOCK TABLE $schema.event_kinds").await.unwrap();
    let reading = tokio::spawn(async move {
        other.read_from_snapshot(&"tally-0".parse().unwrap(), 1).await.unwrap()
    });
    let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
                 AND relation = to_regclass(format('%I.event_kinds', $1)))";
    loop {
        let waits = sqlx::query_scalar(waits).bind(store.schema());
        if waits.fetch_one(&mut holder).await.unwrap() {
            break;
        }
    }
    run(&mut holder, &store, "DELETE FROM $schema.snapshots; COMMIT").await.unwrap();
    let (snapshot, events) = reading.await.unwrap();
    assert_eq!(snapshot, None);
    let events: Vec<_> = annals::TryStreamExt::try_collect(events).await.unwrap();
    assert_eq!(events.first().map(|event| event.version.get()), Some(1));
}

#[test]
fn every_way_of_reading_gives_the_fold() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let histories = (caches(), 0..2_usize, plan(40));
    let checked = runner.run(&histories, |(caches, every, plan)| {
        runtime.block_on(async {
            let store = fresh_store().await;
            match every {
                0 => agree::<1>(store, caches, plan).await,
                _ => agree::<4>(store, caches, plan).await,
            }
        })
    });
    checked.unwrap_or_else(|failed| panic!("{failed}"));
}

/// The memory store and this one keep the same snapshots.
#[tokio::test]
async fn the_memory_store_keeps_the_same() {
    let (memory, store) = (MemoryStore::new(), fresh_store().await);
    let stream: annals::StreamId = "tally-0".parse().unwrap();
    Tallies::new(memory.clone()).execute(&0, &Note { number: 1, times: 5 }).await.unwrap();
    Tallies::new(store.clone()).execute(&0, &Note { number: 1, times: 5 }).await.unwrap();
    for (nth, (fold_version, version)) in
        [(1, 3), (1, 2), (2, 1), (1, 5), (1, 5), (1, 6), (2, 0), (2, 4)].into_iter().enumerate()
    {
        let state = Payload::parse(nth.to_string()).unwrap();
        let (stream, position) = (stream.clone(), annals::Position::new(version));
        let version = annals::Version::new(version);
        let snapshot = StoredSnapshot { stream, fold_version, version, position, state };
        let kept = store.save_snapshot(&snapshot).await.unwrap();
        assert_eq!(kept, memory.save_snapshot(&snapshot).await.unwrap(), "{snapshot:?}");
        for fold in [1, 2] {
            let (ours, _) = store.read_from_snapshot(&snapshot.stream, fold).await.unwrap();
            let (theirs, _) = memory.read_from_snapshot(&snapshot.stream, fold).await.unwrap();
            assert_eq!(ours, theirs, "after {snapshot:?}");
        }
    }
}
