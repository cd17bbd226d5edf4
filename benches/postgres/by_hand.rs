//! What a good engineer writes without a library: one table, and a statement for each append.

use futures_util::future::BoxFuture;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
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

/// Many at once; whoever comes second is left out.
pub(crate) const OPEN_EACH: &str = "
    INSERT INTO events (stream, version, id, event_type, payload, metadata)
    SELECT n.stream, n.expected + 1, n.id, n.event_type, n.payload::jsonb, n.metadata::jsonb
    FROM unnest($1, $2, $3, $4, $5, $6) AS n (stream, expected, id, event_type, payload, metadata)
    ON CONFLICT DO NOTHING
    RETURNING id, position";

/// Many at once, each to a stream that is at the version expected of it.
pub(crate) const RAISE_EACH: &str = "
    INSERT INTO events (stream, version, id, event_type, payload, metadata)
    SELECT n.stream, n.expected + 1, n.id, n.event_type, n.payload::jsonb, n.metadata::jsonb
    FROM unnest($1, $2, $3, $4, $5, $6) AS n (stream, expected, id, event_type, payload, metadata)
    WHERE (SELECT max(e.version) FROM events e WHERE e.stream = n.stream) = n.expected
    ON CONFLICT DO NOTHING
    RETURNING id, position";

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

/// One of the statements for many rows; answers with the ids that were stored, and their positions.
pub(crate) async fn insert(
    statement: &'static str,
    rows: &[&Row],
    connection: &mut PgConnection,
) -> Outcome<Vec<(Uuid, i64)>> {
    let query = sqlx::query_as(statement)
        .bind(rows.iter().map(|row| &*row.stream).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.expected).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event_type).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &*row.payload).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| &*row.metadata).collect::<Vec<_>>());
    Ok(query.fetch_all(connection).await?)
}

/// Each append is a statement of its own, on whichever connection of the pool is free.
#[derive(Debug)]
pub(crate) struct Single(pub(crate) PgPool);

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
