//! A head that is lower than one that was told before, as while an append is open. Time is tokio's, and jumps.

use std::time::Duration;

use annals::{
    FollowerStoreExt, Followers, MemoryStore, Position,
    followers::{FailureKind, Outcome, State},
};
use tokio::time::sleep;

use crate::{
    ledger::{Balance, LONG, deposit, eventually},
    shaky::{NOT_HELD, Shaky},
};

/// A log of three events, all of which are in the read model, and the store of a process that sees the first of them only.
async fn held() -> (MemoryStore, Shaky<MemoryStore>) {
    let store = MemoryStore::new();
    for account in ["a", "b"] {
        deposit(&store, account, 1).await;
    }
    let last = deposit(&store, "c", 1).await;
    let before = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    before.wait_for("balances", last, LONG).await.unwrap();
    before.shutdown().await;
    let held = Shaky::steady(store.clone());
    held.hold_head(Position::new(1));
    (store, held)
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_down_for_a_moment_stops_nothing() {
    let (store, held) = held().await;
    let running = Followers::new(held.clone()).read_model::<Balance>().start().await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let status = running.follower("balances").status().await.unwrap();
    assert_ne!(status.state, State::Stopped, "{status}");
    held.hold_head(NOT_HELD);
    let at = deposit(&store, "d", 1).await;
    running.wait_for("balances", at, LONG).await.unwrap();
    running.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_stays_ahead_of_the_log_stops() {
    let (_store, held) = held().await;
    let running = Followers::new(held).read_model::<Balance>().start().await.unwrap();
    let follower = running.follower("balances");
    eventually(async || follower.status().await.unwrap().state == State::Stopped).await;
    let failure = follower.status().await.unwrap().last_failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Ahead, "{failure}");
    running.shutdown().await;
}

/// A shadow that is compared goes as far as the live build, whoever has seen that.
#[tokio::test(start_paused = true)]
async fn a_shadow_does_not_take_the_end_of_what_it_sees_for_that_of_the_live_build() {
    let (store, held) = held().await;
    store.follower("balances").rebuild_verified().await.unwrap();
    let running = Followers::new(held.clone()).read_model::<Balance>().start().await.unwrap();
    sleep(Duration::from_secs(5)).await;
    held.hold_head(NOT_HELD);
    let follower = running.follower("balances");
    eventually(async || follower.status().await.unwrap().rebuild.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert_eq!(last.outcome, Outcome::Swapped);
    running.shutdown().await;
}

/// The same on Postgres, where a writer that pauses amid its declaration does it, before a gap: the head goes down, and what another
/// process has read already is not told of.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_writer_that_pauses_before_it_declares_ends_no_read_early() {
    use annals::EventStore;

    use crate::stores::TestStore;

    let store = crate::postgres::fresh_store().await;
    deposit(&store, "a", 1).await;
    let take = sqlx::query("SELECT nextval(format('%I.positions', $1::text))").bind(store.schema());
    take.execute(store.pool()).await.unwrap();
    deposit(&store, "b", 1).await;
    let last = deposit(&store, "c", 1).await;
    let before = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    before.wait_for("balances", last, LONG).await.unwrap();
    before.shutdown().await;
    let follower = store.follower("balances");
    follower.rebuild_verified().await.unwrap();

    let mut writer = store.pool().acquire().await.unwrap();
    let declares = "SELECT pg_advisory_lock_shared($1::regnamespace::oid::integer, 1)";
    let declares = sqlx::query(declares).bind(format!("\"{}\"", store.schema()));
    declares.execute(&mut *writer).await.unwrap();
    let other = store.beside().await;
    assert_eq!(other.head().await.unwrap(), Position::new(1));
    let running = Followers::new(other.clone()).read_model::<Balance>().start().await.unwrap();
    let state = async || follower.status().await.unwrap().state;
    eventually(async || matches!(state().await, State::Interrupted { .. })).await;
    sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut *writer).await.unwrap();
    drop(writer);

    eventually(async || follower.status().await.unwrap().rebuild.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert_eq!(last.outcome, Outcome::Swapped);
    running.shutdown().await;
    other.shutdown().await;
    store.shutdown().await;
}
