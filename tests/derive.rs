//! `#[derive(Event)]`: what is stored, and what is read again.

#[path = "derive/catch_all.rs"]
mod catch_all;
#[path = "derive/hygiene.rs"]
mod hygiene;
#[path = "derive/lossless.rs"]
mod lossless;
#[path = "derive/names.rs"]
mod names;
#[path = "derive/serde_attributes.rs"]
mod serde_attributes;
#[path = "derive/shapes.rs"]
mod shapes;
#[path = "derive/unions.rs"]
mod unions;
#[path = "derive/upcasts.rs"]
mod upcasts;

use std::error::Error;

use annals::{DecodeError, Event, EventData, EventType, Payload};

/// What a test gives back, so that `?` stands where a value is expected.
type Test = Result<(), Box<dyn Error>>;

/// An event as a store holds it.
fn stored(name: &str, schema_version: u32, json: &str) -> Result<EventData, Box<dyn Error>> {
    let event_type = EventType::new(name.to_owned())?;
    Ok(EventData { event_type, schema_version, payload: Payload::parse(json)? })
}

fn read<E: Event>(data: &EventData) -> Result<Vec<E>, DecodeError> {
    let mut events = Vec::new();
    E::decode_into(data, &mut events).map(|()| events)
}

/// The payload of `event`, once it came back equal from it.
fn round_trip<E: Event + PartialEq + std::fmt::Debug>(event: &E) -> Result<String, Box<dyn Error>> {
    let data = event.encode()?;
    assert_eq!(data.event_type.as_str(), event.event_type());
    assert_eq!(read::<E>(&data)?.iter().collect::<Vec<_>>(), [event]);
    Ok(data.payload.to_string())
}

/// An error and its sources, as a log would show it.
fn report(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", report(source)),
        None => error.to_string(),
    }
}
