//! A read model of 1,000 rows, built anew from 200,000 events.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use annals::{EventStore, Follower, PostgresStore, ReadModel, Running};
use annals_figures::{Figure, Part, Unit};
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgPool, Row};
use tokio::time::sleep;

use crate::{
    account::AccountEvent,
    balance::{Balance, caught_up, followers},
    by_hand,
    ground::{Ground, Outcome},
    history::History,
    rate::rates,
};

const EVENTS: usize = 200_000;
const ACCOUNTS: usize = 1_000;
const GOAL: f64 = 0.6;
/// How often to look whether the rebuild serves.
const LOOK: Duration = Duration::from_millis(5);
/// From which share of the shortest time on that one took: who looks, takes from what is measured.
const FROM: f64 = 0.8;

const TABLE: &str = "
    CREATE TABLE balances (stream text PRIMARY KEY, deposits bigint NOT NULL, cents bigint NOT NULL)";

/// No more than what is needed.
const SELECT: &str = "SELECT stream, event_type, payload::text FROM events ORDER BY position";

const INSERT: &str = "
    INSERT INTO balances (stream, deposits, cents)
    SELECT n.stream, n.deposits, n.cents FROM unnest($1, $2, $3) AS n (stream, deposits, cents)";

pub(crate) async fn measure(ground: &Ground) -> Outcome<Part> {
    let rebuilds = Rebuilds::prepare(ground).await?;
    let figures = rebuilds.figures(ground).await?;
    rebuilds.running.shutdown().await;
    ground.clear().await?;
    let title = "a read model of 1,000 rows, built anew from 200,000 events";
    Ok(figures.into_iter().fold(Part::new("rebuild", title), Part::with))
}

/// The same history by hand and in annals, where a read model follows it.
pub(crate) struct Rebuilds {
    pool: PgPool,
    pub(crate) store: PostgresStore,
    pub(crate) running: Running<PostgresStore>,
}

impl Rebuilds {
    pub(crate) async fn prepare(ground: &Ground) -> Outcome<Self> {
        let history = History::new(ACCOUNTS, EVENTS);
        let (pool, store) = (by_hand::table(ground).await?, ground.store().await?);
        sqlx::query(TABLE).execute(&pool).await?;
        history.insert_into(&pool).await?;
        history.append_to(&store).await?;
        ground.run("VACUUM ANALYZE").await?;
        let running = followers(&store, 1).start().await?;
        caught_up(&running, 1, store.head().await?).await?;
        Ok(Self { pool, store, running })
    }

    pub(crate) async fn figures(&self, ground: &Ground) -> Outcome<[Figure; 2]> {
        ground.settle().await?;
        let by_hand = || tokio::spawn(rebuild_by_hand(self.pool.clone()));
        let all_built = Arc::new(Mutex::new(Vec::new()));
        let by_annals = || {
            let balances = self.running.follower(Balance::<0>::NAME);
            tokio::spawn(rebuild(balances, self.store.clone(), Arc::clone(&all_built)))
        };
        let contenders = [Box::new(by_hand) as _, Box::new(by_annals) as _];
        let [by_hand, by_annals] = rates(ground, contenders).await?;

        let built = std::mem::take(&mut *all_built.lock().unwrap());
        let rebuilt = |until: &str, by_annals| {
            Figure::new(until, Unit::PerSecond)
                .by("by hand", by_hand.clone())
                .by("annals", by_annals)
                .ratio("annals", "by hand")
                .at_least(GOAL)
        };
        Ok([
            rebuilt("events, until all are in", built),
            rebuilt("events, until that serves", by_annals),
        ])
    }
}

/// Reads everything in one go, folds it in memory, and writes it once.
async fn rebuild_by_hand(pool: PgPool) -> Outcome<u64> {
    let (mut balances, mut events) = (HashMap::<String, Balance>::new(), 0);
    let mut rows = sqlx::query(SELECT).fetch(&pool);
    while let Some(row) = rows.try_next().await? {
        let event = AccountEvent::from_hand(row.try_get(1)?, row.try_get(2)?)?;
        let stream: &str = row.try_get(0)?;
        match balances.get_mut(stream) {
            Some(balance) => balance.take(&event),
            None => balances.entry(stream.to_owned()).or_default().take(&event),
        }
        events += 1;
    }
    drop(rows);
    assert_eq!(balances.len(), ACCOUNTS);
    let deposits: Vec<_> = balances.values().map(|row| row.deposits.cast_signed()).collect();
    let cents: Vec<_> = balances.values().map(|row| row.cents.cast_signed()).collect();
    let streams: Vec<_> = balances.into_keys().collect();
    let mut transaction = pool.begin().await?;
    sqlx::query("DELETE FROM balances").execute(&mut *transaction).await?;
    let insert = sqlx::query(INSERT).bind(streams).bind(deposits).bind(cents);
    insert.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(events)
}

/// From the command until the rows that were built serve. Notes at how many events a second all were in.
async fn rebuild(
    balances: Follower<PostgresStore>,
    store: PostgresStore,
    all_built: Arc<Mutex<Vec<f64>>>,
) -> Outcome<u64> {
    let events = store.head().await?.get();
    let head = events.cast_signed();
    let schema = store.schema();
    let shadow = format!(
        "SELECT p.position FROM \"{schema}\".builds b JOIN \"{schema}\".parts p USING (build) WHERE NOT b.is_live"
    );
    let fastest = all_built.lock().unwrap().iter().copied().fold(f64::NAN, f64::max);
    let shortest = Duration::try_from_secs_f64(events as f64 / fastest).unwrap_or_default();
    let (begin, mut built) = (Instant::now(), None);
    balances.rebuild().await?;
    sleep(shortest.mul_f64(FROM)).await;
    loop {
        sleep(LOOK).await;
        let position = sqlx::query_scalar::<_, i64>(AssertSqlSafe(shadow.clone()));
        let position = position.fetch_optional(store.pool()).await?;
        if position.is_none_or(|position| position >= head) {
            built.get_or_insert_with(|| begin.elapsed());
        }
        if let (None, Some(built)) = (position, built) {
            all_built.lock().unwrap().push(events as f64 / built.as_secs_f64());
            return Ok(events);
        }
    }
}
