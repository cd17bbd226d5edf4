//! What a good engineer writes without a library: one table, and a statement for each append.

use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    contender::Ledger,
    ground::{Ground, Outcome},
};

const TABLE: &str = "
    CREATE TABLE events (
        position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream      text NOT NULL,
        version     bigint NOT NULL,
        id          uuid NOT NULL,
        event_type  text NOT NULL,
        payload     jsonb NOT NULL,
        metadata    jsonb NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (stream, version)
    )";

/// To a new stream: the unique index refuses a second one.
const OPEN: &str = "
    INSERT INTO events (stream, version, id, event_type, payload, metadata)
    SELECT $1, $2 + 1, $3, $4, $5::jsonb, $6::jsonb
    RETURNING position";

/// To a stream that is at version $2; the unique index refuses who comes second.
const RAISE: &str = "
    INSERT INTO events (stream, version, id, event_type, payload, metadata)
    SELECT $1, $2 + 1, $3, $4, $5::jsonb, $6::jsonb
    WHERE (SELECT max(version) FROM events WHERE stream = $1) = $2
    RETURNING position";

/// The table of the code by hand, in a schema of its own.
pub(crate) async fn table(ground: &Ground) -> Outcome<PgPool> {
    let pool = ground.pool().await?;
    sqlx::query(TABLE).execute(&pool).await?;
    Ok(pool)
}

/// One event as the statements take it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) stream: String,
    pub(crate) expected: i64,
    pub(crate) id: Uuid,
    pub(crate) event_type: &'static str,
    pub(crate) payload: String,
    pub(crate) metadata: String,
}

#[derive(Serialize)]
struct Metadata {
    correlation_id: Uuid,
}

impl Row {
    pub(crate) fn new(account: Uuid, expected: i64, event: &AccountEvent) -> Outcome<Self> {
        let (event_type, payload) = event.by_hand()?;
        Ok(Self {
            stream: format!("account-{account}"),
            expected,
            id: Uuid::now_v7(),
            event_type,
            payload,
            metadata: serde_json::to_string(&Metadata { correlation_id: Uuid::now_v7() })?,
        })
    }
}

/// Each append is a statement of its own, on whichever connection of the pool is free.
#[derive(Debug)]
pub(crate) struct Single(PgPool);

impl Single {
    pub(crate) async fn new(ground: &Ground) -> Outcome<Self> {
        Ok(Self(table(ground).await?))
    }
}

impl Ledger for Single {
    fn append(
        &self,
        account: Uuid,
        expected: i64,
        event: AccountEvent,
    ) -> BoxFuture<'_, Outcome<i64>> {
        Box::pin(async move {
            let row = Row::new(account, expected, &event)?;
            let insert = sqlx::query_scalar(if expected == 0 { OPEN } else { RAISE })
                .bind(row.stream)
                .bind(row.expected)
                .bind(row.id)
                .bind(row.event_type)
                .bind(row.payload)
                .bind(row.metadata);
            Ok(insert.fetch_one(&self.0).await?)
        })
    }
}
