//! Several processes: as many `Followers` on one store.

use std::{num::NonZeroU16, time::Duration};

use annals::{Followers, Options, Query, ReadModel, Recorded, Running};
use serde::{Deserialize, Serialize};

use crate::{
    ledger::{Balance, Behaviour, LONG, Moved, deposit, eventually, fold},
    stores::TestStore,
};

const LEASE: Duration = Duration::from_millis(300);

/// As [`Balance`], in four parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Divided(pub(crate) Balance);

impl ReadModel for Divided {
    const NAME: &'static str = "divided";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        Balance::keys(recorded)
    }

    fn apply(&mut self, key: &String, recorded: &Recorded<Moved>) {
        self.0.apply(key, recorded);
    }

    fn is_deleted(&self) -> bool {
        self.0.is_deleted()
    }

    fn options() -> Options {
        Options::new().with_partitions(NonZeroU16::new(4).unwrap())
    }
}

async fn member<S: TestStore>(store: &S, name: &str) -> Running<S> {
    let followers = Followers::new(store.clone())
        .read_model::<Divided>()
        .projection(S::journal(Behaviour::default()));
    followers.with_name(name).with_lease(LEASE).start().await.unwrap()
}

pub(crate) async fn two_members_share_the_parts_and_take_over_from_each_other<S: TestStore>(
    store: S,
) {
    let one = member(&store, "one").await;
    let owners = async |number: usize| {
        let status = one.follower("divided").status().await.unwrap();
        let counts = |name: &str| {
            let owned = status.parts.iter().filter(|part| part.owner.as_deref() == Some(name));
            owned.count()
        };
        counts("one") + counts("two") == 4 && counts("two") == number
    };
    eventually(async || owners(0).await).await;
    let two = member(&store, "two").await;
    eventually(async || owners(2).await || owners(1).await).await;
    for number in 0..60 {
        deposit(&store, &format!("a{}", number % 9), number).await;
    }
    let head = store.head().await.unwrap();
    for running in [&one, &two] {
        running.wait_for("divided", head, LONG).await.unwrap();
        running.wait_for("journal", head, LONG).await.unwrap();
    }
    two.shutdown().await;
    eventually(async || owners(0).await).await;
    check(&store, 60).await;
    one.shutdown().await;
}

async fn check<S: TestStore>(store: &S, events: u64) {
    let reader = annals::Reader::<Divided, S>::new(store.clone());
    let rows = reader.list(Query::all()).await.unwrap().rows.into_iter();
    let rows: Vec<_> = rows.map(|(key, row)| (key, row.0)).collect();
    assert_eq!(rows, fold(store).await.into_iter().collect::<Vec<_>>());
    let positions: Vec<_> = store.journalled().await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(positions, (1..=events).collect::<Vec<_>>());
}

pub(crate) async fn the_parts_of_a_member_that_dies_are_taken_over<S: TestStore>(store: S) {
    // Its tasks end wherever they are, and nobody gives anything back.
    let process = tokio::runtime::Runtime::new().unwrap();
    let dying = store.clone();
    let started = async move { member(&dying.beside().await, "one").await };
    let died = process.spawn(started).await.unwrap();
    for number in 0..30 {
        deposit(&store, &format!("a{}", number % 9), number).await;
    }
    died.wait_for("journal", annals::Position::new(5), LONG).await.unwrap();
    process.shutdown_background();
    let two = member(&store, "two").await;
    for number in 30..60 {
        deposit(&store, &format!("a{}", number % 9), number).await;
    }
    let head = store.head().await.unwrap();
    two.wait_for("journal", head, LONG).await.unwrap();
    two.wait_for("divided", head, LONG).await.unwrap();
    check(&store, 60).await;
    two.shutdown().await;
    drop(died);
}

pub(crate) async fn members_that_are_dropped_end_by_themselves<S: TestStore>(store: S) {
    let one = member(&store, "one").await;
    let head = deposit(&store, "a", 1).await;
    one.wait_for("journal", head, LONG).await.unwrap();
    let follower = one.follower("journal");
    drop(one);
    eventually(async || follower.status().await.unwrap().owners.is_empty()).await;
}
