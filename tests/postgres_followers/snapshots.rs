//! Readers whose snapshot is older than a swap.

use annals::followers::Swap;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::books::{Follower, SALES};

/// A build of `days` days.
fn days(days: i32) -> String {
    format!("{SALES}; INSERT INTO days SELECT day, 1 FROM generate_series(1, {days}) day")
}

async fn count(sales: &Follower, connection: &mut PgConnection) -> i64 {
    let days = sales.fill("SELECT count(*) FROM $read.days");
    sqlx::query_scalar(AssertSqlSafe(days)).fetch_one(connection).await.unwrap()
}

/// The limit that the chapter on guarantees tells of, and its two ways around it.
#[tokio::test]
async fn a_snapshot_from_before_the_swap_sees_the_new_build_as_it_was_then() {
    let sales = Follower::new(&days(3)).await;
    let shadow = sales.shadow(&days(1)).await;
    let (mut reader, mut touching, mut committed) =
        (sales.connection().await, sales.connection().await, sales.connection().await);
    let repeatable = "BEGIN ISOLATION LEVEL REPEATABLE READ";
    let mut old = reader.begin_with(repeatable).await.unwrap();
    sqlx::query("SELECT 1").execute(&mut *old).await.unwrap();
    let mut usual = committed.begin().await.unwrap();
    sqlx::query("SELECT 1").execute(&mut *usual).await.unwrap();
    let mut first = touching.begin_with(repeatable).await.unwrap();
    assert_eq!(count(&sales, &mut first).await, 3);
    assert!(
        matches!(sales.swap(shadow).await, Swap::Held { .. }),
        "who has touched it is waited for"
    );
    first.commit().await.unwrap();

    sales.run("INSERT INTO $build.days VALUES (2, 1), (3, 1)").await;
    assert_eq!(sales.swap(shadow).await, Swap::Swapped);
    assert_eq!(count(&sales, &mut old).await, 1, "partly filled, as it was");
    assert_eq!(count(&sales, &mut usual).await, 3);
}
