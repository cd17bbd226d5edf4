//! What followers show, with the checkpoints that belong to it: read in one snapshot, once there are tables.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::{Trouble, domain::Tally};

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) events: i64,
    pub(crate) cents: i64,
    pub(crate) last: i64,
    /// How often a later batch began with an earlier event.
    pub(crate) disorder: i64,
}

/// As of one snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    /// Where the parts of each follower are.
    pub(crate) checkpoints: BTreeMap<String, Vec<i64>>,
    pub(crate) balances: BTreeMap<String, Tally>,
    pub(crate) volumes: BTreeMap<String, Tally>,
    pub(crate) ledger: BTreeMap<String, Sum>,
}

impl Views {
    pub(crate) async fn read(pool: &PgPool, schema: &str) -> Result<Self, Trouble> {
        let mut transaction = pool.begin().await?;
        // Before the snapshot, so that no swap comes between it and the tables: who has an old snapshot would see a new table
        // as it was when that was half filled.
        let begin = format!(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
             LOCK TABLE \"{schema}_read\".balances, \"{schema}_read\".volumes, \"{schema}_read\".ledger IN ACCESS SHARE MODE"
        );
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *transaction).await?;
        let checkpoints = format!(
            "SELECT b.follower, p.position FROM \"{schema}\".parts p JOIN \"{schema}\".builds b USING (build)
             WHERE b.is_live ORDER BY 1, p.part"
        );
        let parts = sqlx::query_as::<_, (String, i64)>(AssertSqlSafe(checkpoints));
        let mut views = Self::default();
        for (follower, position) in parts.fetch_all(&mut *transaction).await? {
            views.checkpoints.entry(follower).or_default().push(position);
        }
        views.balances = tallies(&mut transaction, schema, "balances").await?;
        views.volumes = tallies(&mut transaction, schema, "volumes").await?;
        let ledger =
            format!("SELECT account, events, cents, last, disorder FROM \"{schema}_read\".ledger");
        let rows = sqlx::query_as::<_, (String, i64, i64, i64, i64)>(AssertSqlSafe(ledger));
        for (account, events, cents, last, disorder) in rows.fetch_all(&mut *transaction).await? {
            views.ledger.insert(account, Sum { events, cents, last, disorder });
        }
        Ok(views)
    }
}

async fn tallies(
    connection: &mut PgConnection,
    schema: &str,
    table: &str,
) -> Result<BTreeMap<String, Tally>, Trouble> {
    let sql = format!("SELECT key, state::text FROM \"{schema}_read\".{table}");
    let rows =
        sqlx::query_as::<_, (String, String)>(AssertSqlSafe(sql)).fetch_all(connection).await?;
    rows.into_iter().map(|(key, state)| Ok((key, serde_json::from_str(&state)?))).collect()
}
