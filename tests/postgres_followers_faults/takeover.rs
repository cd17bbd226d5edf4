//! The process that runs a follower is killed, or frozen wherever it is: another goes on within the lease, and one that is
//! thawed commits nothing.

use std::{collections::BTreeSet, time::Instant};

use annals::{EventStoreExt, Position, PostgresStore, Query, Reader, Recorded, TryStreamExt};

use crate::{
    ALONE,
    accounts::{Account, Moved, Tally},
    letters::met,
    orders::Ordered,
    place::{Ended, Place, Word},
    random,
    trio::{LEASE, Trio},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_goes_on_when_the_one_that_follows_is_killed() {
    let _alone = ALONE.lock().await;
    let mut trio = Trio::start("journal", Place::Anywhere).await;
    let owner = at_a_random_moment(&trio).await;
    let (before, gone) = (trio.books().await.unwrap(), Instant::now());
    drop(trio.processes[owner].take().unwrap().kill());
    let to = trio.taken_over(before, gone).await;
    trio.end(owner).await;
    each_once_and_nothing_after(&trio, owner, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_goes_on_when_the_one_that_follows_is_frozen() {
    let _alone = ALONE.lock().await;
    let mut trio = Trio::start("journal", Place::Anywhere).await;
    let owner = at_a_random_moment(&trio).await;
    let (before, gone) = (trio.books().await.unwrap(), Instant::now());
    trio.process(owner).freeze();
    let to = trio.taken_over(before, gone).await;
    thaw(&trio, owner).await;
    trio.end(owner).await;
    each_once_and_nothing_after(&trio, owner, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_before_its_step_it_is_fenced() {
    let (trio, owner, to, ended) = frozen("journal", Place::BeforeStep).await;
    assert_eq!(ended, Ended::Fenced);
    each_once_and_nothing_after(&trio, owner, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_in_its_handler_it_has_lost_its_transaction() {
    let (trio, owner, to, ended) = frozen("journal", Place::InHandler).await;
    assert!(matches!(ended, Ended::Failed(_)), "{ended:?}");
    each_once_and_nothing_after(&trio, owner, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_before_it_commits_it_has_lost_its_transaction() {
    let (trio, owner, to, ended) = frozen("journal", Place::BeforeCommit).await;
    assert!(matches!(ended, Ended::Failed(_)), "{ended:?}");
    each_once_and_nothing_after(&trio, owner, to).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_that_is_frozen_before_its_step_is_fenced() {
    let (trio, _, _, ended) = frozen("accounts", Place::BeforeStep).await;
    assert_eq!(ended, Ended::Fenced);
    let reader = Reader::<Account, _>::new(trio.store.clone());
    let mut tally = Tally::default();
    for deposit in all::<Moved>(&trio.store).await {
        tally.add(&deposit);
    }
    let rows = reader.list(Query::all()).await.unwrap().rows;
    assert_eq!(rows, [("one".to_owned(), Account(tally))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_frozen_reactor_did_comes_again_under_the_same_ids() {
    let (trio, owner, _, ended) = frozen("write_letters", Place::BeforeStep).await;
    assert_eq!(ended, Ended::Fenced);
    let met = met(&trio.met());
    let once: BTreeSet<_> = met.iter().map(|met| (met.position, met.id)).collect();
    let placed = all::<Ordered>(&trio.store).await;
    let placed = placed.iter().map(|order| (order.position.get(), order.id));
    assert!(once.iter().copied().eq(placed));
    let frozen = format!("process-{owner}");
    let others = met.iter().filter(|met| met.by != frozen).map(|met| met.position).min().unwrap();
    let in_vain = met.iter().filter(|met| met.by == frozen && met.position >= others);
    assert_eq!(
        met.len() - once.len(),
        in_vain.count(),
        "what came again is what was not committed"
    );
    assert!(met.len() > once.len());
}

/// Freezes the process that runs `follower` at `place`, and thaws it when another has gone on. Answers which it was,
/// how far its checkpoint was, and how its step ended.
async fn frozen(follower: &'static str, place: Place) -> (Trio, usize, i64, Ended) {
    let _alone = ALONE.lock().await;
    let mut trio = Trio::start(follower, place).await;
    let owner = at_a_random_moment(&trio).await;
    while trio.process(owner).heard().is_some() {}
    trio.set_trap();
    while !matches!(trio.process(owner).hear(), Word::Freezing {}) {}
    let (before, gone) = (trio.books().await.unwrap(), Instant::now());
    let to = trio.taken_over(before, gone).await;
    thaw(&trio, owner).await;
    let Word::Step { ended, .. } = trio.process(owner).hear() else { panic!("it froze twice") };
    let rest = trio.end(owner).await;
    // Its part is another's by now, and nobody gives it back.
    let committed = |word: &Word| matches!(word, Word::Step { ended: Ended::Committed, .. });
    assert!(!rest.iter().any(committed), "{rest:?}");
    (trio, owner, to, ended)
}

/// Which process runs the follower, at a moment on which nothing depends.
async fn at_a_random_moment(trio: &Trio) -> usize {
    let owner = trio.owner().await;
    tokio::time::sleep(LEASE.mul_f64(random().f64() / 4.0)).await;
    owner
}

/// Lets the process go on, and the others as well, for as long as it takes it to try something.
async fn thaw(trio: &Trio, frozen: usize) {
    trio.thaw(frozen);
    let books = trio.books().await.unwrap();
    trio.until(|now| now.position > books.position + 300).await;
}

/// All positions are there once, in order: first those of the process `before`, up to `to` at the most, then those of others.
async fn each_once_and_nothing_after(trio: &Trio, before: usize, to: i64) {
    let journal = trio.journal().await;
    let deposits = all::<Moved>(&trio.store).await;
    let positions = deposits.iter().map(|deposit| deposit.position.get().cast_signed());
    assert!(journal.iter().map(|(position, _)| *position).eq(positions), "{journal:?}");
    let before = format!("process-{before}");
    let (first, rest) = journal.split_at(journal.partition_point(|(_, by)| *by == before));
    assert!(rest.iter().all(|(_, by)| *by != before), "{journal:?}");
    let last = first.last();
    assert!(last.is_none_or(|(position, _)| *position <= to), "{last:?}, taken over at {to}");
}

async fn all<E: annals::Event>(store: &PostgresStore) -> Vec<Recorded<E>> {
    store.events_after(Position::START).try_collect().await.unwrap()
}
