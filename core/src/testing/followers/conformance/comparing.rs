use std::time::Duration;

use super::{
    Fixture,
    doing::Doing,
    trial::{CUSTOMERS, NOTES, SOON, Trial, position, row, soon},
};
use crate::followers::{
    BuildId, Claim, Command, Compared, Difference, Differences, Outcome, Swap, Upsert, Verify,
};

async fn verifying<F: Fixture>(trial: &Trial<F>, name: &str) -> Claim {
    trial.told(name, Command::Rebuild { verify: Some(Verify::Report) }).await;
    let shadow = trial.shadow(name).await;
    trial.made(name, &shadow).await.remove(0)
}

async fn differences<F: Fixture>(trial: &Trial<F>, shadow: &Claim) -> Differences {
    match trial.compared(shadow.part.build, SOON).await {
        Compared::At(differences) => differences,
        other => panic!("they are at one position, and the answer is {other:?}"),
    }
}

/// Key, and whether each has it.
fn told(rows: &[Difference]) -> Vec<(&str, bool, bool)> {
    let told = |row: &Difference| (row.live.is_some(), row.rebuilt.is_some());
    rows.iter()
        .map(|row| (row.key.as_deref().unwrap_or("none"), told(row)))
        .map(|(key, (live, rebuilt))| (key, live, rebuilt))
        .collect()
}

pub(super) async fn equal_builds_do_not_differ<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let with = |state: &str| {
        let mut row = row("a", state);
        row.values =
            vec![1.into(), 0.1.into(), "Anna".into(), true.into(), crate::followers::Value::Null];
        row
    };
    let doing = Doing::from_to(0, 5).put(row("b", "[1,2]"));
    trial.stepped(&live, doing.clone().put(with(r#"{"a": 1, "b": [0.1]}"#))).await;
    trial.stepped(&shadow, doing.put(with(r#"{"b":[1e-1],"a":1}"#))).await;
    let before = trial.follower(CUSTOMERS).await;
    let found = differences(&trial, &shadow).await;
    assert!(found.is_empty(), "the order of an object's fields is no difference: {found}");
    assert_eq!((found.position, found.rows), (position(5), vec![]));
    assert_eq!(trial.follower(CUSTOMERS).await, before, "it changes nothing");
    trial.stepped(&live, Doing::from_to(5, 6)).await;
    trial.stepped(&shadow, Doing::from_to(5, 6)).await;
    assert_eq!(differences(&trial, &shadow).await.position, position(6));
}

pub(super) async fn rows_that_differ_are_named<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let spent = |key: &str, state: &str, spent: i64| {
        let mut row = row(key, state);
        row.values.iter_mut().take(1).for_each(|value| *value = spent.into());
        row
    };
    let doing = Doing::from_to(0, 5).put(row("same", "1"));
    let rows =
        [row("B", "1"), spent("column", "1", 1), row("state", r#"{"n":1}"#), row("null", "1")];
    trial.stepped(&live, doing.clone().put_all(rows)).await;
    let rows =
        [row("a", "1"), spent("column", "1", 2), row("state", r#"{"n":2}"#), spent("null", "1", 0)];
    trial.stepped(&shadow, doing.put_all(rows)).await;
    let Differences { count, rows, position: at, .. } = differences(&trial, &shadow).await;
    assert_eq!((count, at), (5, position(5)));
    assert!(rows.iter().all(|row| row.table == CUSTOMERS), "{rows:?}");
    let expected = [
        ("B", true, false),
        ("a", false, true),
        ("column", true, true),
        ("null", true, true),
        ("state", true, true),
    ];
    assert_eq!(told(&rows), expected);
    let state = rows.iter().find(|row| row.key.as_deref() == Some("state"));
    let is_shown =
        |text: Option<&String>, number: char| text.is_some_and(|text| text.contains(number));
    assert!(
        state.is_some_and(
            |row| is_shown(row.live.as_ref(), '1') && is_shown(row.rebuilt.as_ref(), '2')
        ),
        "{state:?}"
    );
}

pub(super) async fn the_first_hundred_differences_are_told<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let rows = |from: usize, to: usize| (from..to).map(|number| row(&format!("{number:04}"), "1"));
    let rows = |from, to| rows(from, to).collect::<Vec<Upsert>>();
    trial.stepped(&live, Doing::from_to(0, 5).put_all(rows(0, 2_000))).await;
    trial.stepped(&shadow, Doing::from_to(0, 5).put_all(rows(500, 2_700))).await;
    let Differences { count, rows, .. } = differences(&trial, &shadow).await;
    assert_eq!((count, rows.len()), (1_200, 100));
    let first: Vec<_> = (0..100).map(|number| format!("{number:04}")).collect();
    assert_eq!(rows.into_iter().filter_map(|row| row.key).collect::<Vec<_>>(), first);
}

pub(super) async fn tables_of_projections_are_compared<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(NOTES).await;
    let shadow = verifying(&trial, NOTES).await;
    for claim in [&live, &shadow] {
        trial.wrote(claim, Doing::from_to(0, 5), "one").await;
    }
    let found = differences(&trial, &shadow).await;
    assert!(found.is_empty(), "{found}");
    trial.wrote(&live, Doing::from_to(5, 6), "two").await;
    trial.stepped(&shadow, Doing::from_to(5, 6)).await;
    let found = differences(&trial, &shadow).await;
    assert!(!found.is_empty() && !found.rows.is_empty(), "{found}");
    assert!(found.rows.iter().all(|row| row.key.is_none()), "{found}");
    assert_eq!(trial.read_notes().await, ["one", "two"]);
}

pub(super) async fn builds_at_two_positions_are_not_compared<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 5)).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let build = shadow.part.build;
    trial.stepped(&shadow, Doing::from_to(0, 4)).await;
    for patience in [Duration::ZERO, Duration::from_millis(20)] {
        assert_eq!(trial.compared(build, patience).await, Compared::Behind);
    }
    soon("the live build", trial.stepped(&live, Doing::from_to(5, 6))).await;
    trial.stepped(&shadow, Doing::from_to(4, 7)).await;
    let passed = trial.compared(build, Duration::from_millis(20)).await;
    assert_eq!(passed, Compared::Behind, "it has passed the live build");
    trial.stepped(&live, Doing::from_to(6, 7)).await;
    assert_eq!(differences(&trial, &shadow).await.position, position(7));
}

pub(super) async fn a_comparison_waits_for_the_shadow<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 5).put(row("a", "1"))).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let comparing = tokio::spawn({
        let (trial, build) = (trial.clone(), shadow.part.build);
        async move { trial.compared(build, SOON).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    soon("the shadow", trial.stepped(&shadow, Doing::from_to(0, 5).put(row("a", "1")))).await;
    match soon("the comparison", comparing).await {
        Ok(Compared::At(differences)) => assert!(differences.is_empty(), "{differences}"),
        other => panic!("{other:?}"),
    }
    soon("the live build", trial.stepped(&live, Doing::from_to(5, 6))).await;
}

pub(super) async fn what_is_no_shadow_is_not_compared<F: Fixture>(trial: Trial<F>) {
    let live = trial.running(CUSTOMERS).await;
    trial.stepped(&live, Doing::from_to(0, 5)).await;
    let shadow = verifying(&trial, CUSTOMERS).await;
    let build = shadow.part.build;
    assert_eq!(trial.compared(live.part.build, SOON).await, Compared::Gone);
    assert_eq!(trial.compared(BuildId::new(build.get() + 1_000), SOON).await, Compared::Gone);
    trial.told(CUSTOMERS, Command::EndRebuild { build: None, outcome: Outcome::Cancelled }).await;
    assert_eq!(trial.compared(build, SOON).await, Compared::Gone);
    let next = trial.rebuilding(CUSTOMERS).await.remove(0);
    trial.stepped(&next, Doing::from_to(0, 5)).await;
    assert!(differences(&trial, &next).await.is_empty(), "any shadow can be compared");
    assert_eq!(trial.swapped(next.part.build, SOON).await, Swap::Swapped);
    assert_eq!(trial.compared(next.part.build, SOON).await, Compared::Gone);
}
