//! A large append among small ones.

use std::time::{Duration, Instant};

use annals::{EventStoreExt, ExpectedVersion, Version};
use tokio::{sync::watch, task::JoinSet};

use crate::{append, evidence::History, migrated, server};

const LARGE: usize = 10_000;
const SMALL: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_append_does_not_stall_small_ones() {
    let server = server();
    let store = migrated(&server.url()).await;
    let (over, is_over) = watch::channel(false);
    let mut small = JoinSet::new();
    for n in 0..SMALL {
        let (store, is_over) = (store.clone(), is_over.clone());
        small.spawn(async move {
            let (mut count, mut longest) = (0, Duration::ZERO);
            while !*is_over.borrow() {
                let begin = Instant::now();
                let append = append(format!("small-{n}"), ExpectedVersion::Any, 1);
                store.append_to_stream(append).await.unwrap();
                longest = longest.max(begin.elapsed());
                count += 1;
            }
            (count, longest)
        });
    }
    let large = append("large", ExpectedVersion::NoStream, LARGE);
    let begin = Instant::now();
    let answer = store.append_to_stream(large).await.unwrap();
    let took = begin.elapsed();
    over.send(true).unwrap();
    let small = small.join_all().await;
    let count: usize = small.iter().map(|(count, _)| count).sum();
    let longest = small.iter().map(|(_, longest)| *longest).max().unwrap();
    println!(
        "{LARGE} events took {took:?}, {count} small appends meanwhile {longest:?} at the most"
    );
    assert_eq!(answer.version, Version::new(LARGE as u64));
    assert_eq!(History::read(&store).await.order().len(), LARGE + count);
    assert!(longest < took, "{longest:?} against {took:?}");
    assert!(count > 10 * SMALL, "{count}");
}
