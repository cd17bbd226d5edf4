use std::sync::Arc;

use serde_json::{Value, json};

use super::super::conformance::fixture::{
    Any, append, at_once, collect, events, payload, read_all, recorded_ids, stream, to, versions,
};
use crate::{
    EventStore, Position, RecordedEvent, SnapshotStore, StoredSnapshot, StreamAppend, Version,
};

type Store = Arc<dyn SnapshotStore>;

fn plain(store: &Store) -> Arc<dyn EventStore> {
    Arc::<dyn SnapshotStore>::clone(store)
}

/// `count` events more for the stream; the position of each.
async fn grow(store: &Store, name: &str, count: usize) -> Vec<Position> {
    let store = plain(store);
    append(&store, to(name, Any, events(count))).await;
    let all = read_all(&store).await;
    let of_it = all.iter().filter(|event| event.stream.as_str() == name);
    of_it.map(|event| event.position).collect()
}

/// A snapshot of the event of that version, where `at` has the positions of all.
fn snapshot(name: &str, fold: u32, version: u64, at: &[Position]) -> StoredSnapshot {
    let position = at.get(version as usize - 1).copied();
    let position = position.unwrap_or_else(|| panic!("there is no version {version}"));
    resting_on(name, fold, version, position)
}

fn resting_on(name: &str, fold: u32, version: u64, position: Position) -> StoredSnapshot {
    let state = payload(&json!({ "version": version, "fold": fold }));
    let (stream, version) = (stream(name), Version::new(version));
    StoredSnapshot { stream, fold_version: fold, version, position, state }
}

async fn save(store: &Store, snapshot: &StoredSnapshot) -> bool {
    store.save_snapshot(snapshot).await.unwrap_or_else(|error| panic!("not saved: {error:?}"))
}

async fn read(
    store: &Store,
    name: &str,
    fold: u32,
) -> (Option<StoredSnapshot>, Vec<RecordedEvent>) {
    let read = store.read_from_snapshot(&stream(name), fold).await;
    let (snapshot, events) = read.unwrap_or_else(|error| panic!("not read: {error:?}"));
    (snapshot, collect(events).await)
}

/// The snapshot, which must be this one, and the events from its own on.
async fn expect(store: &Store, snapshot: &StoredSnapshot, last: u64) {
    let (found, events) = read(store, snapshot.stream.as_str(), snapshot.fold_version).await;
    let found = found.unwrap_or_else(|| panic!("no snapshot, and {snapshot:?} was kept"));
    let same = StoredSnapshot { state: found.state.clone(), ..snapshot.clone() };
    assert_eq!(found, same);
    assert_eq!(found.state.to_value().ok(), snapshot.state.to_value().ok());
    let from = snapshot.version.get();
    assert_eq!(versions(&events), (from..=last).collect::<Vec<_>>());
    assert_eq!(events.first().map(|event| event.position), Some(snapshot.position));
}

async fn expect_none(store: &Store, name: &str, fold: u32, last: u64) {
    let (found, events) = read(store, name, fold).await;
    assert_eq!(found, None);
    assert_eq!(versions(&events), (1..=last).collect::<Vec<_>>());
}

pub(super) async fn a_stream_without_a_snapshot_reads_from_its_first_event(store: Store) {
    expect_none(&store, "test-a", 1, 0).await;
    grow(&store, "test-a", 3).await;
    expect_none(&store, "test-a", 1, 3).await;
}

pub(super) async fn a_snapshot_comes_with_the_events_from_its_own_on(store: Store) {
    grow(&store, "test-other", 2).await;
    let at = grow(&store, "test-a", 5).await;
    for version in [1, 3, 5] {
        let snapshot = snapshot("test-a", 1, version, &at);
        assert!(save(&store, &snapshot).await);
        expect(&store, &snapshot, 5).await;
    }
    let last = snapshot("test-a", 1, 5, &at);
    grow(&store, "test-a", 2).await;
    expect(&store, &last, 7).await;
    let (_, events) = read(&store, "test-a", 1).await;
    let stored = collect(store.read_stream(crate::ReadStream::forwards(stream("test-a")))).await;
    assert!(events.iter().eq(stored.iter().skip(4)), "as they are read without");
}

pub(super) async fn a_long_stream_reads_whole_after_its_snapshot(store: Store) {
    let mut at = Vec::new();
    for _ in 0..8 {
        at = grow(&store, "test-a", 500).await;
    }
    let snapshot = snapshot("test-a", 1, 500, &at);
    assert!(save(&store, &snapshot).await);
    expect(&store, &snapshot, 4_000).await;
}

pub(super) async fn a_newer_snapshot_takes_the_place_of_an_older_one(store: Store) {
    let at = grow(&store, "test-a", 4).await;
    for version in 1..=4 {
        let snapshot = snapshot("test-a", 1, version, &at);
        assert!(save(&store, &snapshot).await);
        expect(&store, &snapshot, 4).await;
    }
}

pub(super) async fn an_older_snapshot_does_not_replace_a_newer_one(store: Store) {
    let at = grow(&store, "test-a", 12).await;
    let newer = snapshot("test-a", 1, 10, &at);
    assert!(save(&store, &newer).await);
    for older in [1, 2, 9] {
        assert!(!save(&store, &snapshot("test-a", 1, older, &at)).await);
        expect(&store, &newer, 12).await;
    }
}

/// As where the one that is there cannot be read.
pub(super) async fn a_snapshot_of_the_same_version_is_replaced(store: Store) {
    let at = grow(&store, "test-a", 2).await;
    let broken = StoredSnapshot { state: payload(&json!(null)), ..snapshot("test-a", 1, 2, &at) };
    assert!(save(&store, &broken).await);
    let right = snapshot("test-a", 1, 2, &at);
    assert!(save(&store, &right).await);
    expect(&store, &right, 2).await;
}

pub(super) async fn a_snapshot_of_another_fold_is_not_given(store: Store) {
    let at = grow(&store, "test-a", 3).await;
    assert!(save(&store, &snapshot("test-a", 2, 2, &at)).await);
    for other in [0, 1, 3, u32::MAX] {
        expect_none(&store, "test-a", other, 3).await;
    }
}

pub(super) async fn a_snapshot_of_another_fold_is_replaced(store: Store) {
    let at = grow(&store, "test-a", 3).await;
    for (fold, version) in [(2, 3), (1, 1), (u32::MAX, 2), (0, 1)] {
        let snapshot = snapshot("test-a", fold, version, &at);
        assert!(save(&store, &snapshot).await);
        expect(&store, &snapshot, 3).await;
    }
    expect_none(&store, "test-a", 2, 3).await;
}

pub(super) async fn a_snapshot_of_what_is_not_there_is_not_kept(store: Store) {
    assert!(!save(&store, &resting_on("test-a", 1, 1, Position::new(1))).await);
    let at = grow(&store, "test-a", 2).await;
    let other = grow(&store, "test-b", 1).await;
    let (first, other) = (at.first().copied(), other.first().copied());
    for (version, position) in [(0, None), (3, other), (2, first), (1, other)] {
        let position = position.unwrap_or(Position::START);
        assert!(!save(&store, &resting_on("test-a", 1, version, position)).await, "{version}");
    }
    expect_none(&store, "test-a", 1, 2).await;
    grow(&store, "test-a", 2).await;
    expect_none(&store, "test-a", 1, 4).await;
}

pub(super) async fn snapshots_of_streams_with_similar_names_do_not_mix(store: Store) {
    let names = ["test-a", "test-A", "tests-a", "test-a1", "test-a-1"];
    for (fold, name) in (1..).zip(names) {
        let at = grow(&store, name, 2).await;
        assert!(save(&store, &snapshot(name, fold, 2, &at)).await);
    }
    for (fold, name) in (1..).zip(names) {
        let (found, events) = read(&store, name, fold).await;
        assert_eq!(found.map(|found| found.stream), Some(stream(name)));
        assert!(events.iter().all(|event| event.stream == stream(name)));
        expect_none(&store, name, fold + 1, 2).await;
    }
}

pub(super) async fn every_state_comes_back_equal(store: Store) {
    let at = grow(&store, "test-a", 1).await;
    let deep = (0..crate::Payload::MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    let long = Value::String("ü\u{0}\"\\🦀".repeat(100_000));
    let others = json!([null, {}, [], "", u64::MAX, i64::MIN, 1e17, -0.0, { "ä\u{0}": [{}] }]);
    for state in [others, deep, long, json!(true)] {
        let state = payload(&state);
        let snapshot = StoredSnapshot { state, ..snapshot("test-a", 1, 1, &at) };
        assert!(save(&store, &snapshot).await);
        expect(&store, &snapshot, 1).await;
    }
}

pub(super) async fn of_many_snapshots_at_once_the_newest_stays(store: Store) {
    const MANY: usize = 16;
    for round in 0..8 {
        let name = format!("test-{round}");
        let at = grow(&store, &name, MANY).await;
        let saved = at_once(MANY, |nth| {
            let snapshot = snapshot(&name, 1, nth as u64 + 1, &at);
            let store = Arc::clone(&store);
            async move { save(&store, &snapshot).await }
        });
        assert_eq!(saved.await.last(), Some(&true));
        expect(&store, &snapshot(&name, 1, MANY as u64, &at), MANY as u64).await;
    }
}

pub(super) async fn a_snapshot_is_no_event(store: Store) {
    let at = grow(&store, "test-a", 2).await;
    let (events, head) = (read_all(&plain(&store)).await, store.head().await.ok());
    assert!(save(&store, &snapshot("test-a", 1, 2, &at)).await);
    assert_eq!((read_all(&plain(&store)).await, store.head().await.ok()), (events, head));
    let stored = collect(store.read_stream(crate::ReadStream::forwards(stream("test-a")))).await;
    assert_eq!(versions(&stored), [1, 2]);
}

pub(super) async fn an_event_is_found_in_its_stream_and_in_no_other(store: Store) {
    let batch = events(3);
    let ids: Vec<_> = batch.iter().map(|event| event.id).collect();
    let plain = plain(&store);
    let of = async |name: &str, id| {
        let version = store.version_of(&stream(name), id).await;
        version.unwrap_or_else(|error| panic!("not looked up: {error:?}"))
    };
    for id in &ids {
        assert_eq!(of("test-a", *id).await, None);
    }
    append(&plain, to("test-b", Any, events(2))).await;
    append(&plain, StreamAppend::new(stream("test-a"), Any, batch)).await;
    assert!(recorded_ids(&read_all(&plain).await).ends_with(&ids));
    for (version, id) in (1..).zip(&ids) {
        assert_eq!(of("test-a", *id).await, Some(Version::new(version)));
        assert_eq!(of("test-b", *id).await, None);
        assert_eq!(of("test-none", *id).await, None);
    }
}
