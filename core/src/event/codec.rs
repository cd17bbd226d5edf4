//! What `#[derive(Event)]` calls: the content of one enum variant to JSON and back, the variant's name
//! kept apart from it.

use std::error::Error;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, IgnoredAny, IntoDeserializer, VariantAccess, Visitor,
        value::U32Deserializer,
    },
};
use serde_json::Value;

use super::{DecodeError, EncodeError, Event, EventData, EventType, Payload, Upcast, content};

/// How one variant of an enum is read.
#[derive(Debug)]
pub struct Variant {
    /// The variant's place in the enum, as serde counts.
    pub index: u32,
    /// Its schema version today.
    pub schema_version: u32,
    /// One function for each older schema version that can be brought up by one.
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

/// Reads `data` as `variant` of `E`, brought up to today's schema version if it is older.
///
/// # Errors
/// When the payload, or an upcaster on the way, does not fit.
pub fn decode<E: Event + DeserializeOwned>(
    data: &EventData,
    variant: &Variant,
    events: &mut Vec<E>,
) -> Result<(), DecodeError> {
    if data.schema_version == variant.schema_version {
        let mut json = serde_json::Deserializer::from_str(data.payload.as_str());
        let event = variant.read(&mut json).and_then(|event| json.end().map(|()| event));
        events.push(event.map_err(|source| payload_error(data, source))?);
        return Ok(());
    }
    if data.schema_version > variant.schema_version {
        return Err(DecodeError::Newer {
            event_type: data.event_type.clone(),
            schema_version: data.schema_version,
            known: variant.schema_version,
        });
    }
    let payload = data.payload.to_value().map_err(|source| payload_error(data, source))?;
    bring_up(data, variant, data.schema_version, payload, events)
}

/// Takes `payload` from schema version `from` to today's, which may make several events of it.
fn bring_up<E: Event + DeserializeOwned>(
    data: &EventData,
    variant: &Variant,
    from: u32,
    payload: Value,
    events: &mut Vec<E>,
) -> Result<(), DecodeError> {
    if from == variant.schema_version {
        events.push(variant.read(payload).map_err(|source| payload_error(data, source))?);
        return Ok(());
    }
    let Some((_, upcaster)) = variant.upcasters.iter().find(|(version, _)| *version == from) else {
        return Err(DecodeError::NoUpcaster { event_type: data.event_type.clone(), schema_version: from });
    };
    let upcast_error =
        |source| DecodeError::Upcast { event_type: data.event_type.clone(), schema_version: from, source };
    for upcast in upcaster(payload).map_err(upcast_error)? {
        match upcast.target {
            None => bring_up(data, variant, from + 1, upcast.payload, events)?,
            Some((event_type, schema_version)) => {
                let payload = Payload::encode(&upcast.payload).map_err(|e| upcast_error(e.into()))?;
                E::decode_into(&EventData { event_type, schema_version, payload }, events)?;
            }
        }
    }
    Ok(())
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

/// Whether no name stands twice in the lists, for a check at compile time.
#[must_use]
pub const fn are_disjoint(lists: &[&[&str]]) -> bool {
    let mut i = 0;
    while i < lists.len() {
        let mut j = i + 1;
        while j < lists.len() {
            if share_a_name(lists[i], lists[j]) {
                return false;
            }
            j += 1;
        }
        i += 1;
    }
    true
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

fn payload_error(data: &EventData, source: serde_json::Error) -> DecodeError {
    DecodeError::Payload { event_type: data.event_type.clone(), schema_version: data.schema_version, source }
}

impl Variant {
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
