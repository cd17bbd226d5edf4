//! The state of one account with 1,000 events, decoded and folded.

use annals::{Aggregate, Repository};
use annals_figures::{Figure, Part, Unit};
use futures_util::TryStreamExt;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent},
    by_hand,
    ground::{Ground, Outcome},
    history::History,
    rate::rates,
};

const EVENTS: usize = 1_000;
/// How many accounts share the table.
const ACCOUNTS: usize = 20;
const GOAL: f64 = 0.8;

const SELECT: &str = "
    SELECT position, version, event_type, payload::text, metadata::text, recorded_at
    FROM events WHERE stream = $1 ORDER BY version";

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let history = History::new(ACCOUNTS, ACCOUNTS * EVENTS);
    let (pool, store) = (by_hand::table(ground).await?, ground.store().await?);
    history.insert_into(&pool).await?;
    history.append_to(&store).await?;
    ground.run("VACUUM ANALYZE").await?;
    ground.settle().await?;

    let account = history.accounts[ACCOUNTS / 2];
    let accounts = Repository::<Account>::new(store).with_cache(0);
    let by_annals = || {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let loaded = accounts.load(&account).await?;
            assert!(loaded.state.cents > 0);
            Ok(loaded.version.get())
        })
    };
    let by_hand = || {
        let pool = pool.clone();
        tokio::spawn(async move {
            let (state, version) = load(&pool, account).await?;
            assert!(state.cents > 0);
            Ok(version.unsigned_abs())
        })
    };
    let [by_hand, by_annals] = rates(ground, [Box::new(by_hand), Box::new(by_annals)]).await?;

    ground.clear().await?;

    let figure = Figure::new("events loaded", Unit::PerSecond)
        .by("by hand", by_hand)
        .by("annals", by_annals)
        .ratio("annals", "by hand")
        .at_least(GOAL);
    Ok(Part::new("load", "1,000 events of one stream at a time, decoded and folded").with(figure))
}

/// The state of an account, and its version.
pub(crate) async fn load(pool: &PgPool, account: Uuid) -> Outcome<(Account, i64)> {
    let (mut state, mut version) = (Account::default(), 0);
    let mut rows = sqlx::query(SELECT).bind(format!("account-{account}")).fetch(pool);
    while let Some(row) = rows.try_next().await? {
        state.apply(&AccountEvent::from_hand(row.try_get(2)?, row.try_get(3)?)?);
        version = row.try_get(1)?;
    }
    Ok((state, version))
}
