use std::{error::Error, time::Duration};

use super::{CommandRefused, Failure, FailureKind, FollowerKind, InvalidColumns, InvalidQuery};
use crate::{Position, StoreError, report::report};

/// What a handler fails with: any error.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// A handler that failed. Made by what calls the handler, inside [`Work::run`](super::Work::run); and by a
/// store, for what it will not write or commit.
#[derive(Debug, thiserror::Error)]
#[error("{}", kind.sentence())]
pub struct HandlerFailed {
    /// Which of the events that the step handles is to blame, counted from 0; none if that is unknown, as
    /// always when a store made the error. Stores pass it on.
    pub at: Option<usize>,
    /// In which way. A store gives [`FailureKind::Error`] for what smaller batches may find the event of, and
    /// [`FailureKind::Refused`] for what no other try can mend.
    pub kind: FailureKind,
    /// Why.
    #[source]
    pub reason: HandlerError,
}

impl HandlerFailed {
    /// The reason with all its sources, as one line: what [`Failure::reason`] keeps.
    #[must_use]
    pub fn report(&self) -> String {
        report(&*self.reason)
    }
}

/// Why a step, or another change under a [`Claim`](super::Claim), did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The claim holds no more, or the checkpoint is not where the step, or the note, begins. Nothing was done.
    #[error(
        "another process runs this part by now, or its checkpoint has moved; nothing was committed, claim it again"
    )]
    Fenced,
    /// The work failed, or may not be committed. All of the step was undone.
    #[error(transparent)]
    Handler(#[from] HandlerFailed),
    /// The store failed. Nothing was done, unless it is [`StoreError::OutcomeUnknown`]: then claiming the part
    /// again tells, by its position.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StepError {
    /// Whether the work was left in the middle, by a panic or a timeout, so that nobody knows what its
    /// connection is at: a store closes it then.
    #[must_use]
    pub fn leaves_doubt(&self) -> bool {
        use FailureKind::{Panic, Timeout};
        matches!(self, Self::Handler(HandlerFailed { kind: Panic | Timeout, .. }))
    }
}

/// Why followers could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two followers of one program have one name.
    #[error("follower {name} is declared twice; give each a name of its own")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// The store knows a follower of this name as another kind.
    #[error(
        "follower {name} is known to the store as a {known}, not as a {declared}; take a new name"
    )]
    KindChanged {
        /// The follower.
        name: String,
        /// What the store knows it as.
        known: FollowerKind,
        /// What it is declared as.
        declared: FollowerKind,
    },
    /// A read model's columns make no table.
    #[error("read model {name} has columns that make no table")]
    Columns {
        /// The read model.
        name: String,
        /// What is wrong.
        source: InvalidColumns,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why rows of a read model cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The query cannot be answered.
    #[error(transparent)]
    Query(#[from] InvalidQuery),
    /// There is no table to read: the read model was never started, or the build that was asked for is gone.
    #[error("read model {name} has no such table; start a process that runs it")]
    NotMade {
        /// The read model.
        name: String,
    },
    /// A row does not fit the type: another version serves, or the shape was changed without a new version.
    #[error(
        "a row of {name}, made by version {live}, does not fit version {declared}; wait until that is \
         live, or raise ReadModel::VERSION"
    )]
    Shape {
        /// The read model.
        name: String,
        /// The version that made the row.
        live: u32,
        /// The version that reads it.
        declared: u32,
        /// Where and how it differs.
        source: serde_json::Error,
    },
    /// The columns that the read model declares make no table.
    #[error("read model {name} has columns that make no table")]
    Columns {
        /// The read model.
        name: String,
        /// What is wrong.
        source: InvalidColumns,
    },
    /// A key cannot be read back from its text.
    #[error("key {key:?} of {name} cannot be read back; make Display and FromStr of the key agree")]
    Key {
        /// The read model.
        name: String,
        /// The text.
        key: String,
        /// What the key's type said.
        source: HandlerError,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a comparison with a rebuild came to no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The rebuild was refused, or the store failed.
    #[error(transparent)]
    Refused(#[from] CommandRefused),
    /// The rebuild stopped. It goes on when the follower is resumed.
    #[error("the rebuild of {name} has stopped ({failure}); mend the cause and resume it")]
    Stopped {
        /// The follower.
        name: String,
        /// Why.
        failure: Box<Failure>,
    },
    /// The rebuild was cancelled, or another took its place.
    #[error("the rebuild of {name} was cancelled before it was compared")]
    Cancelled {
        /// The follower.
        name: String,
    },
}

/// Why waiting for a follower ended before it was where it was wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It took too long.
    #[error(
        "follower {name} is at {reached} after {timeout:?}, not yet at {wanted}; read later, or wait longer"
    )]
    Timeout {
        /// The follower.
        name: String,
        /// The position that was waited for.
        wanted: Position,
        /// Where it is.
        reached: Position,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// It stopped, and goes on only when it is resumed.
    #[error("follower {name} has stopped ({failure}); mend the cause and resume it")]
    Stopped {
        /// The follower.
        name: String,
        /// Why.
        failure: Box<Failure>,
    },
    /// Another version of it serves.
    #[error("follower {name} v{declared} is superseded by v{live}; deploy that version")]
    Superseded {
        /// The follower.
        name: String,
        /// The version of this program.
        declared: u32,
        /// The version that serves.
        live: u32,
    },
    /// The version of this program does not serve yet.
    #[error("follower {name} v{declared} does not serve after {timeout:?}: {state}")]
    NotLive {
        /// The follower.
        name: String,
        /// The version of this program.
        declared: u32,
        /// How its rebuild gets on, or how it ended.
        state: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The store knows no follower of this name.
    #[error("follower {name} is unknown; start a process that runs it")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreError;

    #[test]
    fn a_failure_is_kept_with_all_its_sources() {
        let reason = Box::new(StoreError::Unavailable("connection refused".into()));
        let failed = HandlerFailed { at: None, kind: FailureKind::Error, reason };
        assert_eq!(failed.to_string(), "the handler failed");
        assert_eq!(failed.report(), "the event store is not available: connection refused");
    }

    #[test]
    fn only_what_was_left_in_the_middle_leaves_doubt() {
        let failed = |kind| StepError::Handler(HandlerFailed { at: None, kind, reason: "".into() });
        assert!(failed(FailureKind::Panic).leaves_doubt());
        assert!(failed(FailureKind::Timeout).leaves_doubt());
        assert!(!failed(FailureKind::Error).leaves_doubt());
        assert!(!StepError::Fenced.leaves_doubt());
    }
}
