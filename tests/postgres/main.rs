//! The Postgres store on a real server, which `cargo xtask test` starts.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod announcing;
mod asking;
mod cheap;
mod dumping;
mod follower_conformance;
mod followers;
mod fresh;
#[path = "../histories/mod.rs"]
mod histories;
mod in_transactions;
mod laws;
mod limits;
mod looking_inside;
mod migrating;
mod pages;
mod plans;
mod roles;
mod same_answers;
mod setting_up;
mod small_pool;
mod snapshots;
mod tailing;
#[path = "../repository/tally.rs"]
mod tally;
mod unchanged;

mod conformance {
    use super::fresh::fresh_store;

    annals::testing::conformance!(fresh_store);
    annals::testing::snapshot_conformance!(fresh_store);
}
