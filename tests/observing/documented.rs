//! `docs/observing.md` lists what is told, with all its fields and labels, and nothing else.

use std::collections::BTreeSet;

use crate::{
    commands,
    ears::{Ears, Vocabulary, vocabulary},
    following, snapshots,
};

/// The names in the first column of the table under `heading`, with those in the second.
fn documented(heading: &str) -> Vocabulary {
    let document = include_str!("../../docs/observing.md");
    let (_, section) = document.split_once(heading).expect("the section should be there");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let named = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').collect();
        (named(cells[1]).pop_first().unwrap(), named(cells[2]))
    };
    rows.map(row).collect()
}

#[tokio::test]
async fn all_that_is_told_is_documented_and_all_that_is_documented_is_told() {
    let ears = Ears::open();
    commands::run(&ears).await;
    snapshots::run(&ears).await;
    following::rebuilding(&ears).await;
    following::losing_the_store(&ears).await;
    following::losing_steps(&ears).await;
    following::stopping(&ears).await;
    following::parking(&ears).await;
    assert_eq!(vocabulary(&ears.all_spans()), documented("## Spans"));
    assert_eq!(vocabulary(&ears.all_events()), documented("## Events"));
    let metrics = documented("## Metrics");
    assert_eq!(ears.metrics(), metrics);
    assert_eq!(ears.described(), metrics.into_keys().collect());
}
