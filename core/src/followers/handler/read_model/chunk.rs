//! Events that are taken in together.

use crate::{
    EventId, Position, Recorded,
    followers::{ReadModel, handler::Blamed},
};

/// Records that are taken in together: decoded, with the rows that each event is to be folded into.
pub(super) struct Chunk<M: ReadModel> {
    pub(super) records: Vec<Record>,
    pub(super) events: Vec<Recorded<M::Event>>,
    pub(super) folds: Vec<Fold<M>>,
    /// Places of rows that have not been met before.
    pub(super) missing: Vec<usize>,
}

pub(super) struct Record {
    pub(super) position: Position,
    pub(super) event_id: EventId,
    /// Its own folds end here, and begin where those of the record before it end.
    pub(super) folds_end: usize,
}

/// An event of a chunk, by its number, and the row to fold it into.
pub(super) struct Fold<M: ReadModel> {
    pub(super) event: usize,
    pub(super) place: usize,
    pub(super) key: M::Key,
}

impl<M: ReadModel> Chunk<M> {
    pub(super) fn new(records: usize) -> Self {
        Self {
            records: Vec::with_capacity(records),
            events: Vec::with_capacity(records),
            folds: Vec::with_capacity(records),
            missing: Vec::new(),
        }
    }
}

impl Record {
    pub(super) fn blamed(&self, sequence: &str) -> Blamed {
        let Self { position, event_id, .. } = *self;
        Blamed { position, event_id, sequence: sequence.to_owned() }
    }
}
