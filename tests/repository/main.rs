//! The typed layer on the memory store: commands, state, history, and the global stream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory"))]

mod account;
mod caching;
mod carrying;
mod executing;
mod faults;
mod following;
mod gate;
mod history;
mod keyed;
mod keyed_schedules;
mod properties;
mod queueing;
mod retrying;
mod schedules;
mod shelf;
mod snapshots;
mod tally;
mod unsteady;
