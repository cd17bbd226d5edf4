//! The input as it is written: an enum, its variants, and the attributes on them.

use syn::{Data, DeriveInput, Fields, Ident};

use crate::{
    attr::{self, EnumAttrs, VariantAttrs},
    errors::Errors,
};

/// The enum that the derive stands on.
pub(crate) struct Enum<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) attrs: EnumAttrs,
    pub(crate) variants: Vec<Variant<'a>>,
}

/// One of its variants.
pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) fields: &'a Fields,
    pub(crate) attrs: VariantAttrs,
}

impl<'a> Enum<'a> {
    /// Reads `input`, or nothing if it is no enum at all.
    pub(crate) fn read(input: &'a DeriveInput, errors: &mut Errors) -> Option<Self> {
        let ident = &input.ident;
        let Data::Enum(data) = &input.data else {
            errors.at(
                ident,
                "`Event` is derived for an enum, with one variant for each kind of event",
            );
            return None;
        };
        if !input.generics.params.is_empty() {
            let message = "an event enum takes no generic parameters: what is stored has one shape";
            errors.at(&input.generics, message);
        }
        if data.variants.is_empty() {
            errors.at(ident, "an event enum has at least one variant, one for each kind of event");
        }
        let attrs = EnumAttrs::read(&input.attrs, errors);
        if attrs.union.is_none() {
            attr::refuse_serde_on_enum(&input.attrs, errors);
        }
        let mut variants = Vec::new();
        for variant in &data.variants {
            if attrs.union.is_none() {
                attr::refuse_serde_on_variant(&variant.attrs, errors);
            }
            let attrs = VariantAttrs::read(&variant.attrs, errors);
            variants.push(Variant { ident: &variant.ident, fields: &variant.fields, attrs });
        }
        Some(Self { ident, attrs, variants })
    }
}
