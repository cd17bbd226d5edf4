use std::error::Error;

use crate::{EncodeError, EventId, InvalidPayload, InvalidStreamId, StreamId, Unreadable, Version};

type Source = Box<dyn Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached, or was too busy; nothing was stored. Trying again may help.
    #[error("the event store is not available")]
    Unavailable(#[source] Source),
    /// The store was lost while it appended, so the events may be stored or not. Sending the same
    /// append again, with the same event ids, settles it.
    #[error("the outcome of an append is unknown; appending the same events again settles it")]
    OutcomeUnknown(#[source] Source),
    /// What was asked can never be stored; nothing was.
    #[error("the request was refused")]
    Refused(#[source] Refusal),
    /// A stored event cannot be read.
    #[error("history cannot be read")]
    Unreadable(#[source] Box<Unreadable>),
    /// Anything else that went wrong in the store.
    #[error("the event store failed")]
    Failed(#[source] Source),
}

impl StoreError {
    /// Whether doing the same again may succeed, and is safe.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::OutcomeUnknown(_))
    }
}

/// Why something can never be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Two parts of one append name the same stream.
    #[error("stream {0} stands twice in one append; put its events into one part")]
    StreamTwice(StreamId),
    /// Two events of one append have the same id.
    #[error("event id {0} stands twice in one append")]
    EventIdTwice(EventId),
    /// An event says that its payload has schema version 0, and schema versions begin at 1.
    #[error("event {0} has schema version 0; the first is 1")]
    SchemaVersionZero(EventId),
    /// The event id belongs to an event of another append.
    #[error("event id {id} is already stored, as version {version} of stream {stream}")]
    EventIdTaken {
        /// The id.
        id: EventId,
        /// The stream that holds it.
        stream: StreamId,
        /// Its version there.
        version: Version,
    },
    /// The entity's id or category makes no stream name.
    #[error(transparent)]
    StreamId(#[from] InvalidStreamId),
    /// The event has no stored form.
    #[error(transparent)]
    Event(#[from] EncodeError),
    /// The metadata has no stored form.
    #[error("the metadata of event {id} cannot be stored")]
    Metadata {
        /// The event.
        id: EventId,
        /// What is wrong.
        source: InvalidPayload,
    },
    /// A limit of this store, its size for instance.
    #[error("this store cannot hold it")]
    Limit(#[source] Source),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(Box::new(unreadable))
    }
}
