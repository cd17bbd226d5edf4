//! The contract for event stores and the typed layer of annals.
//!
//! Users depend on the facade `annals`, which re-exports all of this; authors of stores depend on
//! this crate. It knows no database.

mod clock;
mod event;
mod ids;
mod metadata;
mod position;
mod stream;
mod version;

pub use self::{
    clock::{Clock, SystemClock},
    event::{
        DecodeError, EncodeError, Event, EventData, EventId, EventType, IntoUpcasts, InvalidEventType,
        InvalidPayload, NewEvent, Payload, Recorded, RecordedEvent, Unreadable, Upcast,
    },
    ids::{Ids, TimeOrderedIds},
    metadata::{CausationId, CorrelationId, Metadata},
    position::Position,
    stream::{InvalidStreamId, StreamId},
    version::{ExpectedVersion, Version},
};

/// What `#[derive(Event)]` expands to; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::event::codec;
}
