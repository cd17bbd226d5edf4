//! A pool whose connections are all in use.

use std::time::{Duration, Instant};

use annals::{EventData, EventStoreExt, ExpectedVersion::Any, Position, TryStreamExt};

use crate::{
    asking::{append, events, read, to},
    fresh::{builder, url},
};

/// Appends and reads take turns on what other parts of the store and two handlers leave of the smallest pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_connection_that_has_nothing_to_do() {
    const ROUNDS: usize = 11;
    let store = builder().with_max_connections(5).connect(&url()).await.unwrap();
    store.migrate().await.unwrap();
    append(&store, to("order-a", Any, events(1))).await;
    let mut followed = store.follow::<EventData>(Position::START);
    followed.try_next().await.unwrap();
    let following = tokio::spawn(async move { while followed.try_next().await.is_ok() {} });
    let handlers = [store.pool().acquire().await.unwrap(), store.pool().acquire().await.unwrap()];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        append(&store, to("order-a", Any, events(1))).await;
        read(&store, "order-a").await;
        rounds.push(began.elapsed());
    }
    rounds.sort_unstable();
    // Otherwise whoever notifies keeps its connection for a second, and an idle lane for 200 ms.
    assert!(rounds[ROUNDS / 2] < Duration::from_millis(150), "{rounds:?}");
    following.abort();
    drop(handlers);
}
