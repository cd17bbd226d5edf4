//! Events: a user's type, its stored form, and the way between them.

mod content;
mod error;
mod event_type;
mod finite;
mod names;
mod payload;
mod recorded;
mod shape;
mod upcast;

pub mod codec;

pub use self::{
    error::{DecodeError, EncodeError, Unreadable},
    event_type::{EventType, InvalidEventType},
    payload::{InvalidPayload, Payload},
    recorded::{EventData, NewEvent, Recorded, RecordedEvent},
    shape::{Change as ShapeChange, EventShape, Shape, UnknownShape},
    upcast::{IntoUpcasts, Upcast},
};

/// What happened: an enum of the events of one aggregate, or a union of such enums for a follower.
///
/// Implemented by `#[derive(Event)]`. Names and shapes are stored for good, so they live apart from the
/// Rust names: a variant whose stored name is written down can be renamed, and any can be moved and given new
/// fields, while old history stays readable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "put `#[derive(Event)]` and `#[event(category = \"…\")]` on the enum"
)]
pub trait Event: Sized + Send + Sync + 'static {
    /// The category of `#[event(category = "…")]`; empty if there is none, as for a union.
    const CATEGORY: &'static str;

    /// Every stored name that this type reads, aliases included.
    const EVENT_TYPES: &'static [&'static str];

    /// Whether it also takes events of any other name. A union does if it has a catch-all of its own,
    /// whatever its members have.
    const CATCHES_ALL: bool;

    /// The name under which this event is stored.
    fn event_type(&self) -> &str;

    /// The stored form.
    ///
    /// # Errors
    /// When the event has no JSON form: a map whose keys JSON cannot write as text (tuples), a float that is not finite, or
    /// nesting beyond [`Payload::MAX_DEPTH`].
    fn encode(&self) -> Result<EventData, EncodeError>;

    /// Reads the stored form and adds what it stands for to `events`: one event, or the several that an
    /// upcaster made of it.
    ///
    /// # Errors
    /// When the name is unknown, the schema version newer than this build, or the payload of another shape.
    fn decode_into(data: &EventData, events: &mut Vec<Self>) -> Result<(), DecodeError>;

    /// What each kind of event that this type stores looks like, as its types show it; a catch-all is not among them. They
    /// are found by reading each kind many times, so this is for tests and tools.
    fn shapes() -> Vec<EventShape>;
}

/// Events as they are stored, of any type: for tools that follow everything.
impl Event for EventData {
    const CATEGORY: &'static str = "";
    const EVENT_TYPES: &'static [&'static str] = &[];
    const CATCHES_ALL: bool = true;

    fn event_type(&self) -> &str {
        self.event_type.as_str()
    }

    fn encode(&self) -> Result<EventData, EncodeError> {
        Ok(self.clone())
    }

    fn decode_into(data: &EventData, events: &mut Vec<Self>) -> Result<(), DecodeError> {
        events.push(data.clone());
        Ok(())
    }

    fn shapes() -> Vec<EventShape> {
        Vec::new()
    }
}
