//! A server that loses its last commits, as after a crash with `synchronous_commit = off`, or a failover to a standby that was
//! behind: a checkpoint is further back than the process that follows has left it.

use std::time::Duration;

use annals::{Followers, PostgresStore, ReadModel};
use sqlx::AssertSqlSafe;

use crate::{
    ledger::{Balance, Behaviour, LONG, deposit, eventually, fold, foreign},
    postgres::fresh_store,
    stores::TestStore,
};

/// The server forgets what it has handled, in these tables, and has the parts as `lost` says.
async fn lose_all_steps(store: &PostgresStore, lost: &str, tables: &[&str]) {
    let schema = store.schema();
    let rows = tables.iter().map(|table| format!("DELETE FROM \"{schema}_read\".{table};"));
    let rows: String = rows.collect();
    let lose = format!("BEGIN; UPDATE \"{schema}\".parts SET {lost}; {rows} COMMIT");
    sqlx::raw_sql(AssertSqlSafe(lose)).execute(store.pool()).await.unwrap();
}

fn journal() -> <PostgresStore as TestStore>::Journal {
    PostgresStore::journal(Behaviour::default())
}

/// Nothing is appended that would show it that its steps are gone.
#[tokio::test]
async fn a_follower_that_goes_on_does_again_what_was_lost_though_nothing_happens() {
    let store = fresh_store().await;
    let running = Followers::new(store.clone())
        .read_model::<Balance>()
        .projection(journal())
        .with_lease(Duration::from_millis(500))
        .start()
        .await
        .unwrap();
    let reader = running.reader::<Balance>();
    // Of the last claim as well, where it was lost with them.
    for lost in ["position = 0", "position = 0, fence = fence - 1"] {
        for cents in 1..4 {
            let last = deposit(&store, "a", cents).await;
            reader.wait_for(last, LONG).await.unwrap();
            running.wait_for("journal", last, LONG).await.unwrap();
        }
        let (journalled, balances) = (store.journalled().await, fold(&store).await);
        lose_all_steps(&store, lost, &["journal", Balance::NAME]).await;

        eventually(async || store.journalled().await == journalled).await;
        let anna = async || reader.get(&"a".to_owned()).await.unwrap();
        eventually(async || anna().await.as_ref() == balances.get("a")).await;
    }
    running.shutdown().await;
    store.shutdown().await;
}

#[tokio::test]
async fn a_quiet_follower_does_not_pass_over_a_step_that_was_lost() {
    let store = fresh_store().await;
    let start = async || Followers::new(store.clone()).projection(journal()).start().await.unwrap();
    let running = start().await;
    let at = deposit(&store, "a", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    // Looked at, and not written down before the process ends.
    let last = foreign(&store).await;
    running.wait_for("journal", last, LONG).await.unwrap();

    lose_all_steps(&store, "position = 0", &["journal"]).await;
    running.shutdown().await;

    let running = start().await;
    running.wait_for("journal", last, LONG).await.unwrap();
    assert_eq!(store.journalled().await, [("a".to_owned(), at.get())]);
    running.shutdown().await;
    store.shutdown().await;
}
