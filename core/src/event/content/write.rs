//! Writes the content of a variant, without its name.

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStructVariant,
        SerializeTupleVariant,
    },
};
use serde_json::{
    Error, Result,
    ser::{CompactFormatter, Compound},
};

use super::super::{InvalidPayload, finite::Finite};

/// The JSON of the variant that `event` is: an object for named fields and for a unit variant, an array for
/// several unnamed ones, the value itself for a single one.
pub(in crate::event) fn write<E: Serialize>(
    event: &E,
) -> std::result::Result<String, InvalidPayload> {
    let mut bytes = Vec::with_capacity(64);
    event
        .serialize(OfVariant(&mut serde_json::Serializer::new(&mut bytes)))
        .map_err(InvalidPayload::Json)?;
    String::from_utf8(bytes).map_err(|e| InvalidPayload::Json(Error::custom(e)))
}

/// Takes an enum's variant and passes on its content only.
struct OfVariant<'a, 'b>(&'a mut serde_json::Serializer<&'b mut Vec<u8>>);

/// The fields of a variant, each written as [`Finite`].
struct Fields<'a, 'b>(Compound<'a, &'b mut Vec<u8>, CompactFormatter>);

impl SerializeStructVariant for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<()> {
        self.0.serialize_entry(key, &Finite(value))
    }

    fn end(self) -> Result<()> {
        SerializeMap::end(self.0)
    }
}

impl SerializeTupleVariant for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.0.serialize_element(&Finite(value))
    }

    fn end(self) -> Result<()> {
        SerializeSeq::end(self.0)
    }
}

fn no_variant<T>() -> Result<T> {
    Err(Error::custom("an event serialises as a variant of its enum, in serde's default form"))
}

macro_rules! no_variant {
    ($($method:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$answer> { no_variant() })*
    };
}

impl<'a, 'b> Serializer for OfVariant<'a, 'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Fields<'a, 'b>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Fields<'a, 'b>;

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<()> {
        SerializeMap::end(self.0.serialize_map(Some(0))?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        Finite(value).serialize(self.0)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>> {
        self.0.serialize_seq(Some(len)).map(Fields)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'b>> {
        self.0.serialize_map(Some(len)).map(Fields)
    }

    no_variant! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<()> {
        no_variant()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<()> {
        no_variant()
    }
}
