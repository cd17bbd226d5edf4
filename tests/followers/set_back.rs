//! A server that loses its last commits, as after a crash with `synchronous_commit = off`, or a failover to a standby that was
//! behind: a checkpoint is further back than the process that follows has left it.

use annals::Followers;
use sqlx::AssertSqlSafe;

use crate::{
    ledger::{Behaviour, LONG, deposit, foreign},
    postgres::fresh_store,
    stores::TestStore,
};

#[tokio::test]
async fn a_quiet_follower_does_not_pass_over_a_step_that_was_lost() {
    let store = fresh_store().await;
    let start = async || {
        let journal = <annals::PostgresStore as TestStore>::journal(Behaviour::default());
        Followers::new(store.clone()).projection(journal).start().await.unwrap()
    };
    let running = start().await;
    let at = deposit(&store, "a", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    // Looked at, and not written down before the process ends.
    let last = foreign(&store).await;
    running.wait_for("journal", last, LONG).await.unwrap();

    let schema = store.schema();
    let lose = format!(
        "BEGIN; UPDATE \"{schema}\".parts SET position = 0; DELETE FROM \"{schema}_read\".journal; COMMIT"
    );
    sqlx::raw_sql(AssertSqlSafe(lose)).execute(store.pool()).await.unwrap();
    running.shutdown().await;

    let running = start().await;
    running.wait_for("journal", last, LONG).await.unwrap();
    assert_eq!(store.journalled().await, [("a".to_owned(), at.get())]);
    running.shutdown().await;
    store.shutdown().await;
}
