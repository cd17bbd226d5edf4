//! The protocols that the guarantees rest on, as small models of which every state is looked at.
//!
//! A model is a protocol in plain code: what everybody does, step by step, and what must never be seen. The tests
//! go through all orders in which the steps of a few writers, readers or processes can happen, with everything that can
//! fail on the way. They do the same with protocols that are wrong in one place, and demand that this is found.
//! What that shows, and what it does not: `docs/models.md`.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a model is read as a whole, and has tests only for users"
)]

pub mod lease;
pub mod watermark;

mod findings;

pub use findings::{falls, holds};
