use std::collections::HashSet;

use super::{Conflict, ExpectedVersion, Refusal, StoreError};
use crate::{InvalidPayload, NewEvent, Payload, Position, StreamId, Version};

/// Events for one stream, and the version that the stream must be at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StreamAppend {
    /// The stream to append to.
    pub stream: StreamId,
    /// What the stream must look like for the append to happen.
    pub expected: ExpectedVersion,
    /// The events, oldest first.
    pub events: Vec<NewEvent>,
}

/// What became of one [`StreamAppend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version after the append, which is its last event's.
    pub version: Version,
    /// The position of the last event; [`Position::START`] if there was none to store.
    pub position: Position,
}

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A stream is not at the version expected of it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for AppendError {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal.into())
    }
}

impl StreamAppend {
    /// Events for `stream`, to be appended if it meets `expected`.
    #[must_use]
    pub fn new(
        stream: StreamId,
        expected: impl Into<ExpectedVersion>,
        events: Vec<NewEvent>,
    ) -> Self {
        Self { stream, expected: expected.into(), events }
    }

    /// The rules that every store holds against a request, before it looks at what it has: each stream
    /// and each event id appears at most once, schema versions begin at 1, and all metadata can be read again.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(appends: &[Self]) -> Result<(), Refusal> {
        if let [Self { events, .. }] = appends
            && let [event] = &**events
        {
            return check_event(event);
        }
        let mut streams = HashSet::new();
        let mut ids = HashSet::new();
        for append in appends {
            if !streams.insert(&append.stream) {
                return Err(Refusal::StreamTwice(append.stream.clone()));
            }
            for event in &append.events {
                if !ids.insert(event.id) {
                    return Err(Refusal::EventIdTwice(event.id));
                }
                check_event(event)?;
            }
        }
        Ok(())
    }
}

fn check_event(event: &NewEvent) -> Result<(), Refusal> {
    if event.event.schema_version == 0 {
        return Err(Refusal::SchemaVersionZero(event.id));
    }
    if event.metadata.extra.is_empty() {
        return Ok(());
    }
    let refusal = |source: InvalidPayload| Refusal::Metadata { id: event.id, source };
    Payload::encode(&event.metadata).map(drop).map_err(refusal)
}
