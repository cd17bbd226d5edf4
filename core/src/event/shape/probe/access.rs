//! What a [`Probe`] holds where it is asked for more than one value.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor, value::StrDeserializer,
};

use super::{Probe, Shape, Stopped};

/// The items of a list, which is one, or of a tuple.
pub(super) struct Items<'r> {
    pub(super) probe: Probe<'r>,
    pub(super) left: usize,
    pub(super) is_tuple: bool,
}

impl SeqAccess<'static> for Items<'_> {
    type Error = Stopped;

    fn next_element_seed<T: DeserializeSeed<'static>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stopped> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let item = match self.is_tuple {
            true => self.probe.inner(format_args!("[{left}]")),
            false => self.probe.loose("[]"),
        };
        seed.deserialize(item).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The one entry of a map.
pub(super) struct Entries<'r> {
    pub(super) probe: Probe<'r>,
    pub(super) left: usize,
}

impl MapAccess<'static> for Entries<'_> {
    type Error = Stopped;

    fn next_key_seed<K: DeserializeSeed<'static>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stopped> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.probe.loose("{key}")).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Stopped> {
        seed.deserialize(self.probe.loose("{value}"))
    }
}

/// The fields of a struct.
pub(super) struct Struct<'r> {
    pub(super) probe: Probe<'r>,
    pub(super) fields: std::slice::Iter<'static, &'static str>,
    pub(super) field: &'static str,
}

impl MapAccess<'static> for Struct<'_> {
    type Error = Stopped;

    fn next_key_seed<K: DeserializeSeed<'static>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stopped> {
        for field in self.fields.by_ref() {
            if self.probe.run.is_given(&self.probe.path, field) {
                self.field = field;
                let name: StrDeserializer<'_, Stopped> = field.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'static>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Stopped> {
        seed.deserialize(self.probe.inner(format_args!(".{}", self.field)))
    }
}

/// One variant of an enum.
pub(super) struct OneOf<'r> {
    pub(super) probe: Probe<'r>,
    pub(super) variant: &'static str,
}

impl<'r> EnumAccess<'static> for OneOf<'r> {
    type Error = Stopped;
    type Variant = Content<'r>;

    fn variant_seed<V: DeserializeSeed<'static>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'r>), Stopped> {
        let name: StrDeserializer<'_, Stopped> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.probe)))
    }
}

pub(super) struct Content<'r>(Probe<'r>);

impl VariantAccess<'static> for Content<'_> {
    type Error = Stopped;

    fn unit_variant(self) -> Result<(), Stopped> {
        self.0.leaf(Shape::Null);
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'static>>(
        self,
        seed: T,
    ) -> Result<T::Value, Stopped> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'static>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
