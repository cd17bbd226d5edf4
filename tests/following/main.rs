//! The testing kit for followers: it lets right ones pass, and finds what is wrong with others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(all(feature = "macros", feature = "memory"))]

mod passing;
#[cfg(feature = "postgres")]
mod postgres;
mod shop;
mod wrong;
