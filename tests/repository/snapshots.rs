//! Snapshots change how much is read, and nothing else.

use std::sync::{Arc, atomic::Ordering};

use annals::{
    AsOf, MemoryStore, Payload, Repository, SnapshotPolicy, SnapshotStore, StoredSnapshot,
    StreamId, Version,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    shelf::Shelf,
    tally::{Note, Tally, agree, caches, plan},
};

const ONCE: Note = Note { number: 7, times: 1 };

type Tallies = Repository<Tally<3>>;

/// A store, and how a process that has just started sees it.
fn shelf() -> (Arc<Shelf>, impl Fn() -> Tallies) {
    let shelf = Arc::new(Shelf::new(MemoryStore::new()));
    let of = Arc::clone(&shelf);
    (shelf, move || Tallies::with_snapshots(Arc::clone(&of)))
}

fn stream() -> StreamId {
    "tally-0".parse().unwrap()
}

async fn note(tallies: &Tallies, times: usize) {
    for _ in 0..times {
        tallies.execute(&0, &ONCE).await.unwrap();
    }
}

/// Lets what is under way come to its end.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn kept(shelf: &Shelf, fold: u32) -> Option<StoredSnapshot> {
    shelf.store.read_from_snapshot(&stream(), fold).await.unwrap().0
}

/// So many sevens were noted, whatever is kept.
async fn loads(tallies: &Tallies, times: usize) {
    let loaded = tallies.load(&0).await.unwrap();
    assert_eq!((loaded.state.noted, loaded.version.get()), (vec![7; times], times as u64));
}

#[tokio::test]
async fn an_entity_is_loaded_from_its_snapshot_on() {
    let (shelf, fresh) = shelf();
    let tallies = fresh();
    for times in 1..=7 {
        note(&tallies, 1).await;
        settle().await;
        assert_eq!(kept(&shelf, 1).await.map_or(0, |kept| kept.version.get()), times / 3 * 3);
    }
    assert_eq!((shelf.take_saves(), shelf.take_reads()), (vec![3, 6], vec![1]));
    loads(&fresh(), 7).await;
    let done = fresh().execute(&0, &ONCE).await.unwrap();
    assert_eq!(done.state.noted, [7; 8]);
    assert_eq!(shelf.take_reads(), [6, 6], "and once");
}

#[tokio::test]
async fn a_long_stream_that_is_only_read_gets_its_snapshot() {
    let (shelf, fresh) = shelf();
    let plain = Tallies::new(shelf.store.clone());
    note(&plain, 10).await;
    loads(&fresh(), 10).await;
    settle().await;
    loads(&fresh(), 10).await;
    settle().await;
    assert_eq!((shelf.take_reads(), shelf.take_saves()), (vec![1, 10], vec![10]));
}

#[tokio::test]
async fn nobody_waits_for_a_snapshot_and_there_is_one_at_a_time() {
    let (shelf, fresh) = shelf();
    shelf.open.forget_permits(usize::MAX);
    for cache in [100, 0] {
        let tallies = fresh().with_cache(cache);
        note(&tallies, 4).await;
        let first = shelf.save_arrives().await;
        note(&tallies, 10).await;
        settle().await;
        assert_eq!(shelf.take_saves(), [first], "the first is on its way");
        shelf.open.add_permits(1);
        settle().await;
        assert_eq!(kept(&shelf, 1).await.unwrap().version.get(), first);
        note(&tallies, 1).await;
        settle().await;
        let next = shelf.take_saves();
        assert!(next.len() == 1 && next[0] >= first + 10, "{next:?}, and all that came meanwhile");
        shelf.open.add_permits(1);
        settle().await;
        assert_eq!(kept(&shelf, 1).await.unwrap().version.get(), next[0]);
    }
}

#[tokio::test]
async fn a_store_that_fails_with_snapshots_fails_nobody() {
    let (shelf, fresh) = shelf();
    shelf.saving_fails.store(true, Ordering::Relaxed);
    let tallies = fresh();
    for _ in 0..7 {
        note(&tallies, 1).await;
        settle().await;
    }
    assert_eq!(shelf.take_saves(), [3, 6], "not with each command");
    shelf.saving_fails.store(false, Ordering::Relaxed);
    shelf.reading_fails.store(true, Ordering::Relaxed);
    loads(&fresh(), 7).await;
    note(&fresh(), 1).await;
    loads(&fresh(), 8).await;
}

#[tokio::test]
async fn one_that_cannot_be_read_or_is_of_another_fold_is_ignored_and_replaced() {
    let (shelf, fresh) = shelf();
    note(&Tallies::new(shelf.store.clone()), 6).await;
    loads(&fresh(), 6).await;
    settle().await;
    let right = kept(&shelf, 1).await.unwrap();
    for (fold_version, state) in [(1, "[1, 2]"), (1, r#"{"noted":["x"]}"#), (2, r#"{"noted":[1]}"#)]
    {
        let state = Payload::parse(state).unwrap();
        let other = StoredSnapshot { fold_version, state, ..right.clone() };
        assert!(shelf.store.save_snapshot(&other).await.unwrap());
        loads(&fresh(), 6).await;
        settle().await;
        assert_eq!(kept(&shelf, 1).await.as_ref(), Some(&right));
    }
}

/// As where the table was filled from another database, or the events were set back to an earlier moment.
#[tokio::test]
async fn one_that_rests_on_no_event_of_the_stream_is_ignored() {
    let (shelf, fresh) = shelf();
    Tallies::new(shelf.store.clone()).execute(&1, &ONCE).await.unwrap();
    note(&Tallies::new(shelf.store.clone()), 4).await;
    let state = Payload::parse(r#"{"noted":[1,2,3]}"#).unwrap();
    for (version, position) in [(5, 6), (900, 3), (3, 3), (3, 1), (0, 0)] {
        let (version, position) = (Version::new(version), annals::Position::new(position));
        let state = state.clone();
        let stray = StoredSnapshot { stream: stream(), fold_version: 1, version, position, state };
        *shelf.instead.lock().unwrap() = Some(stray);
        loads(&fresh(), 4).await;
        let done = fresh().execute(&0, &Note { number: 7, times: 0 }).await.unwrap();
        assert_eq!(done.state.noted, [7; 4]);
    }
}

#[tokio::test]
async fn a_command_that_ran_before_the_snapshot_is_found() {
    let (shelf, fresh) = shelf();
    let keyed = async |tallies: Tallies, key: u64, times: usize| {
        let note = Note { number: 7, times };
        let execute = tallies.execute(&0, &note);
        let done = execute.with_idempotency_key(Uuid::from_u64_pair(1, key)).await.unwrap();
        settle().await;
        (done.version.get(), done.events.len(), done.state.noted.len())
    };
    note(&fresh(), 1).await;
    assert_eq!(keyed(fresh(), 1, 2).await, (3, 2, 3));
    note(&fresh(), 7).await;
    settle().await;
    let at = kept(&shelf, 1).await.unwrap().version.get();
    assert!(at > 3, "{at}");
    assert_eq!(keyed(fresh(), 1, 2).await, (3, 2, 3), "and what it answered");
    shelf.take_reads();
    assert_eq!(keyed(fresh(), 2, 1).await, (11, 1, 11));
    let reads = shelf.take_reads();
    assert!(reads.iter().all(|from| *from >= at), "{reads:?}, and the snapshot is at {at}");
}

#[tokio::test]
async fn the_past_is_what_the_events_say() {
    let (shelf, fresh) = shelf();
    note(&fresh(), 9).await;
    settle().await;
    let lie = Payload::parse(r#"{"noted":[1]}"#).unwrap();
    let lie = StoredSnapshot { state: lie, ..kept(&shelf, 1).await.unwrap() };
    assert!(shelf.store.save_snapshot(&lie).await.unwrap());
    for version in 0..=9_u64 {
        let loaded = fresh().load_at(&0, Version::new(version)).await.unwrap();
        assert_eq!(loaded.state.noted, vec![7; version as usize]);
    }
    let loaded = fresh().load_at(&0, AsOf::Time(chrono::Utc::now())).await.unwrap();
    assert_eq!(loaded.state.noted, [7; 9]);
}

mod slow {
    use std::{convert::Infallible, time::Duration};

    use annals::{Aggregate, Context, Snapshot};
    use serde::{Deserialize, Serialize};

    use super::{Arc, MemoryStore, Repository, Shelf, SnapshotPolicy, settle};
    use crate::tally::TallyEvent;

    /// Loading always takes longer than this.
    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    struct Slow {
        noted: u64,
    }

    impl Aggregate for Slow {
        type Id = usize;
        type Command = ();
        type Event = TallyEvent;
        type Error = Infallible;

        fn handle(&self, (): &(), _: &Context<Self>) -> Result<Vec<TallyEvent>, Infallible> {
            Ok(vec![TallyEvent::Noted { number: 1 }])
        }

        fn apply(&mut self, _: &TallyEvent) {
            self.noted += 1;
        }
    }

    impl Snapshot for Slow {
        const POLICY: SnapshotPolicy = SnapshotPolicy::when_loading_takes(Duration::ZERO);
    }

    #[tokio::test]
    async fn loading_that_was_slow_is_not_so_again() {
        let shelf = Arc::new(Shelf::new(MemoryStore::new()));
        let fresh = || Repository::<Slow>::with_snapshots(Arc::clone(&shelf));
        let slow = fresh();
        for _ in 0..5 {
            slow.execute(&0, &()).await.unwrap();
            settle().await;
        }
        assert!(shelf.take_saves().is_empty(), "an entity that is known is not loaded");
        for _ in 0..2 {
            assert_eq!(fresh().load(&0).await.unwrap().state.noted, 5);
            settle().await;
        }
        assert_eq!((shelf.take_saves(), shelf.take_reads()), (vec![5], vec![1, 1, 5]));
    }
}

/// Where there is no runtime, there are no snapshots either.
#[test]
fn a_command_outside_of_a_runtime_is_executed() {
    let (shelf, fresh) = shelf();
    let tallies = fresh();
    for _ in 0..7 {
        futures_util::FutureExt::now_or_never(tallies.execute(&0, &ONCE).into_future())
            .unwrap()
            .unwrap();
    }
    assert!(shelf.take_saves().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_way_of_reading_gives_the_fold(caches in caches(), every in 0..4_usize, plan in plan(60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let store = MemoryStore::new();
        runtime.block_on(async {
            match every {
                0 => agree::<1>(store, caches, plan).await,
                1 => agree::<2>(store, caches, plan).await,
                2 => agree::<3>(store, caches, plan).await,
                _ => agree::<10>(store, caches, plan).await,
            }
        })?;
    }
}
