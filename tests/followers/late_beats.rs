//! Processes whose beats are late again and again, so that their leases end amid what they do, are frozen, and die: an event
//! that a reactor was never given shows. Time is tokio's, and jumps, so that each seed is a life of minutes.

use std::{
    collections::BTreeSet,
    num::NonZeroU16,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use annals::{
    EventStore, FollowerStore, Followers, HandlerError, MemoryStore, Options, Position, Reaction,
    Reactor, ReadAll, Recorded, RecordedEvents, RetryPolicy, StoreError,
    followers::{
        Beat, Books, BuildId, Claim, Limits, Make, MemberId, Note, ParkedEvent, PartId, Step,
        StepError,
    },
    forward,
};
use async_trait::async_trait;
use fastrand::Rng;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::ledger::{Moved, deposit};

const LEASE: Duration = Duration::from_secs(1);

/// How it goes with a process: whether it is frozen, or dead.
#[derive(Clone, Copy, PartialEq)]
enum Health {
    Well,
    Frozen,
    Dead,
}

/// The store as a process has it that is slow, and may be frozen and die.
#[derive(Clone)]
struct Slow {
    store: MemoryStore,
    random: Arc<Mutex<Rng>>,
    health: watch::Receiver<Health>,
    /// The longest way there or back, in milliseconds.
    way: Arc<AtomicU64>,
    /// Whether ways are lost as well.
    loses: Arc<AtomicBool>,
}

impl Slow {
    fn chance(&self, one_in: u32) -> bool {
        self.random.lock().unwrap().u32(..one_in) == 0
    }

    async fn alive(&self) {
        let mut health = self.health.clone();
        if health.wait_for(|health| *health == Health::Well).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn pass(&self) {
        self.alive().await;
        let way = self.way.load(Ordering::Relaxed);
        let way = {
            let mut random = self.random.lock().unwrap();
            let longest = if random.u8(..6) == 0 { 4 * way } else { way };
            random.u64(..=longest)
        };
        if way > 0 {
            sleep(Duration::from_millis(way)).await;
        }
        self.alive().await;
    }

    async fn there(&self) -> Result<(), StoreError> {
        self.pass_or_lose(|| StoreError::Unavailable("connection refused".into())).await
    }

    async fn back(&self) -> Result<(), StoreError> {
        self.pass_or_lose(|| StoreError::OutcomeUnknown("connection reset by peer".into())).await
    }

    async fn back_from_read(&self) -> Result<(), StoreError> {
        self.pass_or_lose(|| StoreError::Unavailable("connection reset by peer".into())).await
    }

    async fn pass_or_lose(&self, lost: impl FnOnce() -> StoreError) -> Result<(), StoreError> {
        self.pass().await;
        if self.loses.load(Ordering::Relaxed) && self.chance(30) { Err(lost()) } else { Ok(()) }
    }
}

#[async_trait]
impl EventStore for Slow {
    forward!(self => self.store; append, read_stream, wait_for_head);

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        use annals::StreamExt;
        let (slow, events) = (self.clone(), self.store.read_all(read));
        // A pause before some of the events, as between pages.
        let paused = events.then(move |event| {
            let slow = slow.clone();
            async move {
                if slow.chance(8) {
                    slow.back_from_read().await?;
                }
                event
            }
        });
        paused.boxed()
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.there().await?;
        self.store.head().await
    }
}

#[async_trait]
impl FollowerStore for Slow {
    type Connection = <MemoryStore as FollowerStore>::Connection;

    forward!(self => self.store; declare, command, failures, swap, compare, rows);

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        self.there().await?;
        let books = self.store.books(beat).await?;
        self.back_from_read().await?;
        Ok(books)
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        self.there().await?;
        let claims = self.store.claim(member, parts).await?;
        self.back_from_read().await?;
        Ok(claims)
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.there().await?;
        self.store.release(claims).await
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.there().await?;
        self.store.note(claim, note).await?;
        Ok(self.back_from_read().await?)
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        self.there().await?;
        let parked = self.store.parked(build).await?;
        self.back_from_read().await?;
        Ok(parked)
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, Self::Connection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.there().await?;
        self.store.make(claim, tables, limits).await?;
        Ok(self.back().await?)
    }

    async fn commit(&self, step: Step<'_, Self::Connection>) -> Result<(), StepError> {
        self.there().await?;
        self.store.commit(step).await?;
        Ok(self.back().await?)
    }
}

/// Writes down what it was given.
struct Listen {
    slow: Slow,
    met: Arc<Mutex<BTreeSet<u64>>>,
}

#[async_trait]
impl Reactor for Listen {
    const NAME: &'static str = "listen";
    type Event = Moved;

    async fn react(&self, recorded: &Recorded<Moved>, _: &Reaction) -> Result<(), HandlerError> {
        self.slow.alive().await;
        if self.slow.loses.load(Ordering::Relaxed) && self.slow.chance(20) {
            return Err("not now".into());
        }
        self.met.lock().unwrap().insert(recorded.position.get());
        self.slow.pass().await;
        Ok(())
    }

    fn options(&self) -> Options {
        let pause = Duration::from_millis(20);
        let retry = RetryPolicy::default().with_retries(1_000).with_first_pause(pause);
        Options::new()
            .with_partitions(NonZeroU16::new(2).unwrap())
            .with_retry(retry.with_longest_pause(pause))
    }
}

async fn a_life(seed: u64) {
    let (store, mut random) = (MemoryStore::new(), Rng::with_seed(seed));
    let met = Arc::new(Mutex::new(BTreeSet::new()));
    let way = Arc::new(AtomicU64::new([5, 40, 150, 250][random.usize(..4)]));
    let loses = Arc::new(AtomicBool::new(random.bool()));
    let over = Instant::now() + Duration::from_secs(60);
    let writer = tokio::spawn({
        let (store, mut random) = (store.clone(), random.fork());
        async move {
            for _ in 0..400 {
                deposit(&store, &format!("a{}", random.u8(..40)), 1).await;
                if random.u8(..4) == 0 {
                    sleep(Duration::from_millis(random.u64(..300))).await;
                }
            }
        }
    });
    let mut processes = Vec::new();
    for _ in 0..2 {
        let (store, met) = (store.clone(), Arc::clone(&met));
        let (way, loses) = (Arc::clone(&way), Arc::clone(&loses));
        let mut random = random.fork();
        processes.push(tokio::spawn(async move {
            let mut kept = Vec::new();
            while Instant::now() < over {
                let (health, is) = watch::channel(Health::Well);
                let (way, loses) = (Arc::clone(&way), Arc::clone(&loses));
                let random_of = Arc::new(Mutex::new(random.fork()));
                let slow = Slow { store: store.clone(), random: random_of, health: is, way, loses };
                let listen = Listen { slow: slow.clone(), met: Arc::clone(&met) };
                let started = Followers::new(slow)
                    .reactor(listen, annals::Start::Beginning)
                    .with_lease(LEASE)
                    .start();
                let Ok(running) = started.await else { continue };
                for _ in 0..random.u8(1..5) {
                    sleep(Duration::from_millis(random.u64(100..3_000))).await;
                    health.send_replace(Health::Frozen);
                    sleep(Duration::from_millis(random.u64(..2_500))).await;
                    health.send_replace(Health::Well);
                }
                sleep(Duration::from_millis(random.u64(..3_000))).await;
                match random.u8(..3) {
                    0 => {
                        running.shutdown().await;
                    }
                    1 => drop(running),
                    _ => {
                        health.send_replace(Health::Dead);
                        std::mem::forget(running);
                    }
                }
                kept.push(health);
            }
            kept
        }));
    }
    writer.await.unwrap();
    let mut kept = Vec::new();
    for process in processes {
        kept.push(process.await.unwrap());
    }
    way.store(0, Ordering::Relaxed);
    loses.store(false, Ordering::Relaxed);
    let (health, is) = watch::channel(Health::Well);
    let random = Arc::new(Mutex::new(random));
    let slow = Slow { store: store.clone(), random, health: is, way, loses };
    let listen = Listen { slow: slow.clone(), met: Arc::clone(&met) };
    let last = Followers::new(slow).reactor(listen, annals::Start::Beginning);
    let last = last.with_lease(LEASE).start().await.unwrap();
    let head = store.head().await.unwrap();
    last.wait_for("listen", head, Duration::from_secs(600)).await.unwrap();
    let met = met.lock().unwrap().clone();
    let lost: Vec<_> = (1..=head.get()).filter(|at| !met.contains(at)).collect();
    assert!(lost.is_empty(), "seed {seed}: no reactor was given {lost:?}");
    last.shutdown().await;
    drop((health, kept));
}

/// `SEEDS=1000` tries more of them.
#[test]
fn every_event_reaches_a_reactor() {
    let seeds = std::env::var("SEEDS").map_or(10, |seeds| seeds.parse().unwrap());
    for _ in 0..seeds {
        let seed = fastrand::u64(..);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(a_life(seed));
        runtime.shutdown_background();
    }
}
