use chrono::{DateTime, Utc};

use super::{
    Fixture,
    doing::Doing,
    trial::{CUSTOMERS, Trial, row, table},
};
use crate::{
    Cursor, FollowerStore, Query,
    followers::{
        ColumnShape, ColumnType, InvalidQuery, ReadError, Row, RowsOf, Upsert, Value, WhichRows,
    },
};

fn day(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default()
}

/// `a` to `e`; `b` and `d` are alike but for their key, and `e` has nothing but nulls.
fn sample() -> [Upsert; 5] {
    let some = |key: &str, spent: i64, share: f64, name: &str, vip: bool, since: i64| {
        let mut row = row(key, "0");
        row.values = vec![spent.into(), share.into(), name.into(), vip.into(), day(since).into()];
        row
    };
    [
        some("a", 10, 0.5, "Zoe", true, 3),
        some("b", 20, -0.0, "anna", false, 2),
        some("c", -5, 1.5, "Ärwin", true, 1),
        some("d", 20, 0.0, "anna", false, 2),
        row("e", "0"),
    ]
}

async fn filled<F: Fixture>(trial: &Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    trial.stepped(&claim, Doing::from_to(0, 1).put_all(sample())).await;
}

async fn select<F: Fixture>(trial: &Trial<F>, query: &Query) -> Vec<Row> {
    let rows = trial.query(None, query).await;
    rows.unwrap_or_else(|error| panic!("{error:?} was the answer to {query:?}"))
}

async fn keys<F: Fixture>(trial: &Trial<F>, query: &Query) -> String {
    select(trial, query).await.into_iter().map(|row| row.key).collect()
}

pub(super) async fn conditions_hold_for_every_type<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    let all = Query::all;
    for (query, expected) in [
        (all(), "abcde"),
        (all().equal("spent", 20), "bd"),
        (all().at_least("spent", 10), "abd"),
        (all().at_most("spent", 10_i64), "ac"),
        (all().at_least("spent", -5).at_most("spent", 10), "ac"),
        (all().equal("spent", None::<i64>), "e"),
        (all().equal("share", 0.0), "bd"),
        (all().at_least("share", 0.5), "ac"),
        (all().at_most("share", 0.0), "bd"),
        (all().equal("name", "anna"), "bd"),
        (all().at_least("name", "anna"), "bcd"),
        (all().at_most("name", "anna"), "abd"),
        (all().equal("vip", true), "ac"),
        (all().at_least("vip", false), "abcd"),
        (all().at_most("vip", false), "bd"),
        (all().equal("since", day(2)), "bd"),
        (all().at_least("since", day(2)), "abd"),
        (all().at_most("since", day(1)), "c"),
        (all().equal("key", "c"), "c"),
        (all().at_least("key", "b").at_most("key", "d"), "bcd"),
        (all().equal("key", Value::Null), ""),
        (all().equal("vip", true).equal("name", "anna"), ""),
        (all().equal("vip", true).at_most("since", day(1)), "c"),
        (all().with_limit(2), "ab"),
        (all().with_limit(0), ""),
        (all().with_limit(u32::MAX), "abcde"),
    ] {
        assert_eq!(keys(&trial, &query).await, expected, "{query:?}");
    }
}

pub(super) async fn nulls_come_last_and_ties_go_by_key<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    for (column, ascending, descending) in [
        ("spent", "cabde", "dbace"),
        ("share", "bdace", "cadbe"),
        ("name", "abdce", "cdbae"),
        ("vip", "bdace", "cadbe"),
        ("since", "cbdae", "adbce"),
        ("key", "abcde", "edcba"),
    ] {
        assert_eq!(keys(&trial, &Query::all().ascending(column)).await, ascending, "{column}");
        assert_eq!(keys(&trial, &Query::all().descending(column)).await, descending, "{column}");
    }
    let [first, ..] = &select(&trial, &Query::all().descending("spent")).await[..] else {
        panic!("no rows")
    };
    assert_eq!(first.ordered_by, Value::from(20));
    assert!(select(&trial, &Query::all()).await.iter().all(|row| row.ordered_by == Value::Null));
}

pub(super) async fn pages_give_every_row_once<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    let orders = ["spent", "share", "name", "vip", "since", "key"];
    let ordered = orders
        .iter()
        .flat_map(|column| [Query::all().ascending(*column), Query::all().descending(*column)]);
    let filtered = [Query::all(), Query::all().equal("spent", 20).descending("spent")];
    for query in ordered.chain(filtered) {
        let whole = select(&trial, &query).await;
        for size in [1, 2, 3, 5] {
            let (mut paged, mut page) = (Vec::new(), query.clone().with_limit(size));
            loop {
                let rows = select(&trial, &page).await;
                let Some(last) = rows.last() else { break };
                let cursor = page.cursor(last);
                page = page.after(cursor);
                paged.extend(rows);
                assert!(paged.len() <= whole.len(), "{size} at a time of {query:?}");
            }
            assert_eq!(paged, whole, "{size} at a time of {query:?}");
        }
    }
}

pub(super) async fn a_page_goes_on_where_a_row_was<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    let query = Query::all().descending("spent");
    for (value, key, expected) in [
        (Value::from(20), "c", "bace"),
        (15.into(), "z", "ace"),
        (Value::Null, "f", "e"),
        (Value::Null, "e", ""),
    ] {
        let row = Row { key: key.into(), state: row(key, "0").state, ordered_by: value };
        let after: Cursor = query.cursor(&row);
        assert_eq!(keys(&trial, &query.clone().after(after)).await, expected, "after {row:?}");
    }
}

pub(super) async fn what_the_table_cannot_answer_is_an_error<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    let all = Query::all;
    let by_spent = all().descending("spent");
    let [first, ..] = &select(&trial, &by_spent).await[..] else { panic!("no rows") };
    for query in [
        all().equal("city", 1),
        all().ascending("city"),
        all().ascending("state"),
        all().equal("spent", 1.0),
        all().at_least("spent", Value::Null),
        all().equal("name", "a\0"),
        all().equal("share", f64::NAN),
        all().ascending("spent").after(by_spent.cursor(first)),
    ] {
        let expected = query.check(&table()).err();
        match trial.query(None, &query).await {
            Err(ReadError::Query(error)) => {
                assert_eq!(format!("{:?}", Some(error)), format!("{expected:?}"), "{query:?}");
            }
            other => panic!("{query:?} was answered with {other:?}"),
        }
    }
}

pub(super) async fn a_query_is_of_the_table_that_was_made<F: Fixture>(trial: Trial<F>) {
    filled(&trial).await;
    let mut newer = table();
    newer.columns.retain(|column| column.name != "vip");
    newer.columns.insert(0, ColumnShape { name: "city", kind: ColumnType::Text });
    newer.indexes.clear();
    let query = |query| {
        let (trial, newer) = (&trial, &newer);
        async move {
            let which = WhichRows::Query(&query);
            trial.rows(&RowsOf { table: newer, claim: None, which }).await
        }
    };
    let known = query(Query::all().equal("vip", true).descending("spent")).await;
    let known: String = match known {
        Ok(rows) => rows.into_iter().map(|row| row.key).collect(),
        Err(error) => panic!("the table has these columns: {error:?}"),
    };
    assert_eq!(known, "ac", "whatever the caller knows of it");
    let unknown = query(Query::all().ascending("city")).await;
    let is_unknown = matches!(unknown, Err(ReadError::Query(InvalidQuery::UnknownColumn { .. })));
    assert!(is_unknown, "the table was made without it: {unknown:?}");
}
