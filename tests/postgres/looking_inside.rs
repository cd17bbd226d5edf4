//! What somebody sees who looks into the database with SQL.

use annals::{CausationId, CorrelationId, EventId, ExpectedVersion::NoStream, Metadata, NewEvent};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::{
    asking::{append, event, read, to},
    fresh::{connection, fresh_store},
};

#[tokio::test]
async fn the_history_is_there_to_be_read_and_asked() {
    let store = fresh_store().await;
    let correlation = EventId::new();
    let metadata = Metadata::by("anna")
        .with_correlation_id(CorrelationId::from(correlation))
        .with_causation_id(CausationId::from(correlation))
        .with_extra("ip", "203.0.113.7");
    let opened = NewEvent { metadata, ..event("account.opened") };
    let mut closed = event("account.closed");
    closed.event.schema_version = 3;
    append(&store, to("account-7", NoStream, vec![opened, closed])).await;
    append(&store, to("loan-7", NoStream, vec![event("loan.granted")])).await;

    let mut connection = connection().await;
    let sql = format!(
        "SELECT to_json(h), payload ->> 'owner' AS owner FROM \"{}\".history h
         WHERE stream LIKE 'account-%' AND payload ->> 'owner' = 'anna' ORDER BY position",
        store.schema()
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
    assert_eq!(rows.len(), 2);
    let stored = read(&store, "account-7").await;
    for (row, event) in rows.iter().zip(&stored) {
        assert_eq!(row.get::<&str, _>("owner"), "anna");
        let shown: Value = serde_json::from_str(row.try_get_unchecked(0).unwrap()).unwrap();
        let is_first = event.version.get() == 1;
        let correlation = is_first.then(|| correlation.to_string());
        let recorded_at =
            shown["recorded_at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        assert_eq!(recorded_at.unwrap(), event.recorded_at);
        assert_eq!(
            shown,
            json!({
                "position": event.position.get(),
                "stream": "account-7",
                "version": event.version.get(),
                "recorded_at": shown["recorded_at"],
                "category": "account",
                "event_type": if is_first { "account.opened" } else { "account.closed" },
                "schema_version": if is_first { 1 } else { 3 },
                "id": event.id.to_string(),
                "correlation_id": correlation,
                "causation_id": correlation,
                "actor": is_first.then_some("anna"),
                "extra": is_first.then(|| json!({ "ip": "203.0.113.7" })),
                "payload": { "owner": "anna" },
                "stream_key": shown["stream_key"],
            })
        );
    }
}

/// The types that queries, indexes and other clients rely on.
#[tokio::test]
async fn columns_have_the_types_that_fit() {
    let store = fresh_store().await;
    let types = "SELECT column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns
                 WHERE table_schema = $1 AND table_name = 'events' ORDER BY ordinal_position";
    let rows =
        sqlx::query(types).bind(store.schema()).fetch_all(&mut connection().await).await.unwrap();
    let columns: Vec<(String, String, bool)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let columns: Vec<_> = columns.iter().map(|(name, of, null)| (&**name, &**of, *null)).collect();
    assert_eq!(
        columns,
        [
            ("position", "bigint", false),
            ("version", "bigint", false),
            ("recorded_at", "timestamp with time zone", false),
            ("kind", "integer", false),
            ("schema_version", "integer", false),
            ("stream_key", "uuid", false),
            ("id", "uuid", false),
            ("correlation_id", "uuid", true),
            ("causation_id", "uuid", true),
            ("stream", "text", false),
            ("metadata", "json", true),
            ("payload", "json", false),
        ]
    );
}
