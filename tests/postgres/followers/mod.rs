//! What only Postgres can get wrong about followers: transactions that are left open, tables that a handler should not touch,
//! and rights.

mod at_once;
mod dropped;
mod frozen;
mod handlers;
mod rights;
mod rows;

use std::{num::NonZeroU16, time::Duration};

use annals::{
    FollowerStore, Position, PostgresStore,
    followers::{
        Books, Build, Claim, Command, Declaration, FailureKind, FollowerKind, HandlerFailed,
        Limits, Make, MemberId, PartId, Step, StepError, TableShape, Work,
    },
};
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

const LIMITS: Limits = Limits { statement: Duration::from_secs(20), idle: Duration::from_secs(20) };
const SALES: &str = "sales";

fn declaration(name: &'static str, kind: FollowerKind) -> Declaration {
    let parts = NonZeroU16::MIN;
    Declaration { name, kind, version: 1, parts, start: Position::START }
}

fn table() -> TableShape {
    TableShape { name: "customers", columns: Vec::new(), indexes: Vec::new() }
}

fn member() -> MemberId {
    MemberId::from(Uuid::now_v7())
}

/// Runs `sql`, and can be asked for more: what a handler does.
struct Sql(&'static str);

#[async_trait]
impl Work<PgConnection> for Sql {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), HandlerFailed> {
        let failed = |error: sqlx::Error| HandlerFailed {
            at: None,
            kind: FailureKind::Error,
            reason: Box::new(error),
        };
        sqlx::raw_sql(self.0).execute(connection).await.map(drop).map_err(failed)
    }
}

/// Goes on after its statement has failed.
struct Careless;

#[async_trait]
impl Work<PgConnection> for Careless {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), HandlerFailed> {
        let failed = sqlx::raw_sql("INSERT INTO sales VALUES ('not a day', 1)").execute(connection);
        assert!(failed.await.is_err());
        Ok(())
    }
}

const CREATE: &str = "CREATE TABLE sales (day date PRIMARY KEY, orders bigint NOT NULL)";
const HANDLE: &str = "INSERT INTO sales VALUES ('2026-11-21', 1)
    ON CONFLICT (day) DO UPDATE SET orders = sales.orders + 1";

async fn books(store: &PostgresStore) -> Books {
    store.books(None).await.unwrap()
}

async fn live(store: &PostgresStore) -> Build {
    books(store).await.followers.remove(0).live
}

async fn claim(store: &PostgresStore, build: &Build) -> Claim {
    let part = PartId { build: build.id, part: 0 };
    store.claim(member(), &[part]).await.unwrap().remove(0)
}

async fn make(store: &PostgresStore, claim: &Claim, create: &'static str) -> Result<(), StepError> {
    store.make(claim, Make::Work(&mut Sql(create)), LIMITS).await
}

/// A projection that is made, and claimed.
async fn projection(store: &PostgresStore) -> Claim {
    store.declare(&declaration(SALES, FollowerKind::Projection)).await.unwrap();
    let claim = claim(store, &live(store).await).await;
    make(store, &claim, CREATE).await.unwrap();
    claim
}

async fn shadow(store: &PostgresStore) -> Claim {
    store.command(SALES, &Command::Rebuild { verify: None }).await.unwrap();
    let shadow = books(store).await.followers.remove(0).shadow.unwrap();
    claim(store, &shadow).await
}

fn step<'a>(claim: &'a Claim, from: u64, to: u64) -> Step<'a, PgConnection> {
    Step {
        claim,
        from: Position::new(from),
        to: Position::new(to),
        events: to - from,
        rows: None,
        work: None,
        park: &[],
        settle: &[],
        limits: LIMITS,
    }
}

async fn worked(
    store: &PostgresStore,
    claim: &Claim,
    from: u64,
    work: &mut dyn Work<PgConnection>,
) -> Result<(), StepError> {
    store.commit(Step { work: Some(work), ..step(claim, from, from + 1) }).await
}

fn refusal(outcome: Result<(), StepError>) -> String {
    match outcome {
        Err(StepError::Handler(HandlerFailed { kind: FailureKind::Refused, reason, .. })) => {
            reason.to_string()
        }
        other => panic!("{other:?}"),
    }
}

async fn orders(store: &PostgresStore) -> i64 {
    let sql =
        format!("SELECT coalesce(sum(orders), 0)::bigint FROM \"{}_read\".sales", store.schema());
    sqlx::query(AssertSqlSafe(sql)).fetch_one(store.pool()).await.unwrap().get(0)
}
