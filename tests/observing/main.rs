//! What is told to `tracing` and `metrics` is what happened, and what `docs/observing.md` lists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory", feature = "tracing", feature = "metrics"))]

mod commands;
mod documented;
mod ears;
mod following;
#[path = "../followers/ledger.rs"]
#[allow(dead_code, reason = "shared with the tests of followers, which need more of it")]
mod ledger;
#[path = "../followers/shaky.rs"]
#[allow(dead_code, reason = "likewise")]
mod shaky;
mod snapshots;
#[path = "../followers/stores.rs"]
#[allow(dead_code, reason = "likewise")]
mod stores;
