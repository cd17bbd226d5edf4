//! What the loop of a part runs: one shape for the three kinds of followers. Generics end here.

mod guard;
mod projection;
mod reactor;
mod read_model;

use std::collections::HashSet;

use async_trait::async_trait;

pub(super) use self::{projection::Projecting, reactor::Reacting, read_model::Folding};
use super::{
    FailureKind, HandlerFailed, Make, Park, ReadError, Row, RowChanges, TableShape, Work,
    parts::Division,
};
use crate::{EventId, Position, Recorded, RecordedEvent, StoreError};

/// A follower of any kind, as one part of it is run.
///
/// A batch is taken in, prepared, and committed; or undone, wherever it got to.
#[async_trait]
pub(super) trait Handler<C: ?Sized + Send>: Send {
    /// What makes its tables.
    fn make(&mut self) -> Make<'_, C>;

    /// It goes on after `position`, where its last step ended. Nothing else wrote its rows since then if
    /// `is_first` is true: then no row exists that it has not seen.
    fn begin(&mut self, position: Position, is_first: bool);

    /// Takes events in, in order. An error tells the first that fails; the batch must be undone then.
    async fn take(&mut self, events: Vec<RecordedEvent>, cx: &Taking<'_>) -> Result<(), Trouble>;

    /// What was taken so far.
    fn batch(&self) -> &BatchState;

    /// How many more events should be taken, at the most.
    fn room(&self) -> usize;

    /// What the step of the batch consists of.
    async fn prepare(&mut self, lease: &(dyn Lease + '_)) -> Result<Prepared<'_, C>, Trouble>;

    /// The step was committed.
    fn committed(&mut self);

    /// Forget the batch, and all that is remembered of rows.
    fn undone(&mut self);
}

/// What a handler is told beside the events.
pub(super) struct Taking<'a> {
    pub(super) division: &'a Division,
    pub(super) parked: &'a Sequences,
    pub(super) rows: &'a dyn Rows,
    /// Only this sequence: its events are parked, and tried again.
    pub(super) retrying: Option<&'a str>,
}

impl Taking<'_> {
    /// What becomes of the event of `sequence` at `position`.
    fn judge(&self, sequence: &str, position: Position) -> Judged {
        match self.retrying {
            Some(retrying) if retrying == sequence => Judged::Handle,
            Some(_) => Judged::Pass,
            None if !self.division.concerns(sequence, position) => Judged::Pass,
            None if self.parked.contains(sequence) => Judged::Park,
            None => Judged::Handle,
        }
    }

    fn park<E>(&self, sequence: &str, event: &Recorded<E>) -> Park {
        Park {
            sequence: sequence.to_owned(),
            position: event.position,
            event_id: event.id,
            is_cause: self.parked.is_cause(sequence, event.position),
        }
    }
}

enum Judged {
    Handle,
    Park,
    Pass,
}

/// The sequences of which events are parked.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    parked: HashSet<String>,
    /// Those that are to be parked because they failed, by the next step.
    causes: Vec<(String, Position)>,
}

impl Sequences {
    /// These are parked, and those that are to be.
    pub(super) fn replace(&mut self, parked: HashSet<String>) {
        self.parked = parked;
        self.parked.extend(self.causes.iter().map(|(sequence, _)| sequence.clone()));
    }

    pub(super) fn add_cause(&mut self, sequence: &str, position: Position) {
        self.parked.insert(sequence.to_owned());
        self.causes.push((sequence.to_owned(), position));
    }

    /// A step has gone past `position`.
    pub(super) fn passed(&mut self, position: Position) {
        self.causes.retain(|(_, cause)| *cause > position);
    }

    fn contains(&self, sequence: &str) -> bool {
        self.parked.contains(sequence)
    }

    fn is_cause(&self, sequence: &str, position: Position) -> bool {
        self.causes.iter().any(|(cause, at)| cause == sequence && *at == position)
    }
}

/// Where a read model's rows come from.
#[async_trait]
pub(super) trait Rows: Send + Sync {
    async fn rows(&self, table: &TableShape, keys: &[String]) -> Result<Vec<Row>, ReadError>;
}

/// Whether this process may still act outside of a transaction that checks the fence.
pub(super) trait Lease: Send + Sync {
    fn is_good(&self) -> bool;
}

/// What a batch holds by now.
#[derive(Debug, Default)]
pub(super) struct BatchState {
    /// Events that are handled or parked.
    pub(super) taken: usize,
    /// Events that are handled.
    pub(super) handled: u64,
    /// The first that is handled.
    pub(super) first: Option<Blamed>,
    /// Events to put aside.
    pub(super) park: Vec<Park>,
}

/// An event, and what order is kept in.
#[derive(Debug, Clone)]
pub(super) struct Blamed {
    pub(super) position: Position,
    pub(super) event_id: EventId,
    pub(super) sequence: String,
}

impl Blamed {
    fn new<E>(event: &Recorded<E>, sequence: impl Into<String>) -> Self {
        Self { position: event.position, event_id: event.id, sequence: sequence.into() }
    }
}

/// What goes into a step.
pub(super) struct Prepared<'a, C: ?Sized> {
    pub(super) rows: Option<RowChanges<'a>>,
    pub(super) work: Option<&'a mut dyn Work<C>>,
    pub(super) park: &'a [Park],
    pub(super) handled: u64,
    /// The step ends here although more was taken.
    pub(super) ends_at: Option<Position>,
}

/// Why a batch did not come to its step.
#[derive(Debug)]
pub(super) enum Trouble {
    Failed(Failed),
    Store(StoreError),
    /// The lease of this process may be over.
    Lease,
}

/// An event failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// Its number among those taken; none if it is not known which one it was.
    pub(super) at: Option<usize>,
    /// Whether it was tried by itself, so that the failure counts.
    pub(super) is_alone: bool,
    /// Whether its sequence is known, so that it can be parked.
    pub(super) can_be_parked: bool,
    /// The event; the first of the batch if it is not known which one it was.
    pub(super) event: Option<Blamed>,
    pub(super) kind: FailureKind,
    pub(super) reason: String,
}

impl Failed {
    /// What a step answered for `batch`.
    pub(super) fn in_step(batch: &BatchState, failed: &HandlerFailed) -> Self {
        let is_alone = batch.handled <= 1;
        Self {
            at: failed.at,
            is_alone,
            can_be_parked: true,
            event: batch.first.clone(),
            kind: failed.kind,
            reason: failed.report(),
        }
    }
}
