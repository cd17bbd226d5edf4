//! Pages of large events: nothing is missing between them, and few of them are in memory.

use std::{env, fs, process::Command};

use annals::{
    EventData, EventStore, EventStoreExt, EventType, ExpectedVersion::Any, Filter, NewEvent,
    Payload, Position, PostgresStore, ReadAll, ReadStream, RecordedEvents, TryStreamExt,
};

use crate::{
    asking::{append, event, to},
    fresh::{connection, fresh_store, run, url},
};

const SCHEMA: &str = "ANNALS_TEST_PAGES_OF";
const EVENTS: u64 = 150;
const EVENT_BYTES: usize = 2 << 20;
/// A few pages, and what a process needs that reads nothing; all events together are 200 MiB.
const MOST_KIB: u64 = 120 << 10;

/// Every third event is small.
fn sized(nth: u64) -> NewEvent {
    let bytes = if nth.is_multiple_of(3) { 10 } else { EVENT_BYTES };
    let mut sized = event("test.large");
    sized.event.payload = Payload::from_stored(format!("\"{}\"", "x".repeat(bytes)));
    sized
}

/// Counts what is read, and keeps none of it.
async fn count(mut events: RecordedEvents, step: i64) -> u64 {
    let (mut count, mut last) = (0, None);
    while let Some(event) = events.try_next().await.unwrap() {
        let version = event.version.get().cast_signed();
        assert!(last.is_none_or(|last| version == last + step), "{version} after {last:?}");
        (count, last) = (count + 1, Some(version));
    }
    count
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The process whose memory is looked at.
#[tokio::test]
#[ignore = "the test of large events runs it"]
async fn one_process_that_reads() {
    let store = PostgresStore::builder().with_schema(env::var(SCHEMA).unwrap());
    let store = store.connect(&url()).await.unwrap();
    let stream = || "test-large".parse().unwrap();
    let of_category = Filter::any().with_category("test");
    assert_eq!(count(store.read_stream(ReadStream::forwards(stream())), 1).await, EVENTS);
    assert_eq!(count(store.read_stream(ReadStream::backwards(stream())), -1).await, EVENTS);
    assert_eq!(count(store.read_all(ReadAll::after(Position::START)), 1).await, EVENTS);
    let filtered = ReadAll::after(Position::START).with_filter(of_category);
    assert_eq!(count(store.read_all(filtered), 1).await, EVENTS);
    println!("peak: {} KiB", peak_kib());
    assert!(peak_kib() < MOST_KIB, "{} KiB", peak_kib());
}

#[tokio::test]
async fn pages_of_large_events_leave_out_none_and_are_not_large() {
    let store = fresh_store().await;
    for nth in (0..EVENTS).step_by(10) {
        append(&store, to("test-large", Any, (nth..nth + 10).map(sized).collect())).await;
    }
    let mut reader = Command::new(env::current_exe().unwrap());
    reader.args(["--exact", "pages::one_process_that_reads", "--ignored", "--nocapture"]);
    assert!(reader.env(SCHEMA, store.schema()).status().unwrap().success());
}

/// Of events that lie close together the next pages are asked for before the last one is there. Wherever they turn out to lie
/// otherwise, or to be larger, each is read once all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_asked_for_at_once_have_each_event_once() {
    const LOG: [(&str, usize, usize); 7] = [
        ("test", 40_000, 10),
        ("gap", 30_000, 0),
        ("test", 30_000, 10),
        ("other", 20_000, 10),
        ("test", 30_000, 10),
        ("test", 4_000, 2_000),
        ("test", 30_000, 10),
    ];
    let store = fresh_store().await;
    for (what, count, bytes) in LOG {
        if what == "gap" {
            let lose = format!(
                "SELECT setval('$schema.positions', nextval('$schema.positions') + {count})"
            );
            run(&mut connection().await, &store, &lose).await.unwrap();
            continue;
        }
        let some = |nth: usize| {
            let mut some = event(["test.one", "test.two", "test.two"][nth % 3]);
            some.event.payload = Payload::from_stored(format!("\"{}\"", "x".repeat(bytes)));
            some
        };
        for _ in 0..count / 2_000 {
            append(&store, to(&format!("{what}-a"), Any, (0..2_000).map(some).collect())).await;
        }
    }
    let positions = async |filter: Filter| {
        let read = ReadAll::after(Position::START).with_filter(filter);
        let events = store.read_all(read).map_ok(|event| event.position.get());
        events.try_collect::<Vec<_>>().await.unwrap()
    };
    let every: Vec<_> = store
        .read_all(ReadAll::after(Position::START))
        .map_ok(|event| {
            let is_of = |name| event.event.event_type.as_str() == name;
            let (is_test, is_one) = (event.stream.category() == "test", is_of("test.one"));
            (event.position.get(), is_test, is_one)
        })
        .try_collect()
        .await
        .unwrap();
    let only = |is_wanted: fn(&(u64, bool, bool)) -> bool| {
        every.iter().filter(|event| is_wanted(event)).map(|event| event.0).collect::<Vec<_>>()
    };
    assert_eq!(every.len(), 154_000);
    let of_one = Filter::any().with_event_type(EventType::from_static("test.one"));
    for (filter, wanted) in [
        (Filter::any().with_category("test"), only(|event| event.1)),
        (of_one, only(|event| event.2)),
    ] {
        let read = positions(filter).await;
        let differs = read.iter().zip(&wanted).position(|(read, wanted)| read != wanted);
        assert_eq!((read.len(), differs), (wanted.len(), None));
    }
}

/// Those who follow are given what the tailer has read, however much comes at once.
#[tokio::test]
async fn a_follower_of_large_events_misses_none() {
    let store = fresh_store().await;
    append(&store, to("test-large", Any, vec![sized(0)])).await;
    let mut following = store.follow::<EventData>(Position::START);
    following.try_next().await.unwrap().unwrap();
    for first in [1, 31] {
        let late = async {
            append(&store, to("test-large", Any, (first..first + 30).map(sized).collect())).await;
        };
        let follow = async {
            for nth in first..first + 30 {
                let event = following.try_next().await.unwrap().unwrap();
                assert_eq!(event.version.get(), nth + 1);
            }
        };
        tokio::join!(late, follow);
    }
}
