//! For tests: given/when/then on aggregates, a fixed clock, ids in order, and for authors of stores the
//! [conformance suite](mod@conformance).
#![expect(clippy::panic, reason = "a failed expectation is a panic")]

mod clock;
pub mod conformance;
mod diff;
pub mod followers;
mod ids;
mod scenario;

pub use self::{
    clock::FixedClock,
    ids::SequentialIds,
    scenario::{Decided, Given, Scenario},
};
#[doc(inline)]
pub use crate::{conformance, follower_conformance};
