//! What `#[derive(Event)]` calls: the content of one enum variant to JSON and back, the variant's name
//! kept apart from it.

use std::{cmp::Ordering, error::Error};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, IgnoredAny, IntoDeserializer, VariantAccess, Visitor,
        value::U32Deserializer,
    },
};
use serde_json::Value;

use super::{DecodeError, EncodeError, Event, EventData, EventType, Payload, Upcast, content};

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
    match content::to_json(event).and_then(Payload::bounded) {
        Ok(payload) => Ok(EventData { event_type, schema_version, payload }),
        Err(source) => Err(EncodeError { event_type, source }),
    }
}

/// Reads `data` as one of `variants`, brought up to today's schema version if it is older.
///
/// # Errors
/// When the name is unknown, the schema version newer than this build, or the payload or an
/// upcaster on the way does not fit.
pub fn decode<E: DeserializeOwned>(
    variants: &Variants<E>,
    data: &EventData,
    events: &mut Vec<E>,
) -> Result<(), DecodeError> {
    variants.decode(data, events)
}

/// One step of an upcast, with the steps that led there.
struct Step<'a> {
    event_type: &'a EventType,
    schema_version: u32,
    before: Option<&'a Step<'a>>,
}

impl<E: DeserializeOwned> Variants<E> {
    fn decode(&self, data: &EventData, events: &mut Vec<E>) -> Result<(), DecodeError> {
        let first = Step { event_type: &data.event_type, schema_version: data.schema_version, before: None };
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
    fn bring_up(&self, step: &Step<'_>, payload: Value, events: &mut Vec<E>) -> Result<(), DecodeError> {
        let Some(variant) = self.find(step.event_type) else {
            let payload = Payload::encode(&payload).map_err(|e| step.failed(e))?;
            let data = step.data(payload);
            let catch_all = self.catch_all.ok_or_else(|| unknown(&data))?;
            events.push(catch_all(data));
            return Ok(());
        };
        let upcaster = match step.schema_version.cmp(&variant.schema_version) {
            Ordering::Less => variant.upcaster(step.schema_version).ok_or_else(|| step.no_upcaster())?,
            Ordering::Equal => {
                events.push(variant.read(payload).map_err(|source| step.unfit(source))?);
                return Ok(());
            }
            Ordering::Greater => return Err(step.newer_than(variant.schema_version)),
        };
        for upcast in upcaster(payload).map_err(|source| step.failed(source))? {
            let (event_type, schema_version) = match &upcast.target {
                None => (step.event_type, step.schema_version + 1),
                Some((event_type, schema_version)) => (event_type, *schema_version),
            };
            if step.has_been(event_type, schema_version) {
                let circle = format!("it leads back to {event_type} of schema version {schema_version}");
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
        EventData { event_type: self.event_type.clone(), schema_version: self.schema_version, payload }
    }

    fn newer_than(&self, known: u32) -> DecodeError {
        DecodeError::Newer { event_type: self.event_type.clone(), schema_version: self.schema_version, known }
    }

    fn no_upcaster(&self) -> DecodeError {
        DecodeError::NoUpcaster { event_type: self.event_type.clone(), schema_version: self.schema_version }
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
    if !M::NAMES.contains(&data.event_type.as_str()) {
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

/// How many names the lists hold together, for [`join`].
#[must_use]
pub const fn count(mut lists: &[&[&str]]) -> usize {
    let mut count = 0;
    while let [list, tail @ ..] = lists {
        count += list.len();
        lists = tail;
    }
    count
}

/// The names of all lists in one, at compile time; `N` is their [`count`].
#[must_use]
#[expect(clippy::indexing_slicing, reason = "out of bounds in a constant fails the build")]
pub const fn join<const N: usize>(mut lists: &[&[&'static str]]) -> [&'static str; N] {
    let mut joined = [""; N];
    let mut filled = 0;
    while let [list, tail @ ..] = lists {
        let mut rest = *list;
        while let [name, tail @ ..] = rest {
            joined[filled] = name;
            filled += 1;
            rest = tail;
        }
        lists = tail;
    }
    joined
}

/// Whether no name stands in both lists, for a check at compile time.
#[must_use]
pub const fn are_disjoint(left: &[&str], right: &[&str]) -> bool {
    !share_a_name(left, right)
}

const fn share_a_name(mut left: &[&str], right: &[&str]) -> bool {
    while let [name, tail @ ..] = left {
        let mut rest = right;
        while let [other, tail @ ..] = rest {
            if same_bytes(name.as_bytes(), other.as_bytes()) {
                return true;
            }
            rest = tail;
        }
        left = tail;
    }
    false
}

const fn same_bytes(mut left: &[u8], mut right: &[u8]) -> bool {
    while let ([a, left_tail @ ..], [b, right_tail @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        (left, right) = (left_tail, right_tail);
    }
    left.is_empty() && right.is_empty()
}

impl Variant {
    fn upcaster(&self, from: u32) -> Option<Upcaster> {
        self.upcasters.iter().find(|(version, _)| *version == from).map(|(_, upcaster)| *upcaster)
    }

    fn read<'de, E: Deserialize<'de>, D: Deserializer<'de>>(&self, content: D) -> Result<E, D::Error> {
        E::deserialize(AsEnum { index: self.index, content })
    }
}

/// A deserializer that holds a variant's content and presents it as that variant of an enum.
struct AsEnum<D> {
    index: u32,
    content: D,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsEnum<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> EnumAccess<'de> for AsEnum<D> {
    type Error = D::Error;
    type Variant = Content<D>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content<D>), D::Error> {
        let index: U32Deserializer<D::Error> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, Content(self.content)))
    }
}

struct Content<D>(D);

impl<'de, D: Deserializer<'de>> VariantAccess<'de> for Content<D> {
    type Error = D::Error;

    fn unit_variant(self) -> Result<(), D::Error> {
        IgnoredAny::deserialize(self.0).map(|_| ())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, D::Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests;
