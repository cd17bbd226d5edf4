use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::*;
use crate::{
    Payload,
    followers::{ColumnShape, InvalidValue},
};

type Rows = BTreeMap<String, (Payload, Vec<Value>)>;

fn table() -> TableShape {
    let columns = [
        ("spent", ColumnType::Integer),
        ("share", ColumnType::Float),
        ("name", ColumnType::Text),
        ("vip", ColumnType::Boolean),
        ("since", ColumnType::Time),
    ];
    let columns = columns.map(|(name, kind)| ColumnShape { name, kind }).to_vec();
    TableShape { name: "customers", columns, indexes: Vec::new() }
}

fn day(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(day * 86_400, 0).unwrap()
}

/// `a` to `e`; `b` and `d` are alike but for their key, and `e` has nothing but nulls.
fn rows() -> Rows {
    let row = |key: &str, values: Vec<Value>| {
        (key.to_owned(), (Payload::parse(format!("{key:?}")).unwrap(), values))
    };
    let some = |spent: i64, share: f64, name: &str, vip: bool, since: i64| {
        vec![spent.into(), share.into(), name.into(), vip.into(), day(since).into()]
    };
    BTreeMap::from([
        row("a", some(10, 0.5, "Zoe", true, 3)),
        row("b", some(20, -0.0, "anna", false, 2)),
        row("c", some(-5, 1.5, "Ärwin", true, 1)),
        row("d", some(20, 0.0, "anna", false, 2)),
        row("e", vec![Value::Null; 5]),
    ])
}

fn select(query: &Query) -> Vec<Row> {
    let rows = rows();
    let stored = rows.iter().map(|(key, (state, values))| (&**key, state, &**values));
    query.select(&table(), stored).unwrap()
}

fn keys(query: &Query) -> String {
    select(query).into_iter().map(|row| row.key).collect()
}

#[test]
fn conditions_hold_for_every_type_and_never_for_nulls_but_equal() {
    let all = Query::all;
    let cases = [
        (all(), "abcde"),
        (all().equal("spent", 20), "bd"),
        (all().at_least("spent", 10), "abd"),
        (all().at_most("spent", 10_i64), "ac"),
        (all().at_least("spent", -5).at_most("spent", 10), "ac"),
        (all().equal("spent", None::<i64>), "e"),
        (all().equal("spent", Some(10_i64)), "a"),
        (all().equal("share", 0.0), "bd"),
        (all().at_least("share", 0.5), "ac"),
        (all().at_most("share", 0.0), "bd"),
        (all().equal("name", "anna"), "bd"),
        (all().at_least("name", "anna"), "bcd"),
        (all().at_most("name", "anna".to_owned()), "abd"),
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
        (all().with_limit(2), "ab"),
        (all().with_limit(0), ""),
    ];
    for (query, expected) in cases {
        assert_eq!(keys(&query), expected, "{query:?}");
    }
}

#[test]
fn nulls_come_last_in_either_direction_and_ties_go_by_key() {
    for (column, ascending, descending) in [
        ("spent", "cabde", "dbace"),
        ("share", "bdace", "cadbe"),
        ("name", "abdce", "cdbae"),
        ("vip", "bdace", "cadbe"),
        ("since", "cbdae", "adbce"),
        ("key", "abcde", "edcba"),
    ] {
        assert_eq!(keys(&Query::all().ascending(column)), ascending, "{column}");
        assert_eq!(keys(&Query::all().descending(column)), descending, "{column}");
    }
}

#[test]
fn pages_of_any_size_give_every_row_once_and_in_order() {
    let orders = ["spent", "share", "name", "vip", "since", "key"];
    let ordered = orders
        .iter()
        .flat_map(|column| [Query::all().ascending(*column), Query::all().descending(*column)]);
    for query in ordered.chain([Query::all(), Query::all().equal("spent", 20).descending("spent")])
    {
        let whole = select(&query);
        for size in 1..=6 {
            let (mut paged, mut page) = (Vec::new(), query.clone().with_limit(size));
            loop {
                let rows = select(&page);
                let Some(last) = rows.last() else { break };
                let cursor: Cursor = page.cursor(last).to_string().parse().unwrap();
                assert_eq!(cursor, page.cursor(last));
                page = page.after(cursor);
                paged.extend(rows);
                assert!(paged.len() <= whole.len(), "{size} at a time of {query:?}");
            }
            assert_eq!(paged, whole, "{size} at a time of {query:?}");
        }
    }
}

#[test]
fn a_page_goes_on_where_its_last_row_was_although_that_is_gone() {
    let cursor = |value: Value, key: &str| {
        let query = Query::all().descending("spent");
        let row = Row { key: key.into(), state: Payload::from_stored("0"), ordered_by: value };
        keys(&query.clone().after(query.cursor(&row)))
    };
    assert_eq!(cursor(20.into(), "c"), "bace");
    assert_eq!(cursor(15.into(), "z"), "ace");
    assert_eq!(cursor(Value::Null, "f"), "e");
    assert_eq!(cursor(Value::Null, "e"), "");
}

#[test]
fn rows_come_with_their_state_and_what_orders_them() {
    let [first, ..] = &select(&Query::all().ascending("name"))[..] else { panic!("no rows") };
    assert_eq!((first.key.as_str(), first.state.as_str()), ("a", "\"a\""));
    assert_eq!(first.ordered_by, Value::from("Zoe"));
    assert_eq!(select(&Query::all())[0].ordered_by, Value::Null);
}

#[test]
fn what_the_table_cannot_answer_is_an_error_that_says_why() {
    let refused = |query: &Query| query.select(&table(), []).unwrap_err().to_string();
    let all = Query::all;
    for query in [all().equal("city", 1), all().ascending("city"), all().at_most("city", 1)] {
        let expected = "customers has no column \"city\"; declare it in ReadModel::columns";
        assert_eq!(refused(&query), expected);
    }
    assert!(refused(&all().equal("state", "x")).contains("no column"), "state is not a column");
    assert!(refused(&all().descending("state")).contains("no column"));
    for query in [all().equal("spent", 1.0), all().at_least("spent", 1.0)] {
        let expected = "column spent of customers holds integer, and is compared with float";
        assert_eq!(refused(&query), expected);
    }
    assert!(refused(&all().equal("key", 1)).contains("key of customers holds text"));
    for query in [all().at_least("spent", Value::Null), all().at_most("spent", None::<i64>)] {
        assert_eq!(
            refused(&query),
            "column spent of customers is bounded by null; ask for equal to find nulls"
        );
    }
    let unstorable = [
        ("share", Value::Float(f64::NAN), InvalidValue::NotFinite),
        ("name", Value::from("a\0"), InvalidValue::Nul),
        ("key", Value::from("\0"), InvalidValue::Nul),
    ];
    for (column, value, source) in unstorable {
        let error = all().equal(column, value).check(&table()).unwrap_err();
        let (table, column) = ("customers".to_owned(), column.to_owned());
        assert_eq!(error, InvalidQuery::Value { table, column, source });
    }
}

#[test]
fn a_cursor_is_of_one_order_and_of_its_column() {
    let by_spent = Query::all().descending("spent");
    let cursor = by_spent.cursor(&select(&by_spent)[0]);
    let elsewhere =
        [Query::all(), Query::all().ascending("spent"), Query::all().descending("name")];
    for query in elsewhere {
        let error = query.after(cursor.clone()).check(&table()).unwrap_err();
        assert_eq!(error, InvalidQuery::Cursor { table: "customers".into() });
    }
    let forged = Cursor { value: Value::from("20"), ..cursor.clone() };
    let error = by_spent.clone().after(forged).check(&table()).unwrap_err();
    assert!(matches!(error, InvalidQuery::WrongType { .. }));
    let forged = Cursor { key: "\0".into(), ..cursor };
    let error = by_spent.after(forged).check(&table()).unwrap_err();
    assert!(matches!(error, InvalidQuery::Value { .. }));
}

#[test]
fn a_cursor_goes_through_a_url_and_back() {
    let values = [
        Value::Null,
        "ä \" %2F".into(),
        i64::MIN.into(),
        f64::MIN_POSITIVE.into(),
        0.1.into(),
        true.into(),
        DateTime::from_timestamp_nanos(1_123_456_789).into(),
    ];
    for value in values {
        for order in [None, Some(Order { column: "name".into(), descending: true })] {
            let cursor = Cursor { order, value: value.clone(), key: "é/\n".into() };
            let text = cursor.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert_eq!(text.parse::<Cursor>().unwrap(), cursor);
        }
    }
    for text in ["", "7", "zz", "é", "7b7d", "7b7d0", "+1+1"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}
