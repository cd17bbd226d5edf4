//! What an engine costs that has nothing to do. Time is tokio's, and jumps.

use std::time::Duration;

use annals::{Followers, MemoryStore};
use tokio::time::sleep;

use crate::{
    ledger::{Balance, Behaviour, LONG, deposit, foreign},
    members::Divided,
    shaky::Shaky,
    stores::TestStore,
};

#[tokio::test(start_paused = true)]
async fn it_sends_a_beat_each_tenth_of_the_lease_and_nothing_else() {
    let store = MemoryStore::new();
    let counting = Shaky::steady(store.clone());
    let running = Followers::new(counting.clone())
        .read_model::<Balance>()
        .read_model::<Divided>()
        .projection(MemoryStore::journal(Behaviour::default()))
        .with_lease(Duration::from_secs(10))
        .start()
        .await
        .unwrap();
    let at = deposit(&store, "a", 1).await;
    for name in ["balances", "divided", "journal"] {
        running.wait_for(name, at, LONG).await.unwrap();
    }
    counting.calls();

    // Events that concern nobody are looked at, and nothing is written.
    let at = foreign(&store).await;
    for name in ["balances", "divided", "journal"] {
        running.wait_for(name, at, LONG).await.unwrap();
    }
    let calls = counting.calls();
    assert!(!calls.contains_key("commit") && !calls.contains_key("note"), "{calls:?}");

    // Another process, which does not run it, learns that as well.
    let elsewhere = annals::Reader::<Balance, _>::new(store.clone());
    elsewhere.wait_for(at, Duration::from_millis(1)).await.unwrap();

    sleep(Duration::from_secs(10)).await;
    counting.calls();
    sleep(Duration::from_secs(100)).await;
    let calls = counting.calls();
    let beats = calls["books"];
    assert!((99..=101).contains(&beats), "{calls:?}");
    assert_eq!(calls.len(), 1, "{calls:?}");
    running.shutdown().await;
}
