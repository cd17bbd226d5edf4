//! A follower is divided anew while it runs: nothing twice, nothing missed, order kept.

use std::{collections::BTreeMap, num::NonZeroU16};

use annals::{CommandRefused, Followers, Query, followers::Follower};

use crate::{
    ledger::{Balance, Behaviour, LONG, deposit, fold},
    stores::TestStore,
};

async fn divide<S: TestStore>(follower: &Follower<S>, parts: u16) {
    loop {
        match follower.repartition(NonZeroU16::new(parts).unwrap()).await {
            Ok(()) => return,
            Err(CommandRefused::Settling { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

pub(crate) async fn a_read_model_is_divided_anew_while_events_come<S: TestStore>(store: S) {
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let follower = running.follower("balances");
    let mut number = 0;
    for parts in [3, 1, 7, 2] {
        for _ in 0..25 {
            deposit(&store, &format!("a{}", number % 11), number).await;
            number += 1;
        }
        if parts < 4 {
            // Then one more, which moves the checkpoint of one part only: the next division must tell them apart.
            let head = store.head().await.unwrap();
            running.wait_for("balances", head, LONG).await.unwrap();
            let one = deposit(&store, "a1", 1).await;
            running.wait_for("balances", one, LONG).await.unwrap();
        }
        divide(&follower, parts).await;
    }
    let head = deposit(&store, "a0", 1).await;
    running.wait_for("balances", head, LONG).await.unwrap();
    assert_eq!(follower.status().await.unwrap().parts.len(), 2);
    let rows = running.reader::<Balance>().list(Query::all()).await.unwrap().rows;
    assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), fold(&store).await);
    running.shutdown().await;
}

pub(crate) async fn a_projection_is_divided_by_stream<S: TestStore>(store: S) {
    let running = Followers::new(store.clone())
        .projection(S::journal(Behaviour::default()))
        .start()
        .await
        .unwrap();
    let follower = running.follower("journal");
    let mut number = 0;
    for parts in [4, 2, 5] {
        for _ in 0..25 {
            deposit(&store, &format!("a{}", number % 11), number).await;
            number += 1;
        }
        if parts < 4 {
            // Then one more, which moves the checkpoint of one part only: the next division must tell them apart.
            let head = store.head().await.unwrap();
            running.wait_for("journal", head, LONG).await.unwrap();
            let one = deposit(&store, "a1", 1).await;
            running.wait_for("journal", one, LONG).await.unwrap();
        }
        divide(&follower, parts).await;
    }
    let head = store.head().await.unwrap();
    running.wait_for("journal", head, LONG).await.unwrap();
    let mut entries = store.journalled().await;
    let mut of_each = BTreeMap::<String, Vec<u64>>::new();
    for (account, at) in &entries {
        of_each.entry(account.clone()).or_default().push(*at);
    }
    for (account, positions) in of_each {
        assert!(positions.is_sorted(), "{account}: {positions:?}");
    }
    entries.sort_by_key(|(_, at)| *at);
    let positions: Vec<_> = entries.into_iter().map(|(_, at)| at).collect();
    assert_eq!(positions, (1..=head.get()).collect::<Vec<_>>());
    running.shutdown().await;
}
