//! Refuses the floats that JSON cannot write. `serde_json` writes NaN and the infinities as `null`,
//! which loses them without a word; an event store must not.

use serde::{
    Serialize, Serializer,
    ser::{
        Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// Serialises as the value in it does, and fails where that meets a float that is not finite.
pub(super) struct Finite<'a, T: ?Sized>(pub(super) &'a T);

impl<T: Serialize + ?Sized> Serialize for Finite<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(OnlyFinite(serializer))
    }
}

/// A serializer, or one of its compound halves, that passes everything on but such floats.
struct OnlyFinite<S>(S);

fn not_finite<E: Error>(float: f64) -> E {
    E::custom(format_args!("JSON has no number for {float}"))
}

macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $answer:ident;)*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<S::$answer, S::Error> {
            self.0.$method($($argument),*)
        })*
    };
}

macro_rules! pass_on_compound {
    ($($method:ident($($argument:ident: $type:ty),*) -> $answer:ident;)*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<Self::$answer, S::Error> {
            self.0.$method($($argument),*).map(OnlyFinite)
        })*
    };
}

impl<S: Serializer> Serializer for OnlyFinite<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = OnlyFinite<S::SerializeSeq>;
    type SerializeTuple = OnlyFinite<S::SerializeTuple>;
    type SerializeTupleStruct = OnlyFinite<S::SerializeTupleStruct>;
    type SerializeTupleVariant = OnlyFinite<S::SerializeTupleVariant>;
    type SerializeMap = OnlyFinite<S::SerializeMap>;
    type SerializeStruct = OnlyFinite<S::SerializeStruct>;
    type SerializeStructVariant = OnlyFinite<S::SerializeStructVariant>;

    fn serialize_f32(self, float: f32) -> Result<S::Ok, S::Error> {
        if float.is_finite() { self.0.serialize_f32(float) } else { Err(not_finite(float.into())) }
    }

    fn serialize_f64(self, float: f64) -> Result<S::Ok, S::Error> {
        if float.is_finite() { self.0.serialize_f64(float) } else { Err(not_finite(float)) }
    }

    pass_on! {
        serialize_bool(v: bool) -> Ok;
        serialize_i8(v: i8) -> Ok;
        serialize_i16(v: i16) -> Ok;
        serialize_i32(v: i32) -> Ok;
        serialize_i64(v: i64) -> Ok;
        serialize_i128(v: i128) -> Ok;
        serialize_u8(v: u8) -> Ok;
        serialize_u16(v: u16) -> Ok;
        serialize_u32(v: u32) -> Ok;
        serialize_u64(v: u64) -> Ok;
        serialize_u128(v: u128) -> Ok;
        serialize_char(v: char) -> Ok;
        serialize_str(v: &str) -> Ok;
        serialize_bytes(v: &[u8]) -> Ok;
        serialize_none() -> Ok;
        serialize_unit() -> Ok;
        serialize_unit_struct(name: &'static str) -> Ok;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> Ok;
    }

    pass_on_compound! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Finite(value))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Finite(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Finite(value))
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! elements {
    ($($half:ident::$method:ident;)*) => {
        $(impl<S: $half> $half for OnlyFinite<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.0.$method(&Finite(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

macro_rules! named_fields {
    ($($half:ident;)*) => {
        $(impl<S: $half> $half for OnlyFinite<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.serialize_field(key, &Finite(value))
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.0.skip_field(key)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

named_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<S: SerializeMap> SerializeMap for OnlyFinite<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(&Finite(key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Finite(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}
