//! Reactors: at least once, duplicates told by the event's id, and their commands once.

use std::{
    collections::BTreeSet,
    num::NonZeroU16,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use annals::{
    Aggregate, Context, Event, EventId, EventStoreExt, FollowerStore, Followers, HandlerError,
    MemoryStore, Options, Position, Reaction, Reactor, Recorded, Repository, Start, TryStreamExt,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::sleep};

use crate::{
    ledger::{Behaviour, Fault, LONG, Moved, deposit, eventually},
    shaky::Shaky,
    stores::TestStore,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "letter")]
enum Letter {
    Sent { about: u64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Letters;

struct Send(u64);

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Aggregate for Letters {
    type Id = String;
    type Command = Send;
    type Event = Letter;
    type Error = Never;

    fn handle(&self, send: &Send, _: &Context<Self>) -> Result<Vec<Letter>, Never> {
        Ok(vec![Letter::Sent { about: send.0 }])
    }

    fn apply(&mut self, _: &Letter) {}
}

/// Sends two letters about each deposit, to the same address.
#[derive(Clone)]
struct Write {
    letters: Repository<Letters>,
    met: Arc<Mutex<Vec<(EventId, u64)>>>,
    behaviour: Behaviour,
}

impl Write {
    fn new(store: impl FollowerStore) -> Self {
        let (met, behaviour) = (Arc::default(), Behaviour::default());
        Self { letters: Repository::new(store), met, behaviour }
    }
}

#[async_trait]
impl Reactor for Write {
    const NAME: &'static str = "write_letters";
    type Event = Moved;

    async fn react(&self, recorded: &Recorded<Moved>, cx: &Reaction) -> Result<(), HandlerError> {
        let about = recorded.position.get();
        self.met.lock().unwrap().push((cx.event_id(), about));
        let address = recorded.stream.entity_id().to_owned();
        for _ in 0..2 {
            cx.execute(&self.letters, &address, &Send(about)).await?;
        }
        self.behaviour.meet(recorded).await
    }

    fn options(&self) -> Options {
        self.behaviour.options()
    }
}

pub(crate) async fn what_a_reactor_does_twice_is_told_by_the_id_and_commands_run_once<
    S: TestStore,
>(
    store: S,
) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let write = Write::new(store.clone());
    let met = Arc::clone(&write.met);
    let running = Followers::new(Shaky::new(store.clone(), seed))
        .reactor(write, Start::Beginning)
        .with_lease(Duration::from_millis(500))
        .start()
        .await
        .unwrap();
    let mut deposits = Vec::new();
    for number in 0..30 {
        deposits.push(deposit(&store, &format!("a{}", number % 4), number).await);
        if number % 4 == 0 {
            let last = *deposits.last().unwrap();
            running.wait_for("write_letters", last, LONG).await.unwrap();
        }
    }
    running.wait_for("write_letters", *deposits.last().unwrap(), LONG).await.unwrap();
    running.shutdown().await;
    let met = met.lock().unwrap().clone();
    assert!(met.len() > 30, "nothing came twice: {}", met.len());
    assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 30, "each by one id");

    let letters: Vec<Recorded<Letter>> =
        store.events_after(Position::START).try_collect().await.unwrap();
    let mut about: Vec<_> = letters.iter().map(|letter| letter.event.clone()).collect();
    about.sort_by_key(|Letter::Sent { about }| *about);
    let twice = deposits.iter().flat_map(|at| vec![Letter::Sent { about: at.get() }; 2]);
    assert_eq!(about, twice.collect::<Vec<_>>());
    for Recorded { event: Letter::Sent { about }, metadata, .. } in letters {
        let cause = met.iter().find(|(_, at)| *at == about).unwrap().0;
        assert_eq!(metadata.causation_id.unwrap().as_uuid(), cause.as_uuid());
        assert_eq!(metadata.correlation_id.unwrap().as_uuid(), cause.as_uuid());
        assert_eq!(metadata.actor.as_deref(), Some("write_letters"));
    }
}

pub(crate) async fn a_reactor_begins_where_it_was_told_to<S: TestStore>(store: S) {
    for _ in 0..3 {
        deposit(&store, "a", 1).await;
    }
    let write = Write::new(store.clone());
    let met = Arc::clone(&write.met);
    for _ in 0..2 {
        let running =
            Followers::new(store.clone()).reactor(write.clone(), Start::Now).start().await.unwrap();
        let at = deposit(&store, "a", 1).await;
        running.wait_for("write_letters", at, LONG).await.unwrap();
        running.shutdown().await;
    }
    let about: Vec<_> = met.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert_eq!(about, [4, 7], "not 1 to 3, and each once");
}

pub(crate) async fn a_reactor_that_fails_is_tried_as_often_as_its_policy_says<S: TestStore>(
    store: S,
) {
    let write = Write { behaviour: Behaviour::default().park(), ..Write::new(store.clone()) };
    let (met, behaviour) = (Arc::clone(&write.met), write.behaviour.clone());
    behaviour.fail_on("bad", Fault::Panic);
    for account in ["a", "bad", "b"] {
        deposit(&store, account, 1).await;
    }
    let running =
        Followers::new(store.clone()).reactor(write, Start::Beginning).start().await.unwrap();
    running.wait_for("write_letters", Position::new(3), LONG).await.unwrap();
    let about: Vec<_> = met.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert_eq!(about, [1, 2, 2, 3], "two tries, and nothing else twice");
    behaviour.mend();
    let follower = running.follower("write_letters");
    assert_eq!(follower.parked().await.unwrap().len(), 1);
    follower.retry_parked().await.unwrap();
    eventually(async || follower.parked().await.unwrap().is_empty()).await;
    running.shutdown().await;
}

/// Tells how many deposits it has met, and waits at each until it may go on.
#[derive(Clone, Default)]
struct Slow {
    met: Arc<AtomicU32>,
    may_go_on: Arc<Notify>,
}

#[async_trait]
impl Reactor for Slow {
    const NAME: &'static str = "slow";
    type Event = Moved;

    async fn react(&self, _: &Recorded<Moved>, _: &Reaction) -> Result<(), HandlerError> {
        self.met.fetch_add(1, Ordering::Relaxed);
        self.may_go_on.notified().await;
        Ok(())
    }

    fn options(&self) -> Options {
        let parts = NonZeroU16::new(4).unwrap();
        Options::new().with_timeout(Duration::from_secs(600)).with_partitions(parts)
    }
}

/// Another process may have the part by the time that the reaction under way has ended.
#[tokio::test(start_paused = true)]
async fn a_reactor_that_is_to_end_begins_no_other_reaction() {
    let store = MemoryStore::new();
    for _ in 0..5 {
        deposit(&store, "a", 1).await;
    }
    let slow = Slow::default();
    let met = || slow.met.load(Ordering::Relaxed);
    let start = async || {
        let followers = Followers::new(store.clone()).reactor(slow.clone(), Start::Beginning);
        followers.start().await.unwrap()
    };
    let running = start().await;
    eventually(async || met() == 1).await;
    running.follower("slow").pause().await.unwrap();
    // Longer than it takes the process to hear of it.
    sleep(Duration::from_secs(10)).await;
    slow.may_go_on.notify_one();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(met(), 1);
    running.follower("slow").resume().await.unwrap();
    // The first comes again, for its step was not committed.
    for more in 2..=6 {
        eventually(async || met() == more).await;
        slow.may_go_on.notify_one();
    }
    running.wait_for("slow", Position::new(5), LONG).await.unwrap();
    running.shutdown().await;
}

/// The rest of its parts is not kept for it.
#[tokio::test(start_paused = true)]
async fn a_process_that_ends_slowly_keeps_others_from_nothing_but_what_it_still_does() {
    let store = MemoryStore::new();
    let slow = Slow::default();
    let start = async |name: &str, slow: &Slow| {
        let followers = Followers::new(store.clone()).reactor(slow.clone(), Start::Beginning);
        followers.with_name(name).start().await.unwrap()
    };
    let (one, two) = (start("one", &slow).await, start("two", &Slow::default()).await);
    let follower = two.follower("slow");
    let owned = async |name: &str| {
        let parts = follower.status().await.unwrap().parts;
        parts.iter().filter(|part| part.owner.as_deref() == Some(name)).count()
    };
    eventually(async || (owned("one").await, owned("two").await) == (2, 2)).await;
    for number in 0.. {
        deposit(&store, &format!("a{number}"), 1).await;
        sleep(Duration::from_secs(1)).await;
        if slow.met.load(Ordering::Relaxed) == 1 {
            break;
        }
    }
    let ending = tokio::spawn(one.shutdown());
    eventually(async || (owned("one").await, owned("two").await) == (1, 3)).await;
    slow.may_go_on.notify_one();
    ending.await.unwrap();
    eventually(async || owned("two").await == 4).await;
    drop(two);
}
