//! Rebuilds on a real Postgres server: the swap, what hangs on the tables, the comparison. The books are kept by hand here,
//! so that each moment can be held.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../postgres/fresh.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod fresh;

mod books;
mod comparing;
mod hanging;
mod killed;
mod snapshots;
mod strangers;
mod swapping;
mod under_load;
