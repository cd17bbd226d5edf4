//! Rebuilds while orders keep coming, in processes that are killed: readers see the old build or the new one, and hardly
//! wait.

use std::time::{Duration, Instant, SystemTime};

use annals::{
    EventStore, FollowerStoreExt, PostgresStore,
    followers::{BuildId, Outcome},
};
use annals_test_server::Server;
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    ALONE, LONG,
    evidence::Process,
    migrated, random, reached,
    sales::{Answer, keep, look, order},
    server, status,
};

/// A shop with two processes that keep its sales, orders that keep coming, and somebody who looks at the sales all
/// the time.
struct Shop {
    server: Server,
    store: PostgresStore,
    processes: [(String, Process<()>); 2],
    over: watch::Sender<bool>,
    ordering: JoinHandle<u64>,
    looking: JoinHandle<Vec<Answer>>,
    opened: Instant,
}

impl Shop {
    async fn open(rate: u64) -> Self {
        let server = server();
        let store = migrated(&server.url()).await;
        let start = |number: usize| {
            let name = format!("process-{number}");
            let process = keep(&server.url(), &name);
            (name, process)
        };
        let processes = [start(0), start(1)];
        let ((over, is_over), opened) = (watch::channel(false), Instant::now());
        let ordering = tokio::spawn(order(store.clone(), rate, is_over.clone()));
        let started = async {
            while store.follower("sales").status().await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, started).await.expect("somebody should declare it");
        reached(&store, "sales", annals::Position::new(1)).await;
        let looking = tokio::spawn(look(server.url(), store.schema().into(), is_over));
        Self { server, store, processes, over, ordering, looking, opened }
    }

    /// Begins a rebuild.
    async fn rebuild(&self) -> BuildId {
        self.store.follower("sales").rebuild().await.unwrap();
        let status = status(&self.store, "sales").await;
        status.rebuild.map(|rebuild| rebuild.build).expect("it takes longer than that")
    }

    /// Waits until `build` serves, and answers since when.
    async fn swapped(&self, build: BuildId) -> SystemTime {
        let ended = async {
            loop {
                let status = status(&self.store, "sales").await;
                assert_eq!(status.last_failure, None, "{status}");
                match status.last_rebuild.filter(|last| last.build == Some(build)) {
                    Some(last) => break assert_eq!(last.outcome, Outcome::Swapped),
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(LONG, ended).await.expect("somebody should finish the rebuild");
        let (schema, pool) = (self.store.schema(), self.store.pool());
        let sql = format!("SELECT build, went_live_at FROM {schema}.builds WHERE is_live");
        let row = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(pool).await;
        let (live, since): (i64, DateTime<Utc>) = row.unwrap();
        assert_eq!(BuildId::new(live.unsigned_abs()), build);
        since.into()
    }

    /// Kills a process, and starts another in its place.
    fn kill(&mut self, number: usize, name: String) {
        let process = keep(&self.server.url(), &name);
        let (_, killed) = std::mem::replace(&mut self.processes[number], (name, process));
        drop(killed.kill());
    }

    /// Nothing is missing, nothing is twice. Answers how it went for the one who looked, and how many orders came a
    /// second.
    async fn close(self) -> (Vec<Answer>, f64) {
        let elapsed = self.opened.elapsed();
        self.over.send(true).unwrap();
        let orders = self.ordering.await.unwrap();
        let answers = self.looking.await.unwrap();
        reached(&self.store, "sales", self.store.head().await.unwrap()).await;
        let sql = format!("SELECT orders FROM {}_read.all_sales", self.store.schema());
        let all: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(self.store.pool()).await.unwrap();
        assert_eq!(all.unsigned_abs(), orders);
        (answers, orders as f64 / elapsed.as_secs_f64())
    }
}

const REBUILDS: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_one_build_or_the_other_at_2000_orders_a_second() {
    let _alone = ALONE.lock().await;
    let shop = Shop::open(2_000).await;
    let mut swaps = Vec::new();
    for _ in 0..REBUILDS {
        let build = shop.rebuild().await;
        swaps.push(shop.swapped(build).await);
    }
    let (answers, rate) = shop.close().await;
    let near = Duration::from_millis(100);
    let longest = |swap: &SystemTime| {
        let met =
            answers.iter().filter(|(at, took)| *at + near >= *swap && *at - *took <= *swap + near);
        met.map(|(_, took)| *took).max().unwrap()
    };
    let mut pauses: Vec<_> = swaps.iter().map(longest).collect();
    pauses.sort_unstable();
    let mut all: Vec<_> = answers.iter().map(|(_, took)| *took).collect();
    all.sort_unstable();
    println!(
        "{REBUILDS} swaps at {rate:.0} orders/s among {} reads (median {:?}, longest {:?}); the longest within \
         {near:?} of each swap: {pauses:?}",
        all.len(),
        all[all.len() / 2],
        all[all.len() - 1],
    );
    // At the median, since whatever else the machine does makes some read wait.
    assert!(pauses[REBUILDS / 2] < Duration::from_millis(50), "{pauses:?}");
}

const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_killed_leaves_the_old_build_and_is_finished_by_another_process() {
    let _alone = ALONE.lock().await;
    let mut random = random();
    let mut shop = Shop::open(300).await;
    let mut whole = LONG;
    for _ in 0..3 {
        let began = Instant::now();
        let build = shop.rebuild().await;
        shop.swapped(build).await;
        whole = whole.min(began.elapsed());
    }
    let began = Instant::now();
    let mut before_the_swap = 0;
    for kill in 0..KILLS {
        let build = shop.rebuild().await;
        // The moment is random; nothing depends on which it is.
        tokio::time::sleep(whole.mul_f64(random.f64() * 1.2)).await;
        let status = status(&shop.store, "sales").await;
        let owners = status.rebuild.as_ref().map_or(&status.owners, |rebuild| &rebuild.owners);
        let is_owner = |(name, _): &(String, Process<()>)| owners.contains(name);
        let number = shop.processes.iter().position(is_owner).unwrap_or(kill % 2);
        before_the_swap += usize::from(status.rebuild.is_some());
        shop.kill(number, format!("process-{}", kill + 2));
        shop.swapped(build).await;
    }
    let (answers, rate) = shop.close().await;
    println!(
        "{KILLS} kills amid rebuilds of {whole:?}, {before_the_swap} of them before the swap, at {rate:.0} orders/s and \
         {} reads, in {:?}",
        answers.len(),
        began.elapsed()
    );
    assert!(before_the_swap > KILLS / 4, "{before_the_swap}");
}
