//! A rebuild beside what serves: readers see the one or the other in full.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use annals::{
    Followers, Position, Query, ReadModel, Reader, Recorded, StreamExt, WaitError,
    followers::{FollowerKind, Outcome, ProgressState, State},
    testing::{CrashPoint, Faulty},
};
use serde::{Deserialize, Serialize};

use crate::{
    ledger::{Balance, Behaviour, LONG, Moved, deposit, eventually, fold},
    members::Divided,
    stores::TestStore,
};

/// Two rows that always say the same; version 2 of it counts from 1,000.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Twins<const VERSION: u32> {
    events: u64,
}

impl<const VERSION: u32> ReadModel for Twins<VERSION> {
    const NAME: &'static str = "twins";
    const VERSION: u32 = VERSION;
    type Event = Moved;
    type Key = String;

    fn keys(_: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        ["castor".to_owned(), "pollux".to_owned()]
    }

    fn apply(&mut self, _: &String, _: &Recorded<Moved>) {
        let base = if VERSION == 2 { 1_000 } else { 0 };
        self.events = self.events.max(base) + 1;
    }
}

pub(crate) async fn readers_never_see_a_mix_while_it_is_rebuilt<S: TestStore>(store: S) {
    for number in 0..200 {
        deposit(&store, "a", number).await;
    }
    let running = Followers::new(store.clone()).read_model::<Twins<1>>().start().await.unwrap();
    let reader = running.reader::<Twins<1>>();
    reader.wait_for(store.head().await.unwrap(), LONG).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (reader, is_over) = (reader.clone(), Arc::clone(&is_over));
        async move {
            let mut least = 200;
            while !is_over.load(Ordering::Relaxed) {
                let rows = reader.list(Query::all()).await.unwrap().rows;
                let [(_, castor), (_, pollux)] = &rows[..] else { panic!("{rows:?}") };
                assert_eq!(castor, pollux);
                assert!(castor.events >= least, "back from {least} to {}", castor.events);
                least = castor.events;
                tokio::task::yield_now().await;
            }
        }
    });
    let writing = tokio::spawn({
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                deposit(&store, "b", 1).await;
                tokio::time::sleep(std::time::Duration::from_micros(500)).await;
            }
        }
    });
    let follower = running.follower("twins");
    let mut former = None;
    for _ in 0..3 {
        follower.rebuild().await.unwrap();
        let progress: Vec<_> = follower.progress().map(Result::unwrap).collect().await;
        // None, if it was over before the first look.
        let last = progress.last().map(|progress| &progress.state);
        assert!(last.is_none_or(|last| *last == ProgressState::Swapped), "{progress:?}");
        let last = follower.status().await.unwrap().last_rebuild.unwrap();
        assert_eq!(last.outcome, Outcome::Swapped);
        assert!(last.build > former, "another one each time");
        former = last.build;
    }
    is_over.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    watching.await.unwrap();
    let head = store.head().await.unwrap();
    let castor = reader.wait_for(head, LONG).await.unwrap().get(&"castor".to_owned()).await;
    assert_eq!(castor.unwrap().unwrap().events, head.get());
    running.shutdown().await;
}

pub(crate) async fn a_raised_version_rebuilds_by_itself_and_supersedes<S: TestStore>(store: S) {
    for number in 0..5 {
        deposit(&store, "a", number).await;
    }
    let head = store.head().await.unwrap();
    let old = Followers::new(store.clone()).read_model::<Twins<1>>().start().await.unwrap();
    old.reader::<Twins<1>>().wait_for(head, LONG).await.unwrap();
    let new = Followers::new(store.clone()).read_model::<Twins<2>>().start().await.unwrap();
    new.wait_until_live(LONG).await.unwrap();
    let castor = "castor".to_owned();
    let read = new.reader::<Twins<2>>().get(&castor).await.unwrap().unwrap();
    assert_eq!(read.events, 1_005);
    let last = deposit(&store, "a", 1).await;
    let reader = new.reader::<Twins<2>>();
    let read = reader.wait_for(last, LONG).await.unwrap().get(&castor).await.unwrap().unwrap();
    assert_eq!(read.events, 1_006);
    eventually(async || {
        let state = old.follower("twins").status().await.unwrap().state;
        state == State::Superseded { by: 2 }
    })
    .await;
    let ahead = annals::Position::new(last.get() + 1);
    let error = old.reader::<Twins<1>>().wait_for(ahead, LONG).await.unwrap_err();
    assert!(matches!(error, WaitError::Superseded { declared: 1, live: 2, .. }), "{error}");
    old.shutdown().await;
    new.shutdown().await;
}

pub(crate) async fn waiting_for_a_version_tells_what_stands_in_its_way<S: TestStore>(store: S) {
    let at = deposit(&store, "a", 1).await;
    let old = Followers::new(store.clone()).read_model::<Twins<1>>().start().await.unwrap();
    old.reader::<Twins<1>>().wait_for(at, LONG).await.unwrap();
    old.follower("twins").pause().await.unwrap();
    let new = Followers::new(store.clone()).read_model::<Twins<2>>().start().await.unwrap();
    let short = Duration::from_millis(100);
    let error = new.wait_until_live(short).await.unwrap_err();
    assert_eq!(error.to_string(), "follower twins v2 does not serve after 100ms: paused");
    new.follower("twins").cancel_rebuild().await.unwrap();
    let error = new.wait_until_live(short).await.unwrap_err().to_string();
    assert!(error.ends_with("its rebuild was ended before it served"), "{error}");
    old.shutdown().await;
    new.shutdown().await;
}

pub(crate) async fn a_cancelled_rebuild_leaves_what_serves<S: TestStore>(store: S) {
    let behaviour = Behaviour::default();
    let running = Followers::new(store.clone())
        .projection(S::journal(behaviour.clone()))
        .start()
        .await
        .unwrap();
    let at = deposit(&store, "bad", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    behaviour.fail_on("bad", crate::ledger::Fault::Error);
    let follower = running.follower("journal");
    follower.rebuild().await.unwrap();
    let progress: Vec<_> = follower.progress().map(Result::unwrap).collect().await;
    let last = &progress.last().unwrap().state;
    assert!(matches!(last, ProgressState::Failed(_)), "{progress:?}");
    let status = follower.status().await.unwrap();
    assert_eq!((status.kind, &status.state), (FollowerKind::Projection, &State::Following));
    assert_eq!(store.journalled().await.len(), 1);
    follower.cancel_rebuild().await.unwrap();
    let status = follower.status().await.unwrap();
    assert_eq!(status.last_rebuild.unwrap().outcome, Outcome::Cancelled);
    behaviour.mend();
    let at = deposit(&store, "a", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    assert_eq!(store.journalled().await.len(), 2);
    running.shutdown().await;
}

/// As [`Balance`] of the same version, and all amounts doubled: rules that were changed in silence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Doubled(Balance);

impl ReadModel for Doubled {
    const NAME: &'static str = Balance::NAME;
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        Balance::keys(recorded)
    }

    fn apply(&mut self, key: &String, recorded: &Recorded<Moved>) {
        self.0.apply(key, recorded);
        self.0.cents *= 2;
    }

    fn columns() -> annals::Columns<Self> {
        annals::Columns::new().indexed("cents", |doubled: &Self| doubled.0.cents)
    }
}

pub(crate) async fn verifying_tells_which_rows_differ_and_changes_nothing<S: TestStore>(store: S) {
    deposit(&store, "a", 1).await;
    let at = deposit(&store, "b", 0).await;
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    running.wait_for("balances", at, LONG).await.unwrap();
    let differences = running.follower("balances").verify().await.unwrap();
    assert!(differences.is_empty(), "{differences}");
    running.shutdown().await;

    let running = Followers::new(store.clone()).read_model::<Doubled>().start().await.unwrap();
    let differences = running.follower("balances").verify().await.unwrap();
    assert_eq!(differences.count, 1, "{differences}");
    assert_eq!(differences.rows[0].key.as_deref(), Some("a"));
    let follower = running.follower("balances");
    follower.rebuild_verified().await.unwrap();
    eventually(async || follower.status().await.unwrap().rebuild.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert!(matches!(last.outcome, Outcome::Compared(_)), "{last:?}");
    let a = Reader::<Balance, S>::new(store.clone()).get(&"a".to_owned()).await.unwrap().unwrap();
    assert_eq!(a.cents, 1);
    running.shutdown().await;
}

/// Its parts are at different places, and those that have nothing to do stay where they are.
pub(crate) async fn a_divided_read_model_is_verified_and_swapped<S: TestStore>(store: S) {
    let running = Followers::new(store.clone()).read_model::<Divided>().start().await.unwrap();
    let mut at = Position::START;
    for account in ["a0", "a1", "a2", "a3", "a4", "a1", "a1"] {
        at = deposit(&store, account, 1).await;
        running.wait_for(Divided::NAME, at, LONG).await.unwrap();
    }
    let follower = running.follower(Divided::NAME);
    follower.rebuild_verified().await.unwrap();
    eventually(async || follower.status().await.unwrap().rebuild.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert!(matches!(last.outcome, Outcome::Swapped), "{last:?}");
    let rows = running.reader::<Divided>().list(Query::all()).await.unwrap().rows.into_iter();
    let rows: Vec<_> = rows.map(|(key, row)| (key, row.0)).collect();
    assert_eq!(rows, fold(&store).await.into_iter().collect::<Vec<_>>());
    assert_eq!(at, store.head().await.unwrap());
    running.shutdown().await;
}

/// The process dies with the last step of the rebuild, so that the next one has nothing to do but to compare.
pub(crate) async fn a_rebuild_is_verified_by_the_process_that_comes_after<S: TestStore>(store: S) {
    let at = deposit(&store, "a", 1).await;
    let faulty = Faulty::new(store.clone());
    let dying = Followers::new(faulty.clone()).read_model::<Balance>().start().await.unwrap();
    dying.wait_for("balances", at, LONG).await.unwrap();
    faulty.crash_at(CrashPoint::AfterStep);
    dying.follower("balances").rebuild_verified().await.unwrap();
    faulty.died().await;
    let next = Followers::new(faulty.restarted().await.unwrap()).read_model::<Balance>();
    let next = next.start().await.unwrap();
    let follower = next.follower("balances");
    eventually(async || follower.status().await.unwrap().rebuild.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert_eq!(last.outcome, Outcome::Swapped);
    next.shutdown().await;
}
