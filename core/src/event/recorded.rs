use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DecodeError, EncodeError, Event, EventType, Payload, Unreadable};
use crate::{EventId, Metadata, Position, StreamId, Version};

/// An event in the form in which stores keep it: its stored name, the version of its schema, and its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventData {
    /// The stored name.
    pub event_type: EventType,
    /// The version of the payload's shape: 1 and up. Stores refuse 0.
    pub schema_version: u32,
    /// What the event says.
    pub payload: Payload,
}

impl EventData {
    /// An event of schema version 1.
    #[must_use]
    pub fn new(event_type: EventType, payload: Payload) -> Self {
        Self { event_type, schema_version: 1, payload }
    }

    /// Replaces the schema version.
    #[must_use]
    pub fn with_schema_version(mut self, schema_version: u32) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// The typed event: one, or the several that an upcaster made of it.
    ///
    /// # Errors
    /// When `E` cannot read it.
    pub fn decode<E: Event>(&self) -> Result<Vec<E>, DecodeError> {
        let mut events = Vec::new();
        E::decode_into(self, &mut events)?;
        Ok(events)
    }
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its identity.
    pub id: EventId,
    /// What happened.
    pub event: EventData,
    /// What is known about it.
    pub metadata: Metadata,
}

impl NewEvent {
    /// An event with a new id and no metadata.
    #[must_use]
    pub fn new(event: EventData) -> Self {
        Self { id: EventId::new(), event, metadata: Metadata::default() }
    }

    /// A typed event with a new id and no metadata.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn encode<E: Event>(event: &E) -> Result<Self, EncodeError> {
        event.encode().map(Self::new)
    }

    /// Replaces the id.
    #[must_use]
    pub fn with_id(mut self, id: EventId) -> Self {
        self.id = id;
        self
    }

    /// Replaces the metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }
}

/// An event that a store holds: what happened, and where and when it was recorded.
///
/// Stores give [`RecordedEvent`]s; the typed layer turns them into `Recorded<E>` of a user's [`Event`] type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded<E> {
    /// Its identity.
    pub id: EventId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its number within the stream.
    pub version: Version,
    /// Its place in the global stream.
    pub position: Position,
    /// When the store took it, by the store's clock, to the microsecond.
    pub recorded_at: DateTime<Utc>,
    /// What happened.
    pub event: E,
    /// What is known about it.
    pub metadata: Metadata,
}

/// A recorded event as stores give it, before it is decoded.
pub type RecordedEvent = Recorded<EventData>;

impl RecordedEvent {
    /// The typed event: one, or the several that an upcaster made of it, all with this record's
    /// version, position and id.
    ///
    /// # Errors
    /// When `E` cannot read it; the error names stream, version and position.
    pub fn decode<E: Event>(self) -> Result<Vec<Recorded<E>>, Unreadable> {
        let mut events = Vec::new();
        self.decode_into(&mut events)?;
        Ok(self.with_events(events.into_iter()).collect())
    }

    /// Adds what [`decode`](Self::decode) would give to `events`, without the record around it.
    pub(crate) fn decode_into<E: Event>(&self, events: &mut Vec<E>) -> Result<(), Unreadable> {
        E::decode_into(&self.event, events).map_err(|source| Unreadable {
            stream: self.stream.clone(),
            version: self.version,
            position: self.position,
            source,
        })
    }

    /// Records of `events`, which this one stands for.
    pub(crate) fn with_events<E>(
        self,
        events: impl ExactSizeIterator<Item = E>,
    ) -> impl Iterator<Item = Recorded<E>> {
        let records = std::iter::repeat_n(self.with_event(()), events.len());
        records.zip(events).map(|(record, event)| record.with_event(event))
    }
}

impl<E> Recorded<E> {
    fn with_event<F>(self, event: F) -> Recorded<F> {
        let Self { id, stream, version, position, recorded_at, event: _, metadata } = self;
        Recorded { id, stream, version, position, recorded_at, event, metadata }
    }
}
