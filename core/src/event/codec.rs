//! What `#[derive(Event)]` calls: the content of one enum variant to JSON and back, the variant's name
//! kept apart from it.

use std::{cmp::Ordering, error::Error};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use super::names::{are_disjoint, count, join};
use super::{
    DecodeError, EncodeError, Event, EventData, EventShape, EventType, Payload, Upcast, content,
    shape,
};

/// How the events of an enum are read.
#[derive(Debug)]
pub struct Variants<E: 'static> {
    /// Every variant that has a stored name.
    pub known: &'static [Variant],
    /// The variant that takes what has another name.
    pub catch_all: Option<fn(EventData) -> E>,
}

/// How one variant of an enum is read.
#[derive(Debug)]
pub struct Variant {
    /// Its stored name and the aliases of that.
    pub names: &'static [&'static str],
    /// Its place in the enum, as serde counts.
    pub index: u32,
    /// Its schema version today.
    pub schema_version: u32,
    /// One function for each older schema version, to bring it up by one.
    pub upcasters: &'static [(u32, Upcaster)],
}

/// From a payload of one schema version to what stands for it in the next.
pub type Upcaster = fn(Value) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>>;

/// Writes the variant that `event` is, without its Rust name.
///
/// # Errors
/// When the variant's content has no JSON form.
pub fn encode<E: Serialize>(
    event: &E,
    event_type: EventType,
    schema_version: u32,
) -> Result<EventData, EncodeError> {
    match content::write(event).and_then(Payload::bounded) {
        Ok(payload) => Ok(EventData { event_type, schema_version, payload }),
        Err(source) => Err(EncodeError { event_type, source }),
    }
}

/// What the variants look like when they are stored.
#[must_use]
pub fn shapes<E: DeserializeOwned>(known: &'static [Variant]) -> Vec<EventShape> {
    let shape = |variant: &Variant| {
        let (name, aliases) = variant.names.split_first()?;
        let shape = shape::trace(|probe| variant.read::<E, _>(probe).map(drop));
        Some(EventShape { name, aliases, schema_version: variant.schema_version, shape })
    };
    known.iter().filter_map(shape).collect()
}

/// One step of an upcast, with the steps that led there.
struct Step<'a> {
    event_type: &'a EventType,
    schema_version: u32,
    before: Option<&'a Step<'a>>,
}

impl<E: DeserializeOwned> Variants<E> {
    /// Reads `data` as one of the variants, brought up to today's schema version if it is older.
    ///
    /// # Errors
    /// When the name is unknown, the schema version newer than this build, or the payload or an
    /// upcaster on the way does not fit.
    pub fn decode(&self, data: &EventData, events: &mut Vec<E>) -> Result<(), DecodeError> {
        let first = Step {
            event_type: &data.event_type,
            schema_version: data.schema_version,
            before: None,
        };
        let Some(variant) = self.find(&data.event_type) else {
            let catch_all = self.catch_all.ok_or_else(|| unknown(data))?;
            events.push(catch_all(data.clone()));
            return Ok(());
        };
        if data.schema_version == variant.schema_version {
            let mut json = serde_json::Deserializer::from_str(data.payload.as_str());
            let event = variant.read(&mut json).and_then(|event| json.end().map(|()| event));
            events.push(event.map_err(|source| first.unfit(source))?);
            return Ok(());
        }
        let payload = data.payload.to_value().map_err(|source| first.unfit(source))?;
        self.bring_up(&first, payload, events)
    }

    /// Takes `payload` from where `step` stands to today, which may make several events of it.
    fn bring_up(
        &self,
        step: &Step<'_>,
        payload: Value,
        events: &mut Vec<E>,
    ) -> Result<(), DecodeError> {
        let Some(variant) = self.find(step.event_type) else {
            let payload = Payload::encode(&payload).map_err(|e| step.failed(e))?;
            let data = step.data(payload);
            let catch_all = self.catch_all.ok_or_else(|| unknown(&data))?;
            events.push(catch_all(data));
            return Ok(());
        };
        let upcaster = match step.schema_version.cmp(&variant.schema_version) {
            Ordering::Less => {
                variant.upcaster(step.schema_version).ok_or_else(|| step.no_upcaster())?
            }
            Ordering::Equal => {
                events.push(variant.read(payload).map_err(|source| step.unfit(source))?);
                return Ok(());
            }
            Ordering::Greater => return Err(step.newer_than(variant.schema_version)),
        };
        let upcasts = upcaster(payload).map_err(|source| step.failed(source))?;
        if upcasts.is_empty() {
            return Err(step.failed(
                "the upcaster returned no event; every stored event becomes at least one",
            ));
        }
        for upcast in upcasts {
            let (event_type, schema_version) = match &upcast.target {
                None => (step.event_type, step.schema_version + 1),
                Some((event_type, schema_version)) => (event_type, *schema_version),
            };
            if step.has_been(event_type, schema_version) {
                let circle = format!(
                    "the upcaster leads back to {event_type} of schema version {schema_version}"
                );
                return Err(step.failed(circle));
            }
            let next = Step { event_type, schema_version, before: Some(step) };
            self.bring_up(&next, upcast.payload, events)?;
        }
        Ok(())
    }

    fn find(&self, event_type: &EventType) -> Option<&'static Variant> {
        self.known.iter().find(|variant| variant.names.contains(&event_type.as_str()))
    }
}

impl Step<'_> {
    fn has_been(&self, event_type: &EventType, schema_version: u32) -> bool {
        (self.event_type == event_type && self.schema_version == schema_version)
            || self.before.is_some_and(|before| before.has_been(event_type, schema_version))
    }

    fn data(&self, payload: Payload) -> EventData {
        EventData {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            payload,
        }
    }

    fn newer_than(&self, known: u32) -> DecodeError {
        DecodeError::Newer {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            known,
        }
    }

    fn no_upcaster(&self) -> DecodeError {
        DecodeError::NoUpcaster {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
        }
    }

    fn failed(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> DecodeError {
        DecodeError::Upcast {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            source: source.into(),
        }
    }

    fn unfit(&self, source: serde_json::Error) -> DecodeError {
        DecodeError::Payload {
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            source,
        }
    }
}

/// Reads `data` as one member of a union, if the member knows its name.
///
/// # Errors
/// When the member knows the name but cannot read the event.
pub fn decode_member<M: Event, E>(
    data: &EventData,
    wrap: fn(M) -> E,
    events: &mut Vec<E>,
) -> Result<bool, DecodeError> {
    if !M::EVENT_TYPES.contains(&data.event_type.as_str()) {
        return Ok(false);
    }
    let mut members = Vec::new();
    M::decode_into(data, &mut members)?;
    events.extend(members.into_iter().map(wrap));
    Ok(true)
}

/// The error for a name that no variant has.
#[must_use]
pub fn unknown(data: &EventData) -> DecodeError {
    DecodeError::Unknown { event_type: data.event_type.clone() }
}

impl Variant {
    fn upcaster(&self, from: u32) -> Option<Upcaster> {
        self.upcasters.iter().find(|(version, _)| *version == from).map(|(_, upcaster)| *upcaster)
    }

    fn read<'de, E: Deserialize<'de>, D: Deserializer<'de>>(
        &self,
        content: D,
    ) -> Result<E, D::Error> {
        content::read(self.index, content)
    }
}

#[cfg(test)]
mod tests;
