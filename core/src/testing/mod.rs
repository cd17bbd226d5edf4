//! For tests: given/when/then on aggregates, a lock on the shapes of stored events, a fixed clock, ids in order, and for
//! authors of stores the [conformance suite](mod@conformance).
#![expect(clippy::panic, reason = "a failed expectation is a panic")]

mod clock;
pub mod conformance;
mod diff;
mod event_shapes;
pub mod followers;
mod ids;
mod scenario;

pub use self::{
    clock::FixedClock,
    event_shapes::EventShapes,
    ids::SequentialIds,
    scenario::{Decided, Given, Scenario},
};
#[doc(inline)]
pub use crate::{conformance, follower_conformance};
