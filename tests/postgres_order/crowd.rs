//! Many writers, in two processes, for a minute.

use std::{
    env,
    time::{Duration, SystemTime},
};

use annals::{EventStore, EventStoreExt, Position, PostgresStore, ReadAll, TryStreamExt};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    append,
    evidence::History,
    foreign::Foreign,
    is_sale, migrated, readers, server,
    writers::{self, Said},
};

/// For how long to write, in seconds; the environment may say something else.
const SECONDS: u64 = 60;
/// How long after the acknowledgement of an event readers may get it, at the most, on however busy a machine.
const BOUND: Duration = Duration::from_secs(10);

fn seconds() -> Duration {
    let seconds = env::var("ANNALS_TEST_SECONDS").ok().map(|seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(SECONDS))
}

/// Two processes of twelve writers, transactions that have nothing to do with events open all the while, and five
/// readers: nothing is missing, twice, or out of order, and nobody waits for those transactions. The fifth reader shows
/// that this is not by luck: it asks for whatever is after the last position it has seen, and loses events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_miss_nothing_while_two_processes_write() {
    let server = server();
    let (store, pool) = migrated(&server).await;
    let foreign = Foreign::open(&server).await;
    let last = append("end");
    let end = last.events[0].id;

    let (over, is_over) = watch::channel(false);
    let other = PostgresStore::connect(&server.url()).await.unwrap();
    let following = tokio::spawn(readers::following(store.clone(), end));
    let filtered = tokio::spawn(readers::filtered(store.clone(), end));
    let in_pages = tokio::spawn(readers::in_pages(other.clone(), end));
    let lagging = tokio::spawn(readers::lagging(other.clone(), end, is_over));
    let naive = tokio::spawn(readers::naive(pool.clone(), store.schema().to_owned(), end));

    let processes = ["one", "two"].map(|name| writers::start(&server.url(), name));
    sleep(seconds()).await; // the time to write, which nothing waits for
    let ends = processes.map(|process| tokio::task::spawn_blocking(|| process.end()));
    let (mut acknowledged, mut rolled_back) = (Vec::new(), Vec::new());
    for end in ends {
        for said in end.await.unwrap() {
            match said {
                Said::Acknowledged(appends) => acknowledged.extend(appends),
                Said::RolledBack(ids) => rolled_back.extend(ids),
            }
        }
    }
    over.send(true).unwrap();
    store.append_to_stream(last).await.unwrap();
    let written = SystemTime::now();

    let readers = async { (following.await, filtered.await, in_pages.await, lagging.await) };
    let readers = timeout(BOUND, readers).await.expect("readers wait for nobody");
    let (following, filtered) = (readers.0.unwrap(), readers.1.unwrap());
    let (in_pages, lagging) = (readers.2.unwrap(), readers.3.unwrap());
    let caught_up = written.elapsed().unwrap();
    let naive = naive.await.unwrap();
    let status = store.status().await.unwrap();
    assert_eq!((status.mark, status.held_by.len()), (status.last, 0), "{status}");
    foreign.commit(&pool).await;

    following.holds(&acknowledged);
    let ids = || acknowledged.iter().flat_map(|append| append.ids.iter().copied());
    following.is_exactly(ids().chain([end]));
    assert_eq!(following.order(), in_pages.order());
    assert_eq!(following.order(), lagging.order());
    let sales = store.read_all(ReadAll::after(Position::START));
    let sales = sales.try_filter(|event| std::future::ready(is_sale(&event.event)));
    let sales: Vec<_> =
        sales.map_ok(|event| (event.position, event.id)).try_collect().await.unwrap();
    assert_eq!(filtered, sales);
    assert_eq!(History::read(&store).await.order(), following.order());

    let delays = |history: &History| {
        let mut delays: Vec<_> = acknowledged
            .iter()
            .flat_map(|append| append.ids.iter().map(move |id| (append.ended, *id)))
            .map(|(ended, id)| history.given(id).duration_since(ended).unwrap_or_default())
            .collect();
        delays.sort_unstable();
        (delays[delays.len() / 2], delays[delays.len() - 1])
    };
    let (following_delays, page_delays) = (delays(&following), delays(&in_pages));
    assert!(following_delays.1 < BOUND && page_delays.1 < BOUND);
    let lost = following.order().iter().filter(|(_, id)| !naive.contains(id)).count();
    println!(
        "{} events in {} appends, {} events rolled back, {} positions; delay of the follower {following_delays:?}, of \
         pages {page_delays:?} (median, highest); all caught up {caught_up:?} after the last append; the naive reader \
         lost {lost}",
        following.order().len(),
        acknowledged.len(),
        rolled_back.len(),
        status.last,
    );
    assert!(rolled_back.len() > 1);
    assert!(lost > 0, "the naive reader should lose events, or this test proves nothing");
}
