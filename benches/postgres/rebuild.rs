//! A read model of 1,000 rows, built anew from 200,000 events.

use std::{collections::HashMap, time::Duration};

use annals::{EventStore, Follower, PostgresStore, ReadModel};
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
    table::{Table, against, per_second},
};

const EVENTS: usize = 200_000;
const ACCOUNTS: usize = 1_000;
const GOAL: f64 = 0.6;
/// How often to look whether the rebuild serves.
const LOOK: Duration = Duration::from_millis(2);

const TABLE: &str = "
    CREATE TABLE balances (stream text PRIMARY KEY, deposits bigint NOT NULL, cents bigint NOT NULL)";

/// No more than what is needed.
const SELECT: &str = "SELECT stream, event_type, payload::text FROM events ORDER BY position";

const INSERT: &str = "
    INSERT INTO balances (stream, deposits, cents)
    SELECT n.stream, n.deposits, n.cents FROM unnest($1, $2, $3) AS n (stream, deposits, cents)";

pub(crate) async fn measure(ground: &Ground) -> Outcome {
    let history = History::new(ACCOUNTS, EVENTS);
    let (pool, store) = (by_hand::table(ground).await?, ground.store().await?);
    sqlx::query(TABLE).execute(&pool).await?;
    history.insert_into(&pool).await?;
    history.append_to(&store).await?;
    ground.run("VACUUM ANALYZE").await?;
    let running = followers(&store, 1).start().await?;
    caught_up(&running, 1, store.head().await?).await?;
    ground.settle().await?;

    let by_hand = || tokio::spawn(rebuild_by_hand(pool.clone()));
    let by_annals = || {
        let balances = running.follower(Balance::<0>::NAME);
        tokio::spawn(rebuild(balances, store.clone()))
    };
    let contenders = [Box::new(by_hand) as _, Box::new(by_annals) as _];
    let [by_hand, by_annals] = rates(ground, contenders).await?;
    running.shutdown().await;

    let title = "rebuild: events per second, 200,000 into 1,000 rows, until the new ones serve";
    let mut table = Table::new(title, &["", "by hand", "annals", "ratio", "goal"]);
    let [ratio, goal] = against(by_annals / by_hand, GOAL);
    table.row(&[&"rebuild", &per_second(by_hand), &per_second(by_annals), &ratio, &goal]);
    table.print();
    ground.clear().await
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

/// From the command until the rows that were built serve.
async fn rebuild(balances: Follower<PostgresStore>, store: PostgresStore) -> Outcome<u64> {
    let builds = format!("SELECT count(*) FROM \"{}\".builds", store.schema());
    balances.rebuild().await?;
    loop {
        sleep(LOOK).await;
        let builds = sqlx::query_scalar::<_, i64>(AssertSqlSafe(builds.clone()));
        if builds.fetch_one(store.pool()).await? == 1 {
            return Ok(EVENTS as u64);
        }
    }
}
