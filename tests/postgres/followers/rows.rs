//! Rows and columns that Postgres sees in its own way.

use std::time::Duration;

use annals::{
    EventId, FollowerStore, Payload, Position, PostgresStore, Query,
    followers::{
        Claim, ColumnShape, ColumnType, Command, FailureKind, FollowerKind, InvalidQuery, Make,
        Note, NotedFailure, Park, ReadError, RowChanges, RowsOf, Step, StepError, TableShape,
        Upsert, Value, WhichRows,
    },
};
use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;

use super::{LIMITS, books, claim, declaration, live, projection, step, table};
use crate::fresh::{fresh_store, name, url};

#[tokio::test]
async fn nul_is_kept_as_text_where_it_can_be() {
    let store = fresh_store().await;
    let held = projection(&store).await;
    let failure = NotedFailure {
        position: Position::new(1),
        event_id: None,
        sequence: String::new(),
        kind: FailureKind::Panic,
        reason: "it ended in \0".into(),
        stops: true,
    };
    store.note(&held, &Note::Failed(failure)).await.unwrap();
    let stopped = live(&store).await.parts.remove(0).stopped.unwrap();
    assert_eq!(stopped.reason, "it ended in \\0");
    assert_eq!(stopped.event_id, None);
}

/// What is done when the row of a part cannot be kept is undone with it, and is the event's failure.
#[tokio::test]
async fn what_no_row_can_keep_is_a_failure_of_the_event() {
    let store = fresh_store().await;
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let held = claim(&store, &live(&store).await).await;
    let table = table();
    store.make(&held, Make::Table(&table), LIMITS).await.unwrap();
    let put = async |key: String| {
        let upserts = [Upsert { key, state: Payload::parse("1").unwrap(), values: Vec::new() }];
        let rows = RowChanges { table: &table, upserts: &upserts, deletes: &[] };
        store.commit(Step { rows: Some(rows), ..step(&held, 0, 1) }).await
    };
    // Letters that do not repeat: the index cannot make them shorter.
    let long: String = (0..3_000).map(|_| fastrand::alphanumeric()).collect();
    for key in [long, "nul\0".into()] {
        let outcome = put(key).await;
        assert!(matches!(outcome, Err(StepError::Handler(_))), "{outcome:?}");
    }
    let parked = [Park {
        sequence: "nul\0".into(),
        position: Position::new(1),
        event_id: EventId::new(),
        is_cause: true,
    }];
    let outcome = store.commit(Step { park: &parked, ..step(&held, 0, 1) }).await;
    assert!(matches!(outcome, Err(StepError::Handler(_))), "{outcome:?}");
    put("anna".into()).await.unwrap();
    let which = WhichRows::Keys(&["anna".into(), "nul\0".into()]);
    let rows = store.rows(&RowsOf { table: &table, claim: None, which }).await.unwrap();
    assert_eq!(rows.len(), 1);
}

/// A swap to a table whose column has another type: connections have plans that are of no use any more.
#[tokio::test]
async fn a_list_by_a_column_that_has_changed_its_type_goes_on() {
    let pool = PgPoolOptions::new().max_connections(5).connect(&url()).await.unwrap();
    let store = PostgresStore::builder().with_schema(name()).open(pool).await.unwrap();
    store.migrate().await.unwrap();
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let of = |kind| TableShape { columns: vec![ColumnShape { name: "spent", kind }], ..table() };
    let (old, new) = (of(ColumnType::Integer), of(ColumnType::Text));
    let held = claim(&store, &live(&store).await).await;
    store.make(&held, Make::Table(&old), LIMITS).await.unwrap();
    put(&store, &held, &old, 7.into()).await;
    let spent = async || {
        let which = WhichRows::Query(&Query::all().ascending("spent"));
        let rows = store.rows(&RowsOf { table: &old, claim: None, which }).await.unwrap();
        rows.into_iter().map(|row| row.ordered_by).collect::<Vec<_>>()
    };
    for values in join_all((0..20).map(|_| spent())).await {
        assert_eq!(values, [Value::from(7)]);
    }
    store.command("customers", &Command::Rebuild { verify: None }).await.unwrap();
    let shadow = books(&store).await.followers.remove(0).shadow.unwrap();
    let held = claim(&store, &shadow).await;
    store.make(&held, Make::Table(&new), LIMITS).await.unwrap();
    put(&store, &held, &new, "much".into()).await;
    let swapped = store.swap(shadow.id, Duration::from_secs(5)).await.unwrap();
    assert_eq!(swapped, annals::followers::Swap::Swapped);
    for values in join_all((0..20).map(|_| spent())).await {
        assert_eq!(values, [Value::from("much")]);
    }
    let which = WhichRows::Query(&Query::all().at_least("spent", 7));
    let asked = store.rows(&RowsOf { table: &old, claim: None, which }).await;
    let wrong = matches!(asked, Err(ReadError::Query(InvalidQuery::WrongType { .. })));
    assert!(wrong, "{asked:?}");
}

async fn put(store: &PostgresStore, held: &Claim, table: &TableShape, value: Value) {
    let state = Payload::parse("1").unwrap();
    let upserts = [Upsert { key: "anna".into(), state, values: vec![value] }];
    let rows = RowChanges { table, upserts: &upserts, deletes: &[] };
    store.commit(Step { rows: Some(rows), ..step(held, 0, 1) }).await.unwrap();
}

/// Postgres would compare an integer with a float; a list does not, on any store.
#[tokio::test]
async fn integers_are_not_compared_with_floats() {
    let store = fresh_store().await;
    store.declare(&declaration("customers", FollowerKind::ReadModel)).await.unwrap();
    let of = |kind| TableShape { columns: vec![ColumnShape { name: "spent", kind }], ..table() };
    let (made, thought) = (of(ColumnType::Integer), of(ColumnType::Float));
    let held = claim(&store, &live(&store).await).await;
    store.make(&held, Make::Table(&made), LIMITS).await.unwrap();
    put(&store, &held, &made, 7.into()).await;
    let which = WhichRows::Query(&Query::all().at_least("spent", 6.5));
    let asked = store.rows(&RowsOf { table: &thought, claim: None, which }).await;
    let wrong = matches!(asked, Err(ReadError::Query(InvalidQuery::WrongType { .. })));
    assert!(wrong, "{asked:?}");
}
