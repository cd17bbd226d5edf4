//! For tests: given/when/then on aggregates, a fixed clock, ids in order, and for authors of stores the
//! [conformance suite](conformance).
#![expect(clippy::panic, reason = "a failed expectation is a panic")]

mod clock;
pub mod conformance;
mod diff;
mod ids;
mod scenario;

pub use self::{
    clock::FixedClock,
    ids::IdsInOrder,
    scenario::{Decided, Given, Scenario},
};
pub use crate::__conformance as conformance;
