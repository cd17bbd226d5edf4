//! For tests: given/when/then on aggregates and on followers, a lock on the shapes of stored events, a store that fails at
//! named points, a fixed clock, ids in order, and for authors of stores the [conformance suite](mod@conformance).
#![expect(clippy::panic, reason = "a failed expectation is a panic")]

mod clock;
pub mod conformance;
mod diff;
mod event_shapes;
mod faulty;
pub mod followers;
mod following;
mod ids;
mod scenario;
pub mod snapshots;

pub use self::{
    clock::FixedClock,
    event_shapes::EventShapes,
    faulty::{CrashPoint, Faulty},
    following::{Followed, Following},
    ids::SequentialIds,
    scenario::{Decided, Given, Scenario},
};
#[doc(inline)]
pub use crate::{conformance, follower_conformance, snapshot_conformance};
