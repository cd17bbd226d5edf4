//! Followers: their steps, failures and rebuilds, and how far they are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use annals::{
    EventStore, FollowerStore, Followers, MemoryStore, Position, Running, StoreError, StreamExt,
    WaitError,
    followers::{Beat, Books},
    forward,
};
use async_trait::async_trait;

use crate::{
    ears::{Ears, is_warning},
    ledger::{Balance, Behaviour, Fault, LONG, deposit, eventually},
    shaky::Shaky,
    stores::TestStore,
};

const SHORT: Duration = Duration::from_millis(200);

async fn start(store: &MemoryStore, behaviour: &Behaviour) -> Running<MemoryStore> {
    let journal = <MemoryStore as TestStore>::journal(behaviour.clone());
    let followers = Followers::new(store.clone()).with_lease(SHORT).projection(journal);
    followers.start().await.unwrap()
}

pub(crate) async fn handling(ears: &Ears) {
    let store = MemoryStore::new();
    let followers = Followers::new(store.clone()).with_lease(SHORT).read_model::<Balance>();
    let running = followers.start().await.unwrap();
    for account in ["a", "b", "a"] {
        deposit(&store, account, 1).await;
    }
    let head = store.head().await.unwrap();
    running.wait_for("balances", head, LONG).await.unwrap();

    assert_eq!(ears.events("claimed", "balances")[0].field("is_live"), "true");
    let steps = ears.spans("step");
    let of_it: Vec<_> = steps.iter().filter(|s| s.field("follower") == "balances").collect();
    assert_eq!(of_it[0].field("from"), "0");
    assert_eq!(of_it.last().unwrap().field("to"), "3");
    let events = of_it.iter().map(|step| step.field("events").parse::<u64>().unwrap());
    assert_eq!(events.sum::<u64>(), 3);
    assert!(of_it.iter().all(|step| step.field("outcome") == "committed"), "{of_it:?}");

    let labels = [("follower", "balances"), ("part", "0"), ("build", "live")];
    assert_eq!(ears.metric("annals_follower_events_total", &labels), 3.0);
    assert_eq!(ears.metric("annals_follower_batches_total", &labels), of_it.len() as f64);
    eventually(async || ears.metric("annals_follower_position", &labels) == 3.0).await;
    assert_eq!(ears.metric("annals_follower_lag_events", &labels), 0.0);
    let steps = ears.metric("annals_follower_step_duration_seconds", &labels);
    assert_eq!(steps, of_it.len() as f64);
    running.shutdown().await;
    assert_eq!(ears.events("released", "balances").len(), 1);
    assert_eq!(ears.metric("annals_follower_position", &labels), 0.0, "another process tells now");
}

pub(crate) async fn stopping(ears: &Ears) {
    let store = MemoryStore::new();
    let behaviour = Behaviour::default();
    behaviour.fail_on("bad", Fault::Panic);
    let running = start(&store, &behaviour).await;
    deposit(&store, "good", 1).await;
    let head = deposit(&store, "bad", 1).await;
    let stopped = running.wait_for("journal", head, LONG).await.unwrap_err();
    assert!(matches!(stopped, WaitError::Stopped { .. }), "{stopped}");

    let failed = ears.events("failed", "journal");
    assert_eq!(failed.len(), 2);
    for one in &failed {
        let fields = ["position", "sequence", "kind", "reason"].map(|name| one.field(name));
        assert_eq!(fields, ["2", "account-bad", "panic", "the handler cannot bear it"]);
        assert!(is_warning(one) && one.within.as_deref() == Some("step"), "{one:?}");
    }
    assert_eq!(ears.events("retrying", "journal").len(), 1);
    let stopped = ears.events("stopped", "journal");
    assert_eq!((stopped.len(), &*stopped[0].level), (1, "ERROR"));
    assert!(ears.spans("step").iter().any(|step| step.field("outcome") == "failed"));

    let labels = [("follower", "journal"), ("build", "live")];
    let panics = [("follower", "journal"), ("kind", "panic")];
    assert_eq!(ears.metric("annals_follower_failures_total", &panics), 2.0);
    assert_eq!(ears.metric("annals_follower_retries_total", &labels), 1.0);
    // Nobody runs it, and how far it is behind is told all the same.
    eventually(async || ears.metric("annals_follower_lag_events", &labels) == 1.0).await;
    let lag = ears.metric("annals_follower_lag_seconds", &labels);
    eventually(async || ears.metric("annals_follower_lag_seconds", &labels) > lag).await;

    behaviour.mend();
    running.follower("journal").resume().await.unwrap();
    // The books may still say that it has stopped.
    eventually(async || running.wait_for("journal", head, LONG).await.is_ok()).await;
    eventually(async || ears.metric("annals_follower_lag_events", &labels) == 0.0).await;
    assert_eq!(ears.metric("annals_follower_lag_seconds", &labels), 0.0);
    running.follower("journal").pause().await.unwrap();
    eventually(async || ears.events("fenced", "journal").len() == 1).await;
    running.shutdown().await;
}

pub(crate) async fn parking(ears: &Ears) {
    let store = MemoryStore::new();
    let behaviour = Behaviour::default().park();
    behaviour.fail_on("bad", Fault::Error);
    let labels = [("follower", "journal"), ("build", "live")];
    let handled = ears.metric("annals_follower_events_total", &labels);
    let running = start(&store, &behaviour).await;
    for account in ["bad", "good", "bad"] {
        deposit(&store, account, 1).await;
    }
    let head = store.head().await.unwrap();
    running.wait_for("journal", head, LONG).await.unwrap();

    let parked = ears.events("parked", "journal");
    assert_eq!((parked.len(), parked[0].field("sequence")), (1, "account-bad"));
    assert_eq!(ears.metric("annals_follower_parked_total", &labels), 2.0, "the later one, too");
    assert_eq!(ears.metric("annals_follower_events_total", &labels), handled + 1.0);
    eventually(async || ears.metric("annals_follower_parked_events", &labels) == 2.0).await;

    behaviour.mend();
    running.follower("journal").retry_parked().await.unwrap();
    eventually(async || ears.events("settled", "journal").len() == 2).await;
    assert_eq!(ears.metric("annals_follower_events_total", &labels), handled + 3.0);
    eventually(async || ears.metric("annals_follower_parked_events", &labels) == 0.0).await;
    running.shutdown().await;
}

/// A store whose books are those of a server that has lost all steps, once.
#[derive(Clone)]
struct Forgetful(MemoryStore, Arc<AtomicBool>);

#[async_trait]
impl EventStore for Forgetful {
    forward!(self => self.0; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl FollowerStore for Forgetful {
    type Connection = <MemoryStore as FollowerStore>::Connection;

    forward!(
        self => self.0;
        declare, claim, release, note, command, failures, parked, make, commit, swap, compare, rows,
    );

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        let mut books = self.0.books(beat).await?;
        if beat.is_some() && self.1.swap(false, Ordering::Relaxed) {
            let parts = books.followers.iter_mut().flat_map(|follower| &mut follower.live.parts);
            parts.for_each(|part| part.position = Position::START);
        }
        Ok(books)
    }
}

pub(crate) async fn losing_steps(ears: &Ears) {
    let store = Forgetful(MemoryStore::new(), Arc::default());
    let followers = Followers::new(store.clone()).with_lease(SHORT).read_model::<Balance>();
    let running = followers.start().await.unwrap();
    let head = deposit(&store, "a", 1).await;
    running.wait_for("balances", head, LONG).await.unwrap();
    store.1.store(true, Ordering::Relaxed);
    eventually(async || !ears.events("set back", "balances").is_empty()).await;
    let [set_back] = &*ears.events("set back", "balances") else { panic!("once") };
    assert!(is_warning(set_back));
    assert_eq!(["position", "left"].map(|name| set_back.field(name)), ["0", "1"]);
    running.shutdown().await;
}

pub(crate) async fn rebuilding(ears: &Ears) {
    let store = MemoryStore::new();
    let followers = Followers::new(store.clone()).with_lease(SHORT).read_model::<Balance>();
    let running = followers.start().await.unwrap();
    let head = deposit(&store, "a", 1).await;
    running.wait_for("balances", head, LONG).await.unwrap();
    let shadow = [("follower", "balances"), ("build", "shadow")];
    let rebuilt = ears.metric("annals_follower_events_total", &shadow);
    let balances = running.follower("balances");

    assert!(balances.verify().await.unwrap().is_empty());
    balances.rebuild().await.unwrap();
    balances.progress().for_each(async |progress| drop(progress.unwrap())).await;
    eventually(async || ears.events("rebuild ended", "balances").len() == 2).await;
    let ends = ears.events("rebuild ended", "balances");
    assert_eq!([ends[0].field("outcome"), ends[1].field("outcome")], ["compared", "swapped"]);
    for name in ["rebuild begun", "rebuild caught up"] {
        let builds: Vec<_> = ears.events(name, "balances");
        let builds: Vec<_> = builds.iter().map(|event| event.field("build")).collect();
        assert_eq!(builds, [ends[0].field("build"), ends[1].field("build")], "{name}");
    }
    for outcome in ["compared", "swapped"] {
        let labels = [("follower", "balances"), ("outcome", outcome)];
        assert_eq!(ears.metric("annals_follower_rebuilds_total", &labels), 1.0);
    }
    assert_eq!(ears.metric("annals_follower_events_total", &shadow), rebuilt + 2.0);
    running.shutdown().await;
}

pub(crate) async fn losing_the_store(ears: &Ears) {
    let store = MemoryStore::new();
    let shaky = Shaky::new(store.clone(), 7);
    let followers = Followers::new(shaky.clone()).with_lease(SHORT).read_model::<Balance>();
    let running = followers.start().await.unwrap();
    let head = deposit(&store, "a", 1).await;
    running.wait_for("balances", head, LONG).await.unwrap();
    let interrupted = ears.events("interrupted", "balances");
    let of_step = interrupted.iter().find(|event| event.within.as_deref() == Some("step"));
    assert!(of_step.is_some_and(is_warning), "the first step fails: {interrupted:?}");
    let labels = [("follower", "balances"), ("part", "0"), ("build", "live")];
    let interruptions = ears.metric("annals_follower_interruptions_total", &labels);
    assert!(interruptions >= interrupted.len() as f64);

    shaky.be_silent(true);
    eventually(async || !ears.events("no sign of life", "").is_empty()).await;
    shaky.be_silent(false);
    running.shutdown().await;
}

#[tokio::test]
async fn steps_are_told_and_counted_and_how_far_they_are() {
    handling(&Ears::open()).await;
}

#[tokio::test]
async fn failures_are_told_and_counted_and_lag_grows_where_nobody_runs() {
    stopping(&Ears::open()).await;
}

#[tokio::test]
async fn what_is_put_aside_is_told_and_counted_until_it_is_settled() {
    parking(&Ears::open()).await;
}

#[tokio::test]
async fn rebuilds_are_told_from_their_beginning_to_their_end() {
    rebuilding(&Ears::open()).await;
}

#[tokio::test]
async fn a_store_that_is_lost_is_told() {
    losing_the_store(&Ears::open()).await;
}
