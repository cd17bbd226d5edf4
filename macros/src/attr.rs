//! What `#[event(…)]` may say, and what `#[serde(…)]` must not.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, ExprPath, Ident, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream, Parser},
    parse_quote,
    punctuated::Punctuated,
};

use crate::errors::Errors;

/// The attributes of the enum.
#[derive(Default)]
pub(crate) struct EnumAttrs {
    pub(crate) krate: Option<Path>,
    pub(crate) category: Option<LitStr>,
    pub(crate) union: Option<Ident>,
}

/// The attributes of one variant.
#[derive(Default)]
pub(crate) struct VariantAttrs {
    pub(crate) name: Option<LitStr>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) version: Option<Number>,
    pub(crate) upcasts: Vec<Upcast>,
    pub(crate) other: Option<Ident>,
    /// The first key that only a variant with a stored name of its own can have.
    pub(crate) of_stored: Option<Ident>,
}

/// A schema version, and where it stands.
pub(crate) struct Number {
    pub(crate) value: u32,
    pub(crate) literal: LitInt,
}

/// `upcast(from = 1, with = path)`
pub(crate) struct Upcast {
    pub(crate) from: Number,
    pub(crate) with: ExprPath,
}

impl EnumAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        for item in items(attrs, errors) {
            match item.key.to_string().as_str() {
                "category" => {
                    once(&mut read.category, item.text("category = \"account\""), &item, errors)
                }
                "crate" => once(&mut read.krate, item.krate(), &item, errors),
                "union" => once(&mut read.union, item.flag(), &item, errors),
                "name" | "alias" | "version" | "upcast" | "other" => {
                    errors
                        .at(&item.key, format!("`{}` belongs on a variant of the enum", item.key));
                }
                _ => errors
                    .at(&item.key, item.unknown("an enum takes `category`, `union` and `crate`")),
            }
        }
        read
    }
}

impl VariantAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        for item in items(attrs, errors) {
            match item.key.to_string().as_str() {
                "name" => {
                    once(&mut read.name, item.text("name = \"account.opened\""), &item, errors)
                }
                "alias" => {
                    let alias = item.text("alias = \"account.created\"");
                    read.aliases.extend(errors.take(alias));
                }
                "version" => once(&mut read.version, item.number("version = 2"), &item, errors),
                "upcast" => read.upcasts.extend(item.upcast(errors)),
                "other" => once(&mut read.other, item.flag(), &item, errors),
                "category" | "crate" | "union" => {
                    errors.at(&item.key, format!("`{}` belongs on the enum", item.key));
                }
                _ => {
                    let known =
                        "a variant takes `name`, `alias`, `version`, `upcast(…)` and `other`";
                    errors.at(&item.key, item.unknown(known));
                }
            }
            if ["name", "alias", "version", "upcast"].iter().any(|key| item.key == key) {
                read.of_stored.get_or_insert(item.key);
            }
        }
        read
    }
}

/// Sets what may be given once.
fn once<T>(slot: &mut Option<T>, value: Result<T>, item: &Item, errors: &mut Errors) {
    if slot.is_some() {
        errors.at(&item.key, format!("`{}` is given twice", item.key));
    } else {
        *slot = errors.take(value);
    }
}

/// One `key`, `key = value` or `key(…)` within `#[event(…)]`.
struct Item {
    key: Ident,
    value: Value,
}

enum Value {
    Absent,
    Assigned(TokenStream),
    List(Vec<Item>),
}

/// The items of every `#[event(…)]`.
fn items(attrs: &[Attribute], errors: &mut Errors) -> Vec<Item> {
    let events = attrs.iter().filter(|attr| attr.path().is_ident("event"));
    let lists = events.filter_map(|attr| errors.take(attr.parse_args_with(list)));
    lists.flatten().collect()
}

fn list(input: ParseStream<'_>) -> Result<Vec<Item>> {
    Ok(Punctuated::<Item, Token![,]>::parse_terminated(input)?.into_iter().collect())
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = Ident::parse_any(input)?;
        let value = if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            Value::List(list(&content)?)
        } else if input.parse::<Option<Token![=]>>()?.is_some() {
            let mut tokens = TokenStream::new();
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<proc_macro2::TokenTree>()?.to_tokens(&mut tokens);
            }
            Value::Assigned(tokens)
        } else {
            Value::Absent
        };
        Ok(Self { key, value })
    }
}

impl Item {
    fn error(&self, message: impl std::fmt::Display) -> syn::Error {
        match &self.value {
            Value::Assigned(tokens) if !tokens.is_empty() => {
                syn::Error::new_spanned(tokens, message)
            }
            _ => syn::Error::new_spanned(&self.key, message),
        }
    }

    fn unknown(&self, known: &str) -> String {
        format!("unknown attribute `{}`: {known}", self.key)
    }

    /// The value as `T`; otherwise a mistake that shows what to write.
    fn value<T: Parse>(&self, example: &str) -> Result<T> {
        match &self.value {
            Value::Assigned(tokens) => T::parse.parse2(tokens.clone()).ok(),
            Value::Absent | Value::List(_) => None,
        }
        .ok_or_else(|| self.error(format!("write `{example}`")))
    }

    fn text(&self, example: &str) -> Result<LitStr> {
        self.value(example)
    }

    fn number(&self, example: &str) -> Result<Number> {
        let literal: LitInt = self.value(example)?;
        match literal.base10_parse() {
            Ok(value) if value > 0 => Ok(Number { value, literal }),
            _ => Err(self.error(format!("schema versions count from 1 to {}", u32::MAX))),
        }
    }

    fn flag(&self) -> Result<Ident> {
        match &self.value {
            Value::Absent => Ok(self.key.clone()),
            Value::Assigned(_) | Value::List(_) => {
                Err(self.error(format!("`{}` takes no value: write `#[event({0})]`", self.key)))
            }
        }
    }

    fn krate(&self) -> Result<Path> {
        let example = "crate = \"annals\"";
        let path = self.text(example)?.parse_with(Path::parse_mod_style);
        path.map_err(|_| self.error(format!("this is no path to a crate: write `{example}`")))
    }

    fn upcast(&self, errors: &mut Errors) -> Option<Upcast> {
        let example = "upcast(from = 1, with = path::to::function)";
        let Value::List(items) = &self.value else {
            errors.add(self.error(format!("write `{example}`")));
            return None;
        };
        let (mut from, mut with) = (None, None);
        for item in items {
            match item.key.to_string().as_str() {
                "from" => once(&mut from, item.number("from = 1"), item, errors),
                "with" => once(&mut with, item.function(), item, errors),
                _ => errors.at(&item.key, item.unknown("`upcast` takes `from` and `with`")),
            }
        }
        for key in ["from", "with"] {
            if !items.iter().any(|item| item.key == key) {
                errors.at(&self.key, format!("`{key}` is missing: write `{example}`"));
            }
        }
        // Without a function the mistake is noted; the version counts as covered all the same.
        Some(Upcast { from: from?, with: with.unwrap_or_else(|| parse_quote!(missing)) })
    }

    fn function(&self) -> Result<ExprPath> {
        self.value("with = path::to::function").map_err(|_| {
            self.error(
                "`with` takes the path to a function, without quotes: `with = path::to::function`",
            )
        })
    }
}

/// Refuses what makes serde write the enum in another form than variant and content.
pub(crate) fn refuse_serde_on_enum(attrs: &[Attribute], errors: &mut Errors) {
    refuse(attrs, errors, |key| match key {
        "tag" | "content" | "untagged" => Some(
            "events need serde's default form: their name and payload are stored apart, so no tag is written",
        ),
        "from" | "try_from" | "into" => Some(
            "events need serde's default form: put the conversion on the type of a field instead",
        ),
        "remote" => {
            Some("`Event` needs serde's traits on the enum itself, which `remote` does not give")
        }
        "field_identifier" | "variant_identifier" => Some("an identifier has no content to store"),
        _ => None,
    });
}

/// Refuses what hides a variant from serde, so that it could not be read again.
pub(crate) fn refuse_serde_on_variant(attrs: &[Attribute], errors: &mut Errors) {
    refuse(attrs, errors, |key| match key {
        "skip" | "skip_deserializing" => Some(
            "a stored event must stay readable: to stop writing it only, use `skip_serializing`",
        ),
        "untagged" => Some(
            "events need serde's default form; the variant for unknown events is marked `#[event(other)]`",
        ),
        "other" => Some(
            "serde's `other` loses what it reads: mark a variant that holds `EventData` `#[event(other)]`",
        ),
        _ => None,
    });
}

fn refuse(attrs: &[Attribute], errors: &mut Errors, why: impl Fn(&str) -> Option<&'static str>) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        // What cannot be parsed is reported by serde's own derive.
        for item in attr.parse_args_with(list).into_iter().flatten() {
            if let Some(why) = why(&item.key.to_string()) {
                errors.at(&item.key, why);
            }
        }
    }
}
