use std::error::Error;

use super::{EventType, InvalidPayload};
use crate::{Position, StreamId, Version};

/// An event that cannot be stored.
#[derive(Debug, thiserror::Error)]
#[error("event {event_type} cannot be stored")]
pub struct EncodeError {
    /// The event's name.
    pub event_type: EventType,
    /// What is wrong with its payload.
    #[source]
    pub source: InvalidPayload,
}

/// A stored event that the type it was read as cannot take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The name belongs to no variant, and the enum has no catch-all.
    #[error(
        "unknown event type {event_type}: add a variant or an alias of that name, or a catch-all with #[event(other)]"
    )]
    Unknown {
        /// The stored name.
        event_type: EventType,
    },
    /// The event was written by a newer build.
    #[error(
        "{event_type} has schema version {schema_version}, but this build knows only versions up to {known}"
    )]
    Newer {
        /// The stored name.
        event_type: EventType,
        /// The stored version.
        schema_version: u32,
        /// The newest version this build reads.
        known: u32,
    },
    /// No upcaster starts from the stored schema version.
    #[error("{event_type} has schema version {schema_version}, and no upcaster starts there")]
    NoUpcaster {
        /// The stored name.
        event_type: EventType,
        /// The stored version.
        schema_version: u32,
    },
    /// An upcaster failed.
    #[error("{event_type} cannot be brought up from schema version {schema_version}")]
    Upcast {
        /// The stored name.
        event_type: EventType,
        /// The version that the upcaster starts from.
        schema_version: u32,
        /// What the upcaster said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The payload does not have the shape that the variant asks for.
    #[error(
        "the payload of {event_type} (schema version {schema_version}) has an unexpected shape"
    )]
    Payload {
        /// The stored name.
        event_type: EventType,
        /// The stored version.
        schema_version: u32,
        /// Where and how it differs.
        source: serde_json::Error,
    },
}

/// A stored event that cannot be read, and where it is.
#[derive(Debug, thiserror::Error)]
#[error("cannot read version {version} of stream {stream} at position {position}")]
pub struct Unreadable {
    /// The stream that holds it.
    pub stream: StreamId,
    /// Its number within the stream.
    pub version: Version,
    /// Its place in the global stream.
    pub position: Position,
    /// What is wrong with it.
    #[source]
    pub source: DecodeError,
}
