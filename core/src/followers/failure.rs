use std::fmt;

use chrono::{DateTime, Utc};

use super::{PartId, name::named};
use crate::{EventId, Position};

/// In which way a follower failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler answered an error, or a row could not be stored.
    Error,
    /// The handler panicked.
    Panic,
    /// The handler took longer than it may.
    Timeout,
    /// The event cannot be decoded.
    Unreadable,
    /// The store will not commit what was done, and no other try can mend it: a `create` that made nothing, a
    /// rebuild that wrote to tables it did not make, a handler that ended the transaction. It stops the
    /// part whatever the policy is.
    Refused,
    /// The checkpoint is ahead of the log, as after an earlier backup was restored. It stops the part.
    Ahead,
    /// More events are parked than may be. It stops the part.
    TooManyParked,
}

named!(FailureKind is "kind of failure" {
    Error = "error",
    Panic = "panic",
    Timeout = "timeout",
    Unreadable = "unreadable",
    Refused = "refused",
    Ahead = "ahead",
    TooManyParked = "too many parked",
});

impl FailureKind {
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Error => "the handler failed",
            Self::Panic => "the handler panicked; mend it and resume",
            Self::Timeout => "the handler took longer than its timeout",
            Self::Unreadable => "the event cannot be read",
            Self::Refused => "what was done may not be committed",
            Self::Ahead => "the checkpoint is ahead of the log; rebuild the follower",
            Self::TooManyParked => "too many events are parked; mend the cause and resume",
        }
    }
}

/// What the store keeps about an event that failed: one for each position of a build, the last word about
/// it. It is kept when the event succeeds later; a part whose checkpoint is at or past the position has passed it, or
/// parked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The part that failed.
    pub part: PartId,
    /// Of the event; where no event is to blame, the checkpoint of the part.
    pub position: Position,
    /// The event; none where no event is to blame.
    pub event_id: Option<EventId>,
    /// What order is kept in: the key of a read model's row, else the stream; empty where no event is to blame.
    pub sequence: String,
    /// In which way it failed last.
    pub kind: FailureKind,
    /// Why it failed last, with all sources, in one line.
    pub reason: String,
    /// How often it failed: tries, in all processes and since ever; at least 1.
    pub count: u32,
    /// When it failed first, by the store's clock.
    pub first_at: DateTime<Utc>,
    /// When it failed last, by the store's clock.
    pub last_at: DateTime<Utc>,
}

/// `position 311 (account-anna), 3 tries, 12:01:33: relation "sales" does not exist`
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position {}", self.position)?;
        if !self.sequence.is_empty() {
            write!(f, " ({})", self.sequence)?;
        }
        let tries = if self.count == 1 { "try" } else { "tries" };
        let at = self.last_at.format("%H:%M:%S");
        write!(f, ", {} {tries}, {at}: {}", self.count, self.reason)
    }
}

/// What is written down about a part outside of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It failed. Counted in [`Failure::count`] of the build and position, which is made if there is none. A
    /// sequence that was to be retried is to be no more: [`ParkedEvent::retry`].
    Failed(NotedFailure),
    /// Everything after `from` and up to `to` was looked at, and nothing concerned the part. The checkpoint moves to `to`
    /// from `from`, or from anywhere between the two, `to` itself included: there an earlier note put it whose answer was
    /// lost. Where it is elsewhere nothing is changed, and the note is fenced as a step is: a checkpoint before `from`
    /// was set back, as by a server that lost its last commits, and would pass over what has to be done again.
    Passed {
        /// Where the checkpoint was last known to be.
        from: Position,
        /// Where it is afterwards. Not below `from`.
        to: Position,
    },
}

/// A failure as the process that met it notes it. Fields not described are as in [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedFailure {
    /// Of the event; where no event is to blame, the checkpoint of the part.
    pub position: Position,
    /// The event; none where no event is to blame.
    pub event_id: Option<EventId>,
    /// What order is kept in; empty where no event is to blame.
    pub sequence: String,
    /// In which way it failed.
    pub kind: FailureKind,
    /// Why, from [`HandlerFailed::report`](super::HandlerFailed::report). It may hold NUL, which a store that
    /// cannot keep it writes as `\0`.
    pub reason: String,
    /// Whether the part stops here: with the count, in one change, it has no owner from then on, its claim
    /// holds no more, and nobody can claim it, until it is resumed or declared anew.
    pub stops: bool,
}

/// An event to be put aside, in the step that moves past it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Park {
    /// What order is kept in: the key of a read model's row, else the stream. One event can be parked for several.
    pub sequence: String,
    /// Where the event is.
    pub position: Position,
    /// The event.
    pub event_id: EventId,
    /// Whether it failed itself; else it only comes after one that did.
    pub is_cause: bool,
}

/// Which parked event is done with, in the step that handles it. One that is not there is no error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ParkedId {
    /// What order is kept in.
    pub sequence: String,
    /// Where the event is.
    pub position: Position,
}

/// An event that is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    /// What order is kept in: the key of a read model's row, else the stream.
    pub sequence: String,
    /// Where the event is.
    pub position: Position,
    /// The event.
    pub event_id: EventId,
    /// When it was put aside, by the store's clock.
    pub parked_at: DateTime<Utc>,
    /// Whether it failed itself; else it only comes after one that did.
    pub is_cause: bool,
    /// Whether it is to be tried again. All events of a sequence agree: a command sets it for all of them, a
    /// [`Note::Failed`] of the sequence clears it for all, and an event that is parked takes it from those there.
    pub retry: bool,
    /// What is known about its failure; none if it has not failed itself.
    pub failure: Option<Failure>,
}
