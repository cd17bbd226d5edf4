//! A follower by hand, in the process that appends: told of each event by who appended it, without a look into the store. It
//! writes what it was told of meanwhile in one transaction with its checkpoint, and nobody else may follow.

use std::{collections::HashMap, time::Duration};

use sqlx::{PgPool, raw_sql};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    ground::{Ground, Outcome},
    pace::now,
};

const TABLES: &str = "
    CREATE TABLE activity (account bigint PRIMARY KEY, events bigint NOT NULL);
    CREATE TABLE checkpoint (position bigint NOT NULL);
    INSERT INTO checkpoint VALUES (0)";

const MOVE: &str = "UPDATE checkpoint SET position = $1";

const WRITE: &str = "
    INSERT INTO activity AS a (account, events)
    SELECT n.account, n.events FROM unnest($1, $2) AS n (account, events)
    ON CONFLICT (account) DO UPDATE SET events = a.events + excluded.events";

/// When the follower was told of the event at a position, and when its transaction was committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Followed {
    pub(crate) handed: Duration,
    pub(crate) committed: Duration,
}

/// Its tables.
pub(crate) async fn tables(ground: &Ground) -> Outcome<PgPool> {
    let pool = ground.pool().await?;
    raw_sql(TABLES).execute(&pool).await?;
    Ok(pool)
}

/// Follows until nobody is left who could tell it of more. The position stands for one of so many accounts.
pub(crate) async fn follow(
    pool: PgPool,
    mut told: UnboundedReceiver<u64>,
    accounts: usize,
) -> Outcome<HashMap<u64, Followed>> {
    let (mut followed, mut positions) = (HashMap::new(), Vec::new());
    while told.recv_many(&mut positions, usize::MAX).await > 0 {
        let handed = now();
        let mut rows = HashMap::<_, i64>::new();
        for position in &positions {
            *rows.entry((position % accounts as u64).cast_signed()).or_default() += 1;
        }
        let (accounts, events): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let last = positions.iter().max().map(|last| last.cast_signed());
        let mut transaction = pool.begin().await?;
        sqlx::query(MOVE).bind(last).execute(&mut *transaction).await?;
        sqlx::query(WRITE).bind(accounts).bind(events).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let committed = now();
        followed.extend(positions.drain(..).map(|at| (at, Followed { handed, committed })));
    }
    Ok(followed)
}
