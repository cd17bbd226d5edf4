//! The whole history in its global order, decoded and folded.

use annals::{Aggregate, EventData, EventStoreExt, Position, PostgresStore};
use annals_figures::{Figure, Part, Unit};
use futures_util::TryStreamExt;
use sqlx::{PgPool, Row};

use crate::{
    account::{Account, AccountEvent},
    by_hand,
    ground::{Ground, Outcome},
    history::History,
    rate::rates,
};

const EVENTS: usize = 200_000;
const ACCOUNTS: usize = 1_000;
const GOAL: f64 = 0.7;

const SELECT: &str = "
    SELECT position, stream, version, event_type, payload::text, metadata::text, recorded_at
    FROM events ORDER BY position";

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let history = History::new(ACCOUNTS, EVENTS);
    let (pool, store) = (by_hand::table(ground).await?, ground.store().await?);
    history.insert_into(&pool).await?;
    history.append_to(&store).await?;
    ground.run("VACUUM ANALYZE").await?;
    ground.settle().await?;

    let by_hand = || tokio::spawn(read(pool.clone()));
    let typed = || tokio::spawn(read_typed(store.clone()));
    let stored = || tokio::spawn(read_stored(store.clone()));
    let contenders = [Box::new(by_hand) as _, Box::new(typed) as _, Box::new(stored) as _];
    let [by_hand, typed, stored] = rates(ground, contenders).await?;

    ground.clear().await?;

    let read = |how: &str, annals| {
        Figure::new(how, Unit::PerSecond)
            .by("by hand", by_hand.clone())
            .by("annals", annals)
            .ratio("annals", "by hand")
    };
    Ok(Part::new("read", "200,000 events of 1,000 streams in global order")
        .with(read("events decoded and folded", typed).at_least(GOAL))
        .with(read("events as they are stored, of any type", stored)))
}

async fn read(pool: PgPool) -> Outcome<u64> {
    let (mut state, mut events) = (Account::default(), 0);
    let mut rows = sqlx::query(SELECT).fetch(&pool);
    while let Some(row) = rows.try_next().await? {
        state.apply(&AccountEvent::from_hand(row.try_get(3)?, row.try_get(4)?)?);
        events += 1;
    }
    assert!(state.cents > 0);
    Ok(events)
}

async fn read_typed(store: PostgresStore) -> Outcome<u64> {
    let (mut state, mut events) = (Account::default(), 0);
    let mut records = store.events_after::<AccountEvent>(Position::START);
    while let Some(record) = records.try_next().await? {
        state.apply(&record.event);
        events += 1;
    }
    assert!(state.cents > 0);
    Ok(events)
}

async fn read_stored(store: PostgresStore) -> Outcome<u64> {
    let mut events = 0;
    let mut records = store.events_after::<EventData>(Position::START);
    while records.try_next().await?.is_some() {
        events += 1;
    }
    Ok(events)
}
