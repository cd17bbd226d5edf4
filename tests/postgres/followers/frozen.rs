//! A process that is frozen within a step, while the server sends it more than it reads.

use std::time::Duration;

use annals::{
    FollowerStore, PostgresStore,
    followers::{Beat, Claim, MemberId, PartId, Report},
};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sqlx::{PgConnection, postgres::PgRow};
use tokio::time::timeout;

use super::{member, projection};
use crate::fresh::{connection, fresh_store, name, run, url};

const BOUND: Duration = Duration::from_secs(20);

/// Begins a step of the part on the connection, and reads one row of many: the server waits to send the others.
async fn freeze<'a>(
    store: &PostgresStore,
    part: PartId,
    frozen: &'a mut PgConnection,
) -> BoxStream<'a, Result<PgRow, sqlx::Error>> {
    let pid: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *frozen).await.unwrap();
    let step =
        format!("BEGIN; UPDATE $schema.parts SET position = 1 WHERE build = {}", part.build.get());
    run(frozen, store, &step).await.unwrap();
    let rows = sqlx::query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)").fetch(frozen);
    let mut rows = rows.boxed();
    rows.try_next().await.unwrap().unwrap();
    let mut connection = connection().await;
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'ClientWrite')";
    while !sqlx::query_scalar::<_, bool>(waits).bind(pid).fetch_one(&mut connection).await.unwrap()
    {
        tokio::task::yield_now().await;
    }
    rows
}

async fn beat(store: &PostgresStore, member: MemberId, lease: Duration) {
    let beat = Beat { member, name: "shop-1".into(), lease, report: Report::default() };
    store.books(Some(&beat)).await.unwrap();
}

async fn claimed(store: &PostgresStore, part: PartId) -> Claim {
    let claimed = async {
        loop {
            if let Some(claim) = store.claim(member(), &[part]).await.unwrap().pop() {
                return claim;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(BOUND, claimed).await.expect("nobody has the part any more")
}

#[tokio::test]
async fn a_part_whose_owner_is_frozen_while_it_is_sent_something_is_taken_after_its_lease() {
    let store = fresh_store().await;
    let part = projection(&store).await.part;
    let owner = member();
    beat(&store, owner, Duration::from_secs(60)).await;
    store.claim(owner, &[part]).await.unwrap();
    let mut frozen = connection().await;
    let mut rows = freeze(&store, part, &mut frozen).await;
    for _ in 0..3 {
        assert_eq!(store.claim(member(), &[part]).await.unwrap(), [], "its lease is not over");
    }
    beat(&store, owner, Duration::ZERO).await;
    let claim = claimed(&store, part).await;
    assert_eq!(claim.position.get(), 0, "what it did is undone");
    while let Ok(row) = rows.try_next().await {
        assert!(row.is_some(), "it was sent everything");
    }
}

/// Whoever claims may be no member of the role: then it is left alone, and goes on when it can.
#[tokio::test]
async fn a_session_of_another_role_is_left_alone() {
    let store = fresh_store().await;
    let part = projection(&store).await.part;
    let (role, schema) = (name(), store.schema());
    let rights = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA $schema TO {role};
         GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA $schema TO {role};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA $schema TO {role}"
    );
    run(&mut connection().await, &store, &rights).await.unwrap();
    let other = url().replace("//postgres@", &format!("//{role}@"));
    let other = PostgresStore::builder().with_schema(schema).connect(&other).await.unwrap();
    let mut frozen = connection().await;
    let mut rows = freeze(&store, part, &mut frozen).await;
    for _ in 0..3 {
        assert_eq!(other.claim(member(), &[part]).await.unwrap(), []);
    }
    while rows.try_next().await.unwrap().is_some() {}
    drop(rows);
    sqlx::raw_sql("COMMIT").execute(&mut frozen).await.unwrap();
    assert_eq!(claimed(&other, part).await.position.get(), 1, "what it did is done");
}
