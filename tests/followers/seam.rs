//! Catching up turns live at some moment, among writers who never pause: no gap, nothing twice. Many followers at once, each
//! with batches of its own size, begun at a moment of its own; and begun again in another process, one append behind.

use std::sync::Arc;

use annals::{
    Batch, EventStore, EventStoreExt, ExpectedVersion, Followers, HandlerError, MemoryStore,
    NewEvent, Options, Position, Projection, Recorded, StreamAppend, Tables, TryStreamExt,
};
use async_trait::async_trait;
use fastrand::Rng;
use tokio::{
    sync::{Barrier, watch},
    task::JoinSet,
};

use crate::{
    ledger::{LONG, Moved},
    stores::TestStore,
};

const FOLLOWERS: usize = 10;
/// Each follower begins twice, so a thousand times in all.
const RUNS: usize = 1_000 / FOLLOWERS / 2;
const AT_ONCE: usize = 2;
const WRITERS: usize = 3;

/// The positions that it was given, in order.
struct Seam<const N: usize> {
    batch: usize,
}

#[async_trait]
pub(crate) trait SeamStore: TestStore {
    /// Another one, with nothing in it.
    async fn fresh(&self) -> Self;

    /// The same, as another process has it.
    async fn again(&self) -> Self;

    /// Adds the follower number `nth`, with batches of at most `batch` events.
    fn with_seam(followers: Followers<Self>, nth: usize, batch: usize) -> Followers<Self>;

    /// What that follower was given.
    async fn given(&self, nth: usize) -> Vec<u64>;
}

/// All followers by their number.
macro_rules! seams {
    ($($n:literal)+) => {
        const NAMES: [&str; FOLLOWERS] = [$(concat!("seam_", $n)),+];

        #[async_trait]
        impl SeamStore for MemoryStore {
            async fn fresh(&self) -> Self {
                Self::new()
            }

            async fn again(&self) -> Self {
                self.clone()
            }

            fn with_seam(followers: Followers<Self>, nth: usize, batch: usize) -> Followers<Self> {
                match nth {
                    $($n => followers.projection(Seam::<$n> { batch }),)+
                    _ => panic!("there is no follower {nth}"),
                }
            }

            async fn given(&self, nth: usize) -> Vec<u64> {
                self.table_of::<Given>(NAMES[nth]).0
            }
        }

        #[cfg(feature = "postgres")]
        #[async_trait]
        impl SeamStore for annals::PostgresStore {
            async fn fresh(&self) -> Self {
                crate::postgres::hasty_store().await
            }

            async fn again(&self) -> Self {
                crate::postgres::hasty_beside(self).await
            }

            fn with_seam(followers: Followers<Self>, nth: usize, batch: usize) -> Followers<Self> {
                match nth {
                    $($n => followers.projection(Seam::<$n> { batch }),)+
                    _ => panic!("there is no follower {nth}"),
                }
            }

            async fn given(&self, nth: usize) -> Vec<u64> {
                let sql = format!("SELECT position FROM \"{}_read\".{} ORDER BY nth", self.schema(), NAMES[nth]);
                let given = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(self.pool()).await;
                given.unwrap().into_iter().map(i64::unsigned_abs).collect()
            }
        }
    };
}

seams!(0 1 2 3 4 5 6 7 8 9);

#[derive(Debug, Clone, Default, PartialEq)]
struct Given(Vec<u64>);

#[async_trait]
impl<const N: usize> Projection<Tables> for Seam<N> {
    const NAME: &'static str = NAMES[N];
    type Event = Moved;

    async fn create(&self, tables: &mut Tables) -> Result<(), HandlerError> {
        let _empty = tables.of_mut::<Given>();
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        tables: &mut Tables,
    ) -> Result<(), HandlerError> {
        tables.of_mut::<Given>().0.push(recorded.position.get());
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(self.batch)
    }
}

#[cfg(feature = "postgres")]
#[async_trait]
impl<const N: usize> Projection<sqlx::PgConnection> for Seam<N> {
    const NAME: &'static str = NAMES[N];
    type Event = Moved;

    async fn create(&self, db: &mut sqlx::PgConnection) -> Result<(), HandlerError> {
        let table = format!(
            "CREATE TABLE {} (nth bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, position bigint NOT NULL)",
            NAMES[N]
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        db: &mut sqlx::PgConnection,
    ) -> Result<(), HandlerError> {
        self.handle_batch(&Batch::new(std::slice::from_ref(recorded)), db).await
    }

    async fn handle_batch(
        &self,
        batch: &Batch<'_, Moved>,
        db: &mut sqlx::PgConnection,
    ) -> Result<(), HandlerError> {
        let insert = format!("INSERT INTO {} (position) SELECT unnest($1::bigint[])", NAMES[N]);
        let given: Vec<_> = batch.iter().map(|event| event.position.get().cast_signed()).collect();
        sqlx::query(sqlx::AssertSqlSafe(insert)).bind(given).execute(db).await?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(self.batch)
    }
}

pub(crate) async fn catching_up_turns_live_without_a_gap_or_a_double<S: SeamStore>(store: S) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let (mut random, mut runs) = (Rng::with_seed(seed), JoinSet::new());
    for nth in 0..RUNS {
        let (store, random) = (store.fresh().await, random.fork());
        runs.spawn(run(store, random));
        if nth >= AT_ONCE {
            runs.join_next().await.unwrap().unwrap();
        }
    }
    runs.join_all().await;
}

/// Some events are there before, some come while the followers begin, and the last ones when all have.
async fn run<S: SeamStore>(store: S, mut random: Rng) {
    let (before, each) = (random.usize(..20), random.usize(4..12));
    let (written, begun) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(0)));
    write(&store, before, &mut random, &written).await;
    let mut writers = JoinSet::new();
    let mut first = before;
    for _ in 0..WRITERS {
        let (store, mut random, written) = (store.clone(), random.fork(), Arc::clone(&written));
        let (last, mut begun) = (random.usize(1..=each), begun.subscribe());
        first += each - last;
        writers.spawn(async move {
            write(&store, each - last, &mut random, &written).await;
            begun.wait_for(|begun| *begun == FOLLOWERS).await.unwrap();
            write(&store, last, &mut random, &written).await;
        });
    }
    let (end, ended) = watch::channel(None);
    let (again, stopped) = (store.again().await, Arc::new(Barrier::new(FOLLOWERS)));
    let mut followers = JoinSet::new();
    for (nth, name) in NAMES.into_iter().enumerate() {
        let batch = random.usize(1..12);
        let mut moments = [random.usize(before..=first), random.usize(before..=first)];
        moments.sort_unstable();
        let (stores, written) = ([store.clone(), again.clone()], Arc::clone(&written));
        let stopped = Arc::clone(&stopped);
        let (mut random, begun, mut ended) = (random.fork(), Arc::clone(&begun), ended.clone());
        followers.spawn(async move {
            let ([store, again], [first, then]) = (stores, moments);
            let begin = async |store: &S| {
                let followers = S::with_seam(Followers::new(store.clone()), nth, batch);
                followers.start().await.unwrap()
            };
            let reached = async |appends| {
                written.subscribe().wait_for(|written| *written >= appends).await.unwrap();
            };
            reached(first).await;
            let running = begin(&store).await;
            reached(then).await;
            running.wait_for(name, store.head().await.unwrap(), LONG).await.unwrap();
            running.shutdown().await;
            if stopped.wait().await.is_leader() {
                write(&store, 1, &mut random, &written).await;
            }
            stopped.wait().await;
            let running = begin(&again).await;
            begun.send_modify(|begun| *begun += 1);
            let (head, positions): (Position, Vec<u64>) =
                ended.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            if let Err(error) = running.wait_for(name, head, LONG).await {
                panic!("{error}: {}", running.follower(name).status().await.unwrap());
            }
            assert_eq!(store.given(nth).await, positions, "{name}");
            running.shutdown().await;
        });
    }
    tokio::select! {
        _ = writers.join_all() => {}
        Some(ended) = followers.join_next() => ended.expect("nobody has come to the end yet"),
    }
    let deposits: Vec<Recorded<Moved>> =
        store.events_after(Position::START).try_collect().await.unwrap();
    let positions: Vec<_> = deposits.iter().map(|deposit| deposit.position.get()).collect();
    end.send_replace(Some((store.head().await.unwrap(), positions)));
    followers.join_all().await;
}

/// Appends so many times, one to three events each.
async fn write(
    store: &impl EventStore,
    appends: usize,
    random: &mut Rng,
    written: &watch::Sender<usize>,
) {
    for cents in 0..appends {
        let stream = format!("account-a{}", random.u8(..5)).parse().unwrap();
        let event = Moved::Deposited { cents: cents as i64 };
        let events = (0..random.usize(1..=3)).map(|_| NewEvent::encode(&event).unwrap());
        let append = StreamAppend::new(stream, ExpectedVersion::Any, events.collect());
        store.append_to_stream(append).await.unwrap();
        written.send_modify(|written| *written += 1);
        tokio::task::yield_now().await;
    }
}
