//! When those who follow are given what was appended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use annals::{EventData, EventStore, EventStoreExt, ExpectedVersion::Any, Position, TryStreamExt};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    asking::{append, events, to},
    fresh::{beside, builder, connection, fresh_store, run, url},
};

/// How many appends may be answered before the first is handed on.
const FEW: usize = 1_000;

/// Each append of the process has the end of the stream looked at, and most find a neighbour that is still on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_that_stays_holds_nobody_back_however_much_is_appended() {
    // What is heard from other processes would have the end looked at, too.
    let store = builder().with_notifications(false).connect(&url()).await.unwrap();
    store.migrate().await.unwrap();
    append(&store, to("test-a", Any, events(1))).await;
    let mut following = store.follow::<EventData>(Position::START);
    following.try_next().await.unwrap().unwrap();
    let take = "SELECT nextval('$schema.positions')";
    run(&mut connection().await, &store, take).await.unwrap();

    let (mut appends, appended) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for nth in 0..8 {
        let (store, appended) = (store.clone(), Arc::clone(&appended));
        appends.spawn(async move {
            loop {
                append(&store, to(&format!("test-{nth}"), Any, events(1))).await;
                appended.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let first = following.try_next().await.unwrap().unwrap();
    let appended = appended.load(Ordering::Relaxed);
    assert_eq!(first.position.get(), 3);
    assert!(appended <= FEW, "{appended} were appended before one was handed on");
}

/// A transaction of the user's does not say when it has ended. Whoever follows looks again soon, even if the process has said
/// meanwhile that another append has ended, which was known already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_appended_in_a_transaction_is_handed_on_soon_after_its_commit() {
    let store = fresh_store().await;
    let known = to("test-a", Any, events(1));
    append(&store, known.clone()).await;
    let mut following = store.follow::<EventData>(Position::START);
    following.try_next().await.unwrap().unwrap();
    let mut took = Vec::new();
    for nth in 0..5 {
        let mut transaction = store.pool().begin().await.unwrap();
        let open = to(&format!("test-b{nth}"), Any, events(1));
        store.append_in(&mut transaction, vec![open]).await.unwrap();
        for _ in 0..20 {
            append(&store, known.clone()).await;
        }
        transaction.commit().await.unwrap();
        let committed = Instant::now();
        following.try_next().await.unwrap().unwrap();
        took.push(committed.elapsed());
    }
    took.sort_unstable();
    // Without that, it would be when the stream is polled, twice in a second.
    assert!(took[2] < Duration::from_millis(250), "{took:?}");
}

/// What was rolled back before a declaration that lasts is no gap: the mark says that nothing can appear there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_that_lasts_hides_nothing_that_follows_what_was_rolled_back() {
    let store = fresh_store().await;
    append(&store, to("test-a", Any, events(1))).await;
    let mut writer = connection().await;
    let declare = "SELECT nextval('$schema.positions');
        BEGIN; SELECT pg_advisory_xact_lock_shared('$schema'::regnamespace::oid::integer, 2)";
    run(&mut writer, &store, declare).await.unwrap();
    append(&store, to("test-a", Any, events(2))).await;
    let other = beside(&store).await;
    let head = timeout(Duration::from_secs(20), other.wait_for_head(Position::new(1))).await;
    assert_eq!(head.unwrap().unwrap(), Position::new(4));
}

/// A writer has declared, and takes its time before it takes a position. A process that appends nothing, and so learns from the
/// mark alone, is told as much as the one that appends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_that_lasts_hides_nothing_that_follows_without_a_gap() {
    let store = fresh_store().await;
    append(&store, to("test-a", Any, events(1))).await;
    let mut writer = connection().await;
    let declare =
        "BEGIN; SELECT pg_advisory_xact_lock_shared('$schema'::regnamespace::oid::integer, 1)";
    run(&mut writer, &store, declare).await.unwrap();
    append(&store, to("test-a", Any, events(2))).await;
    let other = beside(&store).await;
    let head = timeout(Duration::from_secs(20), other.wait_for_head(Position::new(1))).await;
    assert_eq!(head.unwrap().unwrap(), Position::new(3));
    assert_eq!(other.head().await.unwrap(), Position::new(3));
}
