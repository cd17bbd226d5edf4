//! The rules of the derive: from what is written to what is meant, or to the mistakes in it.

use std::collections::HashMap;

use proc_macro2::Span;
use syn::{ExprPath, Fields, Ident, LitStr, Path, Type, ext::IdentExt, parse_quote};

use crate::{
    ast::{Enum, Variant},
    attr::{Upcast, VariantAttrs},
    errors::Errors,
};

/// An enum that can be an event.
pub(crate) struct Event<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) krate: Path,
    /// Empty where there is none.
    pub(crate) category: String,
    pub(crate) kind: Kind<'a>,
    pub(crate) catch_all: Option<Holder<'a>>,
}

pub(crate) enum Kind<'a> {
    /// Each variant is an event with a stored name.
    Events(Vec<Stored<'a>>),
    /// Each variant holds another enum of events.
    Union(Vec<Holder<'a>>),
}

/// A variant with a stored name.
pub(crate) struct Stored<'a> {
    pub(crate) ident: &'a Ident,
    /// Its place among all variants, as serde counts.
    pub(crate) index: u32,
    pub(crate) name: LitStr,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) version: u32,
    /// One for each older version.
    pub(crate) upcasters: Vec<(u32, ExprPath)>,
}

/// A variant that holds one unnamed field.
pub(crate) struct Holder<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) field: &'a Type,
}

/// The event that `input` describes; of use only as long as there are no `errors`.
pub(crate) fn check<'a>(input: Enum<'a>, errors: &mut Errors) -> Event<'a> {
    let Enum { ident, attrs, variants } = input;
    let (others, variants): (Vec<_>, Vec<_>) =
        variants.into_iter().zip(0..).partition(|(variant, _)| variant.attrs.other.is_some());
    let catch_all = catch_all(&others, errors);
    let krate = attrs.krate.unwrap_or_else(|| parse_quote!(::annals));
    let mut category = Category::Unusable;
    let kind = if attrs.union.is_some() {
        if let Some(category) = attrs.category {
            errors
                .at(category, "a union has no category: its members name their events themselves");
        }
        if variants.is_empty() && !others.is_empty() {
            errors.at(ident, "a union has at least one variant that holds an event enum");
        }
        Kind::Union(variants.iter().filter_map(|(variant, _)| member(variant, errors)).collect())
    } else {
        category = Category::check(ident, attrs.category, &variants, errors);
        let stored =
            variants.into_iter().map(|(variant, index)| stored(variant, index, &category, errors));
        let stored: Vec<_> = stored.collect();
        refuse_shared_names(&stored, errors);
        Kind::Events(stored)
    };
    let category = match category {
        Category::Given(category) => category,
        Category::Unusable => String::new(),
    };
    Event { ident, krate, category, kind, catch_all }
}

fn catch_all<'a>(others: &[(Variant<'a>, u32)], errors: &mut Errors) -> Option<Holder<'a>> {
    let (variant, _) = others.first()?;
    for (second, _) in others.iter().skip(1) {
        let message =
            format!("an enum has one catch-all, and `{}` is it already: remove one", variant.ident);
        errors.at(&second.attrs.other, message);
    }
    if let Some(key) = &variant.attrs.of_stored {
        errors.at(key, format!("a catch-all keeps the name and version it read: remove `{key}`"));
    }
    let holder = one_field(variant);
    if holder.is_none() {
        let message =
            format!("a catch-all holds what was stored: write `{}(EventData)`", variant.ident);
        errors.at(variant.ident, message);
    }
    holder
}

fn member<'a>(variant: &Variant<'a>, errors: &mut Errors) -> Option<Holder<'a>> {
    if let Some(key) = &variant.attrs.of_stored {
        errors.at(
            key,
            format!("`{key}` belongs on a variant of the event enum that the union holds"),
        );
    }
    let holder = one_field(variant);
    if holder.is_none() {
        let message =
            format!("a union's variant holds one event enum: write `{0}({0}Event)`", variant.ident);
        errors.at(variant.ident, message);
    }
    holder
}

fn one_field<'a>(variant: &Variant<'a>) -> Option<Holder<'a>> {
    match variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.first().map(|field| Holder { ident: variant.ident, field: &field.ty })
        }
        _ => None,
    }
}

/// The first part of the default names.
enum Category {
    Given(String),
    /// Missing or wrong, and already reported.
    Unusable,
}

impl Category {
    fn check(
        ident: &Ident,
        written: Option<LitStr>,
        variants: &[(Variant<'_>, u32)],
        errors: &mut Errors,
    ) -> Self {
        let unnamed = variants.iter().find(|(variant, _)| variant.attrs.name.is_none());
        match (written, unnamed) {
            (Some(category), _) if is_category(&category.value()) => Self::Given(category.value()),
            (Some(category), _) => {
                let rule = "a category is 1 to 64 ASCII letters, digits, `_` or `.`; `-` ends it in a stream's name";
                errors.at(category, rule);
                Self::Unusable
            }
            (None, Some((variant, _))) => {
                let mut message = format!(
                    "the category is missing: write `#[event(category = \"…\")]` above the enum, or give `{}` \
                     a stored name of its own with `#[event(name = \"…\")]`",
                    variant.ident
                );
                if variants.iter().all(|(variant, _)| one_field(variant).is_some()) {
                    message += "; or write `#[event(union)]` if each variant holds the events of another enum";
                }
                errors.at(ident, message);
                Self::Unusable
            }
            (None, None) => Self::Unusable,
        }
    }
}

fn stored<'a>(
    variant: Variant<'a>,
    index: u32,
    category: &Category,
    errors: &mut Errors,
) -> Stored<'a> {
    let Variant { ident, attrs, .. } = variant;
    let VariantAttrs { name, aliases, version, upcasts, .. } = attrs;
    for written in name.iter().chain(&aliases) {
        if !is_name(&written.value()) {
            errors.at(
                written,
                "a stored name is 1 to 255 printable ASCII characters without white space",
            );
        }
    }
    let name = name.unwrap_or_else(|| default_name(ident, category, errors));
    let today = version.as_ref().map_or(1, |version| version.value);
    let upcasters = upcasters(ident, today, upcasts, errors);
    let missing = (1..today).filter(|from| !upcasters.iter().any(|(known, _)| known == from));
    // A mistyped version could miss millions.
    let missing: Vec<_> =
        missing.take(3).map(|from| format!("`upcast(from = {from}, with = …)`")).collect();
    if let (Some(version), false) = (version, missing.is_empty()) {
        let message = format!("older versions must stay readable: add {}", missing.join(" and "));
        errors.at(version.literal, message);
    }
    Stored { ident, index, name, aliases, version: today, upcasters }
}

fn upcasters(
    ident: &Ident,
    today: u32,
    upcasts: Vec<Upcast>,
    errors: &mut Errors,
) -> Vec<(u32, ExprPath)> {
    let mut upcasters = Vec::<(u32, ExprPath)>::new();
    for Upcast { from, with } in upcasts {
        if from.value >= today {
            let message = format!(
                "an upcaster starts below the version of today, and `{ident}` has version {today}: write \
                 `version = {}` if the payload changed",
                u64::from(from.value) + 1
            );
            errors.at(from.literal, message);
        } else if upcasters.iter().any(|(known, _)| *known == from.value) {
            errors.at(
                from.literal,
                format!("version {} has an upcaster already: remove one", from.value),
            );
        } else {
            upcasters.push((from.value, with));
        }
    }
    upcasters
}

fn default_name(ident: &Ident, category: &Category, errors: &mut Errors) -> LitStr {
    let Category::Given(category) = category else {
        return LitStr::new(&ident.to_string(), Span::call_site());
    };
    let name = format!("{category}.{}", snake_case(&ident.unraw().to_string()));
    if !is_name(&name) {
        let message = "no stored name can be made of this: give one with `#[event(name = \"…\")]`, of 1 to 255 \
                       printable ASCII characters";
        errors.at(ident, message);
    }
    LitStr::new(&name, ident.span())
}

fn refuse_shared_names(variants: &[Stored<'_>], errors: &mut Errors) {
    let mut readers = HashMap::new();
    for variant in variants {
        for name in std::iter::once(&variant.name).chain(&variant.aliases) {
            match readers.insert(name.value(), variant.ident) {
                Some(reader) if reader == variant.ident => {
                    errors.at(name, format!("`{reader}` reads this name already: remove one"));
                }
                Some(reader) => {
                    let message = format!(
                        "`{reader}` is stored as {:?} or reads it already: two variants cannot share a stored name",
                        name.value()
                    );
                    errors.at(name, message);
                }
                None => {}
            }
        }
    }
}

fn is_category(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `HTTPFailed` to `http_failed`, `V2Opened` to `v2_opened`.
///
/// What comes out is stored for good: that is why this is no library's business, whose next release
/// might split words another way.
fn snake_case(ident: &str) -> String {
    let mut snake = String::new();
    let mut before = None;
    let mut chars = ident.chars().peekable();
    while let Some(char) = chars.next() {
        let starts_word = char.is_uppercase()
            && match before {
                None | Some('_') => false,
                Some(before) if before.is_uppercase() => {
                    chars.peek().is_some_and(|next| next.is_lowercase())
                }
                Some(_) => true,
            };
        if starts_word {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
        before = Some(char);
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn words_begin_at_capitals_and_acronyms_are_one_word() {
        for (variant, name) in [
            ("Opened", "opened"),
            ("PaidOut", "paid_out"),
            ("HTTPFailed", "http_failed"),
            ("FailedOnHTTP", "failed_on_http"),
            ("V2Opened", "v2_opened"),
            ("OpenedV2", "opened_v2"),
            ("HTTP2Opened", "http2_opened"),
            ("Sha256Computed", "sha256_computed"),
            ("Step1A", "step1_a"),
            ("Paid_Out", "paid_out"),
            ("PAID_OUT", "paid_out"),
            ("paid", "paid"),
            ("A", "a"),
            ("AB", "ab"),
            ("ABc", "a_bc"),
        ] {
            assert_eq!(snake_case(variant), name, "{variant}");
        }
    }
}
