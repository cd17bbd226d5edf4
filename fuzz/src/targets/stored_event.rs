//! A stored event, whatever its type, version and payload, as the program reads it: through aliases, upcasters and every
//! form a variant can have.

use std::collections::BTreeMap;

use annals::{DecodeError, Event, EventData, EventType, Payload, Upcast};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "person")]
enum Person {
    #[event(version = 3, upcast(from = 2, with = with_country), upcast(from = 1, with = split), alias = "person.created")]
    Registered {
        first: String,
        last: Option<String>,
        country: String,
    },
    #[event(version = 2, upcast(from = 1, with = one_by_one))]
    NoteAdded {
        note: f64,
        #[serde(default)]
        tags: BTreeMap<String, Vec<u8>>,
    },
    Renamed(String),
    Moved(#[serde(with = "pairs")] (i64, u64)),
    Told {
        #[serde(flatten)]
        what: BTreeMap<String, Value>,
    },
    Left,
    #[event(version = 3, upcast(from = 1, with = itself), upcast(from = 2, with = back_to_1))]
    Circular {
        at: char,
    },
}

mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(pair: &(i64, u64), to: S) -> Result<S::Ok, S::Error> {
        [pair.0.to_string(), pair.1.to_string()].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(i64, u64), D::Error> {
        let [one, other] = <[String; 2]>::deserialize(from)?;
        let number = |error: std::num::ParseIntError| serde::de::Error::custom(error);
        Ok((one.parse().map_err(number)?, other.parse().map_err(number)?))
    }
}

fn split(old: Value) -> Result<Value, &'static str> {
    let name = old.get("name").and_then(Value::as_str).ok_or("no name")?;
    let (first, last) = name.split_once(' ').ok_or("no full name")?;
    Ok(json!({ "first": first, "last": last }))
}

fn with_country(mut old: Value) -> Value {
    if let Some(fields) = old.as_object_mut() {
        fields.insert("country".to_owned(), "DE".into());
    }
    old
}

/// As many as there are; none is an error.
fn one_by_one(old: Value) -> Vec<Value> {
    let notes = old.get("notes").and_then(Value::as_array).cloned().unwrap_or_default();
    notes.into_iter().map(|note| json!({ "note": note })).collect()
}

fn itself(old: Value) -> Value {
    old
}

fn back_to_1(old: Value) -> Upcast {
    Upcast::to(EventType::from_static("person.circular"), 1, old)
}

const NAMES: [&str; 8] = [
    "person.registered",
    "person.created",
    "person.note_added",
    "person.renamed",
    "person.moved",
    "person.told",
    "person.left",
    "person.circular",
];

/// The first byte says which type, the second which schema version; the rest is the payload.
pub(super) fn run(bytes: &[u8]) {
    let [name, version, payload @ ..] = bytes else { return };
    let Some(payload) = text(payload) else { return };
    let name = NAMES[usize::from(*name) % NAMES.len()];
    let event_type: EventType = name.parse().expect("a type of the enum");
    let stored = EventData::new(event_type, Payload::from_stored(payload))
        .with_schema_version(u32::from(*version % 6));
    let events = match read(&stored) {
        Ok(events) => events,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(!events.is_empty(), "an upcaster that leads to nothing is an error");
    for event in events {
        let encoded = event.encode().expect("what was read can be written");
        assert_eq!(read(&encoded).expect("what was written can be read"), [event]);
    }
}

fn read(stored: &EventData) -> Result<Vec<Person>, DecodeError> {
    let mut events = Vec::new();
    Person::decode_into(stored, &mut events)?;
    Ok(events)
}
