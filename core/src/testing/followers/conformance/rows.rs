use chrono::{DateTime, NaiveDate};

use super::{
    Fixture,
    doing::Doing,
    trial::{CUSTOMERS, Trial, row},
};
use crate::{
    Payload, Query,
    followers::{Command, Outcome, ReadError, Swap, Upsert, Value},
};

pub(super) async fn a_row_is_put_replaced_and_removed<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let doing = Doing::from_to(0, 1).put(row("a", "1")).put(row("b", "2")).delete("none");
    trial.stepped(&claim, doing).await;
    assert_eq!(trial.list(None).await, ["a=1", "b=2"]);
    let doing = Doing::from_to(1, 2).put(row("a", "3")).put(row("c", "4")).delete("b");
    trial.stepped(&claim, doing).await;
    assert_eq!(trial.list(None).await, ["a=3", "c=4"]);
    trial.stepped(&claim, Doing::from_to(2, 3).put(row("b", "5")).delete("a").delete("c")).await;
    assert_eq!(trial.list(None).await, ["b=5"]);
}

pub(super) async fn a_state_comes_back_to_the_letter<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let states = [
        "null",
        "1.0",
        "1e2",
        "-0.0",
        "18446744073709551615",
        "0.1000000000000000055511151231257827",
        r#"{"b":1,"a":[true,{"c":"\u0000 é \ud83d\ude00 'quoted'"}]}"#,
        r#"{"twice":1,"a":2}"#,
        r#""""#,
    ];
    let keyed = states.iter().enumerate();
    let rows: Vec<_> = keyed.map(|(number, state)| row(&number.to_string(), state)).collect();
    trial.stepped(&claim, Doing::from_to(0, 1).put_all(rows)).await;
    let found = trial.query(None, &Query::all()).await;
    let found = found.unwrap_or_else(|error| panic!("{error:?}"));
    let found: Vec<_> = found.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(found, states);
}

pub(super) async fn keys_are_any_text_without_nul<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let long = "k".repeat(2_000);
    let keys = ["", " ", "'\"\\;--", "%_", "A", "Z", "a", "a b", "a\n", "z", "{,}", "é", "😀"];
    let mut keys: Vec<_> = keys.into_iter().chain([&*long]).collect();
    keys.sort_unstable();
    let rows = keys.iter().map(|key| row(key, "1"));
    trial.stepped(&claim, Doing::from_to(0, 1).put_all(rows)).await;
    let found = trial.query(None, &Query::all()).await;
    let found = found.unwrap_or_else(|error| panic!("{error:?}"));
    let found: Vec<_> = found.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(found, keys, "bytewise");
    let mut found = trial.keyed(None, &keys).await.unwrap_or_else(|error| panic!("{error:?}"));
    found.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(found.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), keys);
    let deletes = keys.iter().fold(Doing::from_to(1, 2), |doing, key| doing.delete(key));
    trial.stepped(&claim, deletes).await;
    assert_eq!(trial.list(None).await, [""; 0]);
}

pub(super) async fn keys_find_their_rows_and_no_others<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let mut vip = row("b", "2");
    vip.values = vec![7.into(), 0.5.into(), "Ben".into(), true.into(), Value::Null];
    trial
        .stepped(&claim, Doing::from_to(0, 1).put(row("a", "1")).put(vip).put(row("c", "3")))
        .await;
    for claim in [None, Some(&claim)] {
        let found = trial.keyed(claim, &["c", "none", "b\0", "B", "b"]).await;
        let mut found = found.unwrap_or_else(|error| panic!("{error:?}"));
        found.sort_by(|one, other| one.key.cmp(&other.key));
        let told: Vec<_> =
            found.iter().map(|row| (&*row.key, row.state.as_str(), &row.ordered_by)).collect();
        assert_eq!(told, [("b", "2", &Value::Null), ("c", "3", &Value::Null)]);
        assert!(trial.keyed(claim, &[]).await.is_ok_and(|rows| rows.is_empty()));
    }
}

pub(super) async fn values_come_back_equal<F: Fixture>(trial: Trial<F>) {
    let claim = trial.running(CUSTOMERS).await;
    let time = |year| {
        let day = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
        Value::from(day.and_hms_micro_opt(1, 2, 3, 123_456).unwrap_or_default().and_utc())
    };
    let text = "ü".repeat(400);
    let values: [(&str, Vec<Value>); 5] = [
        ("spent", [i64::MIN, -1, 0, i64::MAX].map(Value::from).to_vec()),
        (
            "share",
            [f64::MIN, -1e-300, f64::MIN_POSITIVE, 0.1, 1.0 / 3.0, f64::MAX]
                .map(Value::from)
                .to_vec(),
        ),
        (
            "name",
            ["", " a", "A", "B", "a", "a ", "ä", "日本", "😀", &text].map(Value::from).to_vec(),
        ),
        ("vip", [false, true].map(Value::from).to_vec()),
        ("since", vec![time(-3_999), time(-1), DateTime::UNIX_EPOCH.into(), time(9_999)]),
    ];
    for (number, (column, values)) in (0_u64..).zip(values) {
        let columns_before = usize::try_from(number).unwrap_or(0);
        let rows: Vec<Upsert> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let mut row = row(&format!("{column}-{index}"), "0");
                row.values
                    .iter_mut()
                    .skip(columns_before)
                    .take(1)
                    .for_each(|put| *put = value.clone());
                row
            })
            .collect();
        trial.stepped(&claim, Doing::from_to(number, number + 1).put_all(rows)).await;
        for value in &values {
            let query = Query::all().equal(column, value.clone()).ascending(column);
            let found = trial.query(None, &query).await;
            let found = found.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
            let found: Vec<_> = found.into_iter().map(|row| row.ordered_by).collect();
            assert_eq!(found.as_slice(), std::slice::from_ref(value), "{column}");
        }
    }
}

pub(super) async fn many_rows_change_in_one_step<F: Fixture>(trial: Trial<F>) {
    const ROWS: usize = 10_000;
    let claim = trial.running(CUSTOMERS).await;
    let rows = |state: &'static str| {
        (0..ROWS).map(move |number| {
            let mut row = row(&format!("{number:05}"), state);
            row.values = vec![1.into(), 0.1.into(), "name".into(), true.into(), Value::Null];
            row
        })
    };
    trial.stepped(&claim, Doing::from_to(0, 1).put_all(rows("1"))).await;
    trial.stepped(&claim, Doing::from_to(1, 2).put_all(rows("2"))).await;
    let keys: Vec<_> = (0..ROWS).map(|number| format!("{number:05}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let found = trial.keyed(None, &keys).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(found.len(), ROWS);
    assert!(found.iter().all(|row| row.state == Payload::from_stored("2")));
    let gone = keys.iter().skip(1).fold(Doing::from_to(2, 3), |doing, key| doing.delete(key));
    trial.stepped(&claim, gone).await;
    assert_eq!(trial.list(None).await, ["00000=2"]);
}

pub(super) async fn a_claim_reads_the_rows_of_its_build<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 1).put(row("a", "1"))).await;
    let shadow = trial.rebuilding(CUSTOMERS).await.remove(0);
    trial.stepped(&shadow, Doing::from_to(0, 1).put(row("b", "2"))).await;
    assert_eq!(trial.list(None).await, ["a=1"]);
    assert_eq!(trial.list(Some(&live)).await, ["a=1"]);
    assert_eq!(trial.list(Some(&shadow)).await, ["b=2"]);
    assert!(trial.keyed(Some(&shadow), &["a"]).await.is_ok_and(|rows| rows.is_empty()));
    let owner = trial.part(shadow.part).await.owner;
    let owner = owner.unwrap_or_else(|| panic!("the part was claimed"));
    let again = trial.claim_part(owner, shadow.part).await;
    assert_eq!(trial.list(Some(&shadow)).await, ["b=2"], "whether it holds does not matter");

    assert_eq!(trial.swapped(again.part.build, super::trial::SOON).await, Swap::Swapped);
    assert!(!again.is_live, "what the claim says of it is out of date");
    assert_eq!(trial.list(Some(&again)).await, ["b=2"]);
    assert_eq!(trial.list(None).await, ["b=2"]);
    let gone = trial.query(Some(&live), &Query::all()).await;
    assert!(matches!(gone, Err(ReadError::NotMade { .. })), "the build is gone: {gone:?}");
    let gone = trial.keyed(Some(&live), &["a"]).await;
    assert!(matches!(gone, Err(ReadError::NotMade { .. })), "the build is gone: {gone:?}");
}

pub(super) async fn rows_of_an_unmade_build_are_not_those_that_serve<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 1).put(row("a", "1"))).await;
    trial.told(CUSTOMERS, Command::Rebuild { verify: None }).await;
    let build = trial.shadow(CUSTOMERS).await;
    let shadow = trial.claim_build(trial.member().await, &build).await.remove(0);
    let unmade = trial.query(Some(&shadow), &Query::all()).await;
    assert!(matches!(unmade, Err(ReadError::NotMade { .. })), "{unmade:?}");
    assert!(trial.make_table(&shadow).await.is_ok());
    assert_eq!(trial.list(Some(&shadow)).await, [""; 0]);
    let outcome = Outcome::Cancelled;
    trial.told(CUSTOMERS, Command::EndRebuild { build: Some(build.id), outcome }).await;
    let gone = trial.query(Some(&shadow), &Query::all()).await;
    assert!(matches!(gone, Err(ReadError::NotMade { .. })), "{gone:?}");
    assert_eq!(trial.list(None).await, ["a=1"]);
}
