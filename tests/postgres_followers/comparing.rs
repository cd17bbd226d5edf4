//! A shadow is compared with the live build.

use std::time::Duration;

use annals::{
    FollowerStore, Position,
    followers::{BuildId, Compared, Differences},
};

use crate::books::{Follower, PATIENCE, SALES};

async fn compare(sales: &Follower, shadow: i64) -> Compared {
    sales.store.compare(BuildId::new(shadow.cast_unsigned()), PATIENCE).await.unwrap()
}

async fn differences(sales: &Follower, shadow: i64) -> Differences {
    match compare(sales, shadow).await {
        Compared::At(differences) => differences,
        other => panic!("{other:?}"),
    }
}

const CUSTOMERS: &str = "CREATE TABLE customers (key text COLLATE \"C\" PRIMARY KEY, state json NOT NULL, spent bigint, name text)";

#[tokio::test]
async fn exactly_the_rows_of_a_read_model_that_differ_are_told() {
    let row = |key: &str, state: &str, spent: &str| format!("('{key}', '{state}', {spent}, 'n')");
    let insert =
        |rows: &[String]| format!("{CUSTOMERS}; INSERT INTO customers VALUES {}", rows.join(", "));
    let live = insert(&[
        row("same", r#"{"a": 1, "b": "\u0000"}"#, "1"),
        row("order", r#"{"a": 1, "b": {"x": 1, "y": 18446744073709551615}}"#, "NULL"),
        row("state", r#"{"a": 1}"#, "1"),
        row("columns", "{}", "1"),
        row("null", "{}", "NULL"),
        row("Only live", "[1]", "1"),
        row("number", "1", "1"),
    ]);
    let rebuilt = insert(&[
        row("same", r#"{"a": 1, "b": "\u0000"}"#, "1"),
        row("order", r#"{ "b": {"y": 18446744073709551615, "x": 1}, "a": 1}"#, "NULL"),
        row("state", r#"{"a": 2}"#, "1"),
        row("columns", "{}", "2"),
        row("null", "{}", "0"),
        row("only rebuilt", "[1]", "1"),
        row("number", "1.0", "1"),
    ]);
    let url = crate::fresh::url();
    let sales = Follower::of_kind("read model", &url, &live, 1).await;
    let shadow = sales.shadow(&rebuilt).await;
    sales.run("UPDATE $schema.parts SET position = 7").await;
    let found = differences(&sales, shadow).await;
    let expected = "6 rows differ at 7
  customers \"Only live\": [1] (1,n) is live, nothing was rebuilt
  customers \"columns\": {} (1,n) is live, {} (2,n) was rebuilt
  customers \"null\": {} (,n) is live, {} (0,n) was rebuilt
  customers \"number\": 1 (1,n) is live, 1.0 (1,n) was rebuilt
  customers \"only rebuilt\": nothing is live, [1] (1,n) was rebuilt
  customers \"state\": {\"a\": 1} (1,n) is live, {\"a\": 2} (1,n) was rebuilt";
    assert_eq!(found.to_string(), expected);
    assert_eq!(found.position, Position::new(7));
}

#[tokio::test]
async fn exactly_the_rows_of_a_projection_that_differ_are_told() {
    let create = |rows: &str| {
        format!(
            "CREATE TABLE days (day bigint, n bigint DEFAULT 0, label text DEFAULT 'it''s'::text);
             CREATE TABLE lines (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT clock_timestamp(), n json,
                                 twice bigint GENERATED ALWAYS AS (2) STORED);
             INSERT INTO lines (n) SELECT '[1]' FROM generate_series(1, 2); INSERT INTO days VALUES {rows}"
        )
    };
    let sales = Follower::new(&create("(1, 1), (1, 1), (2, 2), (3, NULL)")).await;
    let shadow = sales.shadow(&create("(1, 1), (2, 2), (2, 2), (4, NULL), (3, NULL)")).await;
    let found = differences(&sales, shadow).await;
    let expected = "3 rows differ at 0
  days: (1,1,it's) is live, nothing was rebuilt
  days: nothing is live, (2,2,it's) was rebuilt
  days: nothing is live, (4,,it's) was rebuilt
  not compared: lines.id, lines.at";
    assert_eq!(found.to_string(), expected);
    let many = "INSERT INTO $read.days SELECT n FROM generate_series(1001, 1250) n";
    sales.run(many).await;
    let found = differences(&sales, shadow).await;
    assert_eq!((found.count, found.rows.len()), (253, 100));
}

#[tokio::test]
async fn both_are_compared_at_one_place_and_the_live_one_goes_on_meanwhile() {
    let sales = Follower::at(&crate::fresh::url(), SALES, 2).await;
    let shadow = sales.shadow(SALES).await;
    let moved = |build: i64, part: i32, to: i32| {
        format!("UPDATE $schema.parts SET position = {to} WHERE build = {build} AND part = {part}")
    };
    let id = BuildId::new(shadow.cast_unsigned());
    let short = Duration::from_millis(30);
    sales.run(&moved(sales.live, 0, 5)).await;
    assert_eq!(sales.store.compare(id, short).await.unwrap(), Compared::Behind);
    // It comes to where the live one is while that is held, whose own step waits.
    let ahead = async {
        loop {
            let free =
                sales.ask("SELECT 1 FROM $schema.parts WHERE is_live FOR UPDATE SKIP LOCKED").await;
            if free.is_empty() {
                break;
            }
        }
        let mut live = sales.connection().await;
        let step = format!(
            "BEGIN; {}; INSERT INTO $read.days VALUES (9, 9); COMMIT",
            moved(sales.live, 0, 9)
        );
        let step = sales.run_on(&mut live, &step);
        let caught_up = moved(shadow, 0, 5);
        let caught_up = sales.run(&caught_up);
        let (step, ()) = tokio::join!(step, caught_up);
        step.unwrap();
    };
    let (compared, ()) = tokio::join!(compare(&sales, shadow), ahead);
    let Compared::At(found) = compared else { panic!("{compared:?}") };
    assert_eq!(found.to_string(), "0 rows differ at 5");
    // Further than the live one; a division that is not settled; no shadow.
    sales.run(&format!("{}; {}", moved(shadow, 0, 9), moved(shadow, 1, 1))).await;
    assert_eq!(compare(&sales, shadow).await, Compared::Behind);
    sales.run("UPDATE $schema.parts SET position = 9").await;
    sales.run("UPDATE $schema.builds SET floors = '{3,12}' WHERE is_live").await;
    assert_eq!(sales.store.compare(id, short).await.unwrap(), Compared::Behind);
    sales.run("UPDATE $schema.builds SET floors = '{3,9}' WHERE is_live").await;
    assert_eq!(differences(&sales, shadow).await.count, 1);
    assert_eq!(compare(&sales, sales.live).await, Compared::Gone);
}

#[tokio::test]
async fn a_comparison_that_is_slow_holds_nobody_up() {
    // A row of the view below is made while the comparison reads: it waits for a lock that the test has.
    let create = format!("{SALES}; INSERT INTO days VALUES (1, 1)");
    let sales = Follower::new(&create).await;
    let shadow = sales.shadow(&create).await;
    let mut blocker = sales.connection().await;
    sales
        .run_on(&mut blocker, "BEGIN; LOCK TABLE $build.total IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let meanwhile = async {
        sales.until_somebody_waits_for(&mut blocker).await;
        // It compares, and the live build's step runs through.
        sales
            .run("SET lock_timeout = 1000; UPDATE $schema.parts SET position = 1 WHERE is_live; UPDATE $read.days SET n = 2")
            .await;
        sales.run_on(&mut blocker, "COMMIT").await.unwrap();
    };
    let (found, ()) = tokio::join!(differences(&sales, shadow), meanwhile);
    assert_eq!(found.to_string(), "0 rows differ at 0");
}
