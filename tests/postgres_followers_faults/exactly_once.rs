//! `kill -9` of the process that follows, and of the server, while many write: what is followed equals what the log says.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use annals::{
    EventData, EventId, EventStore, EventStoreExt, Followers, Position, PostgresStore, Query,
    ReadModel, Reader, Recorded, Start, TryStreamExt,
};
use sqlx::{AssertSqlSafe, Row};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    ALONE, LONG,
    accounts::{Account, Ledger, Moved, PARTS, Region, Tally},
    evidence::{History, Process, until_told_to_end},
    letters::{Letter, Write, met},
    migrated,
    orders::Ordered,
    random, reached, server,
    writers::{EVENTS, Writer},
};

const FOLLOWERS: [&str; 4] = ["accounts", "regions", "ledger", "write_letters"];
const WRITERS: u64 = 16;
const APPENDS: u64 = 250; // of each writer, so 200,000 events in all
const KILLS_OF_THE_PROCESS: usize = 30;
const KILLS_OF_THE_SERVER: usize = 10;
const LEASE: Duration = Duration::from_millis(300);
/// A process is killed so long at the most after it has got on with the follower that is meant, or has begun.
const MOMENT: Duration = Duration::from_millis(800);

const SERVER: &str = "ANNALS_TEST_FOLLOWING_SERVER";
const NAME: &str = "ANNALS_TEST_FOLLOWING_NAME";
const MET: &str = "ANNALS_TEST_FOLLOWING_MET";

/// Runs followers of all kinds, until it is killed or told to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that the test of killed processes starts"]
async fn process() {
    let mut is_over = until_told_to_end();
    let server = env::var(SERVER).expect("only the test of killed processes starts this");
    let (name, file) = (env::var(NAME).unwrap(), env::var(MET).unwrap());
    let running = loop {
        // The server may be down at any moment.
        let begin = async || -> Result<_, Box<dyn std::error::Error>> {
            let store = PostgresStore::builder().with_max_connections(20);
            let store = store.connect(&server).await?;
            let write = Write::new(store.clone(), Path::new(&file), name.clone(), PARTS);
            let followers = Followers::new(store)
                .read_model::<Account>()
                .read_model::<Region>()
                .projection(Ledger)
                .reactor(write, Start::Beginning);
            Ok(followers.with_name(&name).with_lease(LEASE).start().await?)
        };
        match begin().await {
            Ok(running) => break running,
            Err(error) => eprintln!("{name} begins again: {error}"),
        }
        if *is_over.borrow() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    };
    is_over.wait_for(|is_over| *is_over).await.unwrap();
    running.shutdown().await;
}

fn follow(server: &str, met: &Path, number: usize) -> Process<()> {
    let name = format!("process-{number}");
    let environment = [(SERVER, server), (NAME, &*name), (MET, met.to_str().unwrap())];
    Process::start("exactly_once::process", &environment)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_takes_effect_once_whatever_is_killed() {
    let _alone = ALONE.lock().await;
    let began = Instant::now();
    let mut random = random();
    let mut server = server();
    let store = migrated(&server.url()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("met");

    let (budget, mut writers) = (Arc::new(Semaphore::new(0)), JoinSet::new());
    let (tell, mut told) = mpsc::unbounded_channel();
    for number in 0..WRITERS {
        let writer = Writer { store: store.clone(), number, random: random.fork() };
        let (budget, tell) = (Arc::clone(&budget), tell.clone());
        writers.spawn(async move { writer.run(APPENDS, &budget, tell).await });
    }
    drop(tell);

    let kills = KILLS_OF_THE_PROCESS + KILLS_OF_THE_SERVER;
    let mut is_of_the_server: Vec<_> = (0..kills).map(|kill| kill < KILLS_OF_THE_SERVER).collect();
    random.shuffle(&mut is_of_the_server);
    let each = usize::try_from(WRITERS * APPENDS).unwrap() / kills;
    let mut process = follow(&server.url(), &file, 0);
    let mut amid_work = 0;
    for (kill, is_of_the_server) in is_of_the_server.into_iter().enumerate() {
        // Some do not get that far; most are amid the work of each kind.
        match FOLLOWERS.get(random.usize(..=FOLLOWERS.len())) {
            Some(follower) => {
                let before = handled(&store, follower).await;
                budget.add_permits(each);
                gets_on(&store, follower, before).await;
            }
            None => budget.add_permits(each),
        }
        // The moment is random; nothing depends on which it is.
        sleep(MOMENT.mul_f64(random.f64())).await;
        if is_of_the_server {
            server = spawn_blocking(|| {
                server.kill().unwrap();
                server.restart().unwrap();
                server
            })
            .await
            .unwrap();
        } else {
            drop(process.kill());
            amid_work += usize::from(is_behind(&store).await);
            process = follow(&server.url(), &file, kill + 1);
        }
    }
    let mut acknowledged = Vec::new();
    while let Some(appends) = told.recv().await {
        acknowledged.extend(appends);
    }
    let lost: u64 = writers.join_all().await.into_iter().sum();
    let written = began.elapsed();
    let behind = reached(&store, "accounts", Position::START).await;
    let head = store.head().await.unwrap();
    for follower in FOLLOWERS {
        let status = reached(&store, follower, head).await;
        assert_eq!((status.parked, &status.last_failure), (0, &None), "{status}");
    }
    process.end();

    let (history, log) = read(&store).await;
    history.holds(&acknowledged);
    assert_eq!(log.deposits.len() + log.orders.len(), (WRITERS * APPENDS) as usize * EVENTS);
    log.equals_read_models(&store).await;
    log.equals_the_ledger(&store).await;
    let twice = log.equals_what_was_met(&file);
    println!(
        "{KILLS_OF_THE_PROCESS} kills of the process ({amid_work} of them amid its work) and {KILLS_OF_THE_SERVER} of the \
         server, which writers noticed {lost} times; {} orders were met, {twice} of them again; written in {written:?}, \
         with accounts at {} then, all in {:?}",
        log.orders.len(),
        behind.position,
        began.elapsed(),
    );
    assert!(amid_work > KILLS_OF_THE_PROCESS / 2, "only {amid_work} met it at work");
    assert!(twice > 0, "no kill met a reaction under way");
}

/// How many events the follower has handled.
async fn handled(store: &PostgresStore, follower: &str) -> i64 {
    let parts = "SELECT coalesce(sum(p.events), 0)::bigint FROM annals.parts p JOIN annals.builds b USING (build)
                 WHERE b.follower = $1";
    loop {
        // The first answer on a connection may be that it was lost with the server.
        if let Ok(events) = sqlx::query_scalar(parts).bind(follower).fetch_one(store.pool()).await {
            return events;
        }
    }
}

/// Waits until the follower has handled more than `before`.
async fn gets_on(store: &PostgresStore, follower: &str, before: i64) {
    let waiting = async {
        while handled(store, follower).await <= before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, waiting).await.expect("it should get on");
}

/// Whether there was something to do when the process was killed.
async fn is_behind(store: &PostgresStore) -> bool {
    let parts = "SELECT EXISTS (SELECT FROM annals.parts WHERE position < (SELECT max(position) FROM annals.events))";
    loop {
        if let Ok(is_behind) = sqlx::query_scalar(parts).fetch_one(store.pool()).await {
            return is_behind;
        }
    }
}

/// What there is to follow.
#[derive(Default)]
struct Log {
    deposits: Vec<Recorded<Moved>>,
    orders: Vec<Recorded<Ordered>>,
    letters: Vec<Recorded<Letter>>,
}

async fn read(store: &PostgresStore) -> (History, Log) {
    let (mut history, mut log) = (History::default(), Log::default());
    let mut events = store.events_after::<EventData>(Position::START);
    while let Some(event) = events.try_next().await.unwrap() {
        history.take(&event);
        match event.stream.category() {
            "account" => log.deposits.extend(event.decode().unwrap()),
            "order" => log.orders.extend(event.decode().unwrap()),
            _ => log.letters.extend(event.decode().unwrap()),
        }
    }
    (history, log)
}

/// All rows of a read model.
async fn rows<M: ReadModel<Key = String>>(store: &PostgresStore) -> BTreeMap<String, M> {
    let reader = Reader::<M, _>::new(store.clone());
    let (mut rows, mut query) = (BTreeMap::new(), Query::all().with_limit(1_000));
    loop {
        let page = reader.list(query.clone()).await.unwrap();
        rows.extend(page.rows);
        match page.next {
            Some(next) => query = query.after(next),
            None => return rows,
        }
    }
}

impl Log {
    fn tallies(&self, key: impl Fn(&Recorded<Moved>) -> String) -> BTreeMap<String, Tally> {
        let mut tallies = BTreeMap::<String, Tally>::new();
        for deposit in &self.deposits {
            tallies.entry(key(deposit)).or_default().add(deposit);
        }
        tallies
    }

    fn by_account(&self) -> BTreeMap<String, Tally> {
        self.tallies(|deposit| deposit.stream.entity_id().to_owned())
    }

    async fn equals_read_models(&self, store: &PostgresStore) {
        let accounts = rows::<Account>(store).await.into_iter().map(|(key, row)| (key, row.0));
        assert_eq!(accounts.collect::<BTreeMap<_, _>>(), self.by_account());
        let by_region = self.tallies(|deposit| {
            let Moved::Deposited { region, .. } = deposit.event;
            region.to_string()
        });
        let regions = rows::<Region>(store).await.into_iter().map(|(key, row)| (key, row.0));
        assert_eq!(regions.collect::<BTreeMap<_, _>>(), by_region);
    }

    async fn equals_the_ledger(&self, store: &PostgresStore) {
        let schema = store.schema();
        let sql =
            format!("SELECT account, events, cents::bigint, disorder FROM {schema}_read.ledger");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(store.pool()).await.unwrap();
        let row = |row: &sqlx::postgres::PgRow| -> (String, (i64, i64, i64)) {
            (row.get(0), (row.get(1), row.get(2), row.get(3)))
        };
        let by_account = self.by_account().into_iter();
        let expected = by_account.map(|(account, tally)| (account, (tally.events, tally.cents, 0)));
        let ledger: BTreeMap<_, _> = rows.iter().map(row).collect();
        assert_eq!(ledger, expected.collect::<BTreeMap<_, _>>());
        let sql = format!("SELECT events, cents::bigint FROM {schema}_read.volume");
        let volume: (i64, i64) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap();
        let sums = |sums: (i64, i64), (_, row): (&String, &(i64, i64, i64))| {
            (sums.0 + row.0, sums.1 + row.1)
        };
        assert_eq!(volume, ledger.iter().fold((0, 0), sums));
    }

    /// Answers how many orders the reactor was given again: each is known by its event's id, and by that alone.
    fn equals_what_was_met(&self, file: &Path) -> usize {
        let met = met(file);
        let once: BTreeSet<_> = met.iter().map(|met| (met.position, met.id, met.order)).collect();
        let placed = self.orders.iter().map(|order| {
            let Ordered::Placed { number, .. } = order.event;
            (order.position.get(), order.id, number)
        });
        assert!(
            once.iter().copied().eq(placed),
            "{} met, {} placed",
            once.len(),
            self.orders.len()
        );

        // One letter for each, caused by it.
        let letter = |letter: &Recorded<Letter>| {
            let Letter::Sent { order } = letter.event;
            (EventId::from(letter.metadata.causation_id.unwrap().as_uuid()), order)
        };
        let mut letters: Vec<_> = self.letters.iter().map(letter).collect();
        let mut expected: Vec<_> = once.iter().map(|(_, id, order)| (*id, *order)).collect();
        letters.sort_unstable();
        expected.sort_unstable();
        assert_eq!(letters, expected);
        met.len() - once.len()
    }
}
