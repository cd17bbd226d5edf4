use std::{fmt, time::Duration};

use async_trait::async_trait;

use super::{Claim, HandlerFailed, Park, ParkedId, TableShape, Value};
use crate::{Payload, Position};

/// One transaction of a part. The checkpoint goes from `from` to `to` if the claim still holds; all of the
/// rest happens with it or not at all.
///
/// The order within it is fixed: first the fence is checked and the checkpoint moved, in one statement that
/// locks the part, so that whoever is fenced learns it before anything else is done, and everybody locks the
/// part before its tables; then `rows` or `work`; then `park` and `settle`; then it is committed. A store may make it one
/// statement instead, which then waits for nobody who has the part.
pub struct Step<'a, C: ?Sized> {
    /// In whose name.
    pub claim: &'a Claim,
    /// Where the checkpoint must be.
    pub from: Position,
    /// Where it is afterwards: everything up to here was looked at. Not below `from`; `from` itself where only
    /// parked events are handled.
    pub to: Position,
    /// How many events are handled in it: added to [`PartState::events`](super::PartState::events).
    pub events: u64,
    /// What a read model writes.
    pub rows: Option<RowChanges<'a>>,
    /// What a projection does. Never together with `rows`; a reactor has neither.
    pub work: Option<&'a mut dyn Work<C>>,
    /// Events to put aside. One that is there already stays as it is.
    pub park: &'a [Park],
    /// Parked events that are done with.
    pub settle: &'a [ParkedId],
    /// How long it may take.
    pub limits: Limits,
}

/// What a store puts between itself and work that hangs. A store that has no use for them ignores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one statement may take: the timeout of the handler.
    pub statement: Duration,
    /// How long the transaction may wait for the next statement, so that a frozen process holds no locks: half
    /// a lease.
    pub idle: Duration,
}

/// What a store calls back with its connection, within a transaction of its own.
///
/// The store calls it at most once for each [`Step`] or [`Make`], and undoes everything when it fails.
#[async_trait]
pub trait Work<C: ?Sized>: Send {
    /// Does it. It keeps to the handler's timeout and catches the handler's panics by itself.
    ///
    /// # Errors
    /// When the handler failed.
    async fn run(&mut self, connection: &mut C) -> Result<(), HandlerFailed>;
}

/// What makes the tables of a build.
pub enum Make<'a, C: ?Sized> {
    /// A read model's table, which the store makes.
    Table(&'a TableShape),
    /// [`Projection::create`](super::Projection::create).
    Work(&'a mut dyn Work<C>),
}

/// The rows that a step of a read model changes. No key is in it twice.
#[derive(Debug, Clone, Copy)]
pub struct RowChanges<'a> {
    /// The table: the one that the build was made with.
    pub table: &'a TableShape,
    /// Rows to put there, new or not.
    pub upserts: &'a [Upsert],
    /// Keys of rows to remove, there or not.
    pub deletes: &'a [String],
}

/// A row to put into a read model's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Upsert {
    /// The key as text, without NUL.
    pub key: String,
    /// The row.
    pub state: Payload,
    /// The declared columns, in the order of [`TableShape::columns`]: of their types or null, and
    /// [checked](Value::check).
    pub values: Vec<Value>,
}

impl<C: ?Sized> fmt::Debug for Step<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("claim", self.claim)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl<C: ?Sized> fmt::Debug for Make<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => f.debug_tuple("Table").field(table).finish(),
            Self::Work(_) => f.debug_tuple("Work").finish_non_exhaustive(),
        }
    }
}
