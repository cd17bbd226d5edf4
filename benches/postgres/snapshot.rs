//! The state of an account with 100,000 events that has a snapshot, against one of 10 events.

use annals::{PostgresStore, Repository, SnapshotStore, StreamId};
use annals_figures::{Figure, Part, Unit};
use uuid::Uuid;

use crate::{
    account::{Account, EVERY},
    ground::{Ground, Outcome},
    history::History,
    rate::rates,
};

const EVENTS: usize = 100_000;
/// How many accounts of 10 events share the table.
const SMALL: usize = 1_000;
/// As a multiple of the time of a small one, at the most.
const GOAL: f64 = 3.0;

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let store = ground.store().await?;
    let small = History::new(SMALL, 10 * SMALL);
    small.append_to(&store).await?;
    let (fresh, worn) = (History::new(1, EVENTS), History::new(1, EVENTS));
    for large in [&fresh, &worn] {
        large.append_to(&store).await?;
    }
    let (small, fresh, worn) = (small.accounts[SMALL / 2], fresh.accounts[0], worn.accounts[0]);
    ground.run("VACUUM ANALYZE").await?;
    for large in [fresh, worn] {
        take_snapshot(&store, large).await?;
    }
    // As many events as there can be before the next snapshot.
    History { accounts: vec![worn], events: EVERY as usize / 10 * 10 - 10 }
        .append_to(&store)
        .await?;
    ground.run("VACUUM ANALYZE").await?;
    ground.settle().await?;

    let plain = Repository::<Account>::new(store.clone()).with_cache(0);
    let kept = Repository::<Account>::with_snapshots(store.clone()).with_cache(0);
    let load = |accounts: &Repository<Account>, account: Uuid| {
        let accounts = accounts.clone();
        move || {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                assert!(accounts.load(&account).await?.state.cents > 0);
                Ok(1)
            })
        }
    };
    let rates = rates(
        ground,
        [
            Box::new(load(&plain, small)),
            Box::new(load(&kept, small)),
            Box::new(load(&kept, fresh)),
            Box::new(load(&kept, worn)),
            Box::new(load(&plain, fresh)),
        ],
    );
    let [small, small_kept, fresh, worn, whole] = rates.await?;

    ground.clear().await?;

    let seconds = |rates: &[f64]| rates.iter().map(|rate| 1.0 / rate).collect();
    let loaded = |how: &str, large: &[f64]| {
        Figure::new(how, Unit::Seconds)
            .by("10 events", seconds(&small))
            .by("100,000 events", seconds(large))
            .ratio("100,000 events", "10 events")
    };
    let kind = Figure::new("of a kind with snapshots", Unit::Seconds)
        .by("10 events", seconds(&small_kept));
    Ok(Part::new("snapshot", "the time to load an account")
        .with(loaded("with a snapshot of the last event", &fresh).at_most(GOAL))
        .with(loaded(&format!("with one of {} before", EVERY - 10), &worn).at_most(GOAL))
        .with(loaded("without", &whole))
        .with(kind))
}

/// Has the account loaded, and waits for the snapshot that comes of it.
async fn take_snapshot(store: &PostgresStore, account: Uuid) -> Outcome {
    let stream = StreamId::new("account", account)?;
    Repository::<Account>::with_snapshots(store.clone()).load(&account).await?;
    while store.read_from_snapshot(&stream, 1).await?.0.is_none() {
        tokio::task::yield_now().await;
    }
    Ok(())
}
