use std::num::NonZeroU16;

use super::{BuildId, Dependent, Outcome, Verify};
use crate::StoreError;

/// What a follower is told, from any process. A command that finds things as it wants them succeeds.
///
/// Those that change who may write (`Pause`, `EndRebuild`, `Repartition`) wait for a running step or undo it,
/// and take the parts from their owners, by new fences: once one has been answered, no step that began before
/// it commits any more.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Rest: no part of either build has an owner, or can be claimed, until `Resume`.
    Pause,
    /// Go on: after `Pause`, and wherever a part of either build has stopped.
    Resume,
    /// Make a shadow of the version that was declared last, from [`Position::START`](crate::Position::START)
    /// on, with as many parts as the live build. Before that all is checked that would stand in the way of
    /// the swap. Refused where there is a shadow, and for reactors.
    Rebuild {
        /// Compare it with the live build, which must be of the same version.
        verify: Option<Verify>,
    },
    /// Let the shadow take the place of the live build although events of it are parked: sets
    /// [`Build::may_swap_parked`](super::Build::may_swap_parked). The swap itself is made by who runs it. Refused
    /// where there is no shadow.
    Swap,
    /// Remove the shadow, its tables and its parts, and set
    /// [`FollowerBooks::last_rebuild`](super::FollowerBooks::last_rebuild).
    EndRebuild {
        /// The shadow; none for whichever there is. If it is another, there is none, or it has become the live one,
        /// the command is refused with [`CommandRefused::NoRebuild`].
        build: Option<BuildId>,
        /// What became of it; not [`Outcome::Swapped`].
        outcome: Outcome,
    },
    /// Divide the live build into as many parts: [`Build::floors`](super::Build::floors) become the positions
    /// of the former parts, and each new part begins at the lowest of them, with a new fence and no owner.
    /// The sum of [`PartState::events`](super::PartState::events) goes to the first. Refused where there is a
    /// shadow, a part has stopped ([`CommandRefused::Stopped`]), or the floors of a former division count still
    /// ([`CommandRefused::Settling`]): the lowest position is below the highest of them.
    Repartition(NonZeroU16),
    /// Try again what is parked in the live build and the shadow: sets
    /// [`ParkedEvent::retry`](super::ParkedEvent::retry), for the part that has the sequence to see.
    RetryParked {
        /// Only the events of this sequence; none for all.
        sequence: Option<String>,
    },
}

/// Why a follower did not do what it was told. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandRefused {
    /// The store knows no follower of this name.
    #[error("follower {name} is unknown; start a process that runs it")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Reactors are not rebuilt: what they did cannot be undone.
    #[error("follower {name} is a reactor, and is never rebuilt")]
    Reactor {
        /// The follower.
        name: String,
    },
    /// There is a shadow already, and the command needs that there is none.
    #[error("follower {name} is being rebuilt as v{version}; wait for it, or cancel the rebuild")]
    Rebuilding {
        /// The follower.
        name: String,
        /// The version of the shadow.
        version: u32,
    },
    /// There is no shadow, or another than was meant.
    #[error("follower {name} is not being rebuilt; nothing was changed")]
    NoRebuild {
        /// The follower.
        name: String,
    },
    /// Only a build of the same version can be compared with the live one.
    #[error(
        "follower {name} serves v{live}, and v{declared} cannot be compared with it; rebuild it instead"
    )]
    OtherVersion {
        /// The follower.
        name: String,
        /// The version that serves.
        live: u32,
        /// The version declared last.
        declared: u32,
    },
    /// Other objects hang on the tables, and a swap could not carry them over.
    #[error(
        "follower {name} cannot be rebuilt: {}; drop them for the rebuild, or let the follower make them itself",
        dependents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Dependents {
        /// The follower.
        name: String,
        /// The objects; at least one.
        dependents: Vec<Dependent>,
    },
    /// It was divided anew a short while ago, and not all parts have passed the place yet.
    #[error(
        "follower {name} is still settling after it was divided; try again once it has caught up"
    )]
    Settling {
        /// The follower.
        name: String,
    },
    /// A part of it has stopped, and a division would forget why.
    #[error("follower {name} has stopped; mend the cause and resume it first")]
    Stopped {
        /// The follower.
        name: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
