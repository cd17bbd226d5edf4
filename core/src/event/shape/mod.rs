//! What events look like when they are stored.

mod change;
mod probe;
mod trace;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{change::Change, trace::UnknownShape};
pub(super) use self::{
    probe::{Probe, Stopped},
    trace::trace,
};

/// What one kind of event looks like when it is stored: [`Event::shapes`](super::Event::shapes).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventShape {
    /// The name under which it is stored.
    pub name: &'static str,
    /// Other names that are read as this kind.
    pub aliases: &'static [&'static str],
    /// The schema version of what is stored today.
    pub schema_version: u32,
    /// The shape of its payload, if its type shows it.
    pub shape: Result<Shape, UnknownShape>,
}

/// The shape of JSON that a type reads. As JSON itself it is short: `"u64"`, `{"list": "string"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the first ones say what they are")]
pub enum Shape {
    Null,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    String,
    Bytes,
    /// Whatever there is: the type looks at it before it decides.
    Any,
    /// A string of a certain form, in the words of the type that reads it.
    Text(String),
    /// The shape, or null, or nothing.
    Optional(Box<Shape>),
    /// A list of any length.
    List(Box<Shape>),
    /// An object whose keys are data.
    Map(Box<Shape>, Box<Shape>),
    /// A list of this length.
    Tuple(Vec<Shape>),
    /// An object with these fields. A name ends in `?` where the field may be missing, and holds all names that are read, with `|`
    /// between them.
    Fields(BTreeMap<String, Shape>),
    /// One of these variants, each with its content.
    Variants(BTreeMap<String, Shape>),
    /// The type of this name again, within itself.
    Again(String),
}

impl Shape {
    /// The shape of one value, as far as it shows: every field counts as required.
    #[must_use]
    pub fn of_example(example: &Value) -> Self {
        match example {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_u64() => Self::U64,
            Value::Number(number) if number.is_i64() => Self::I64,
            Value::Number(_) => Self::F64,
            Value::String(_) => Self::String,
            Value::Array(items) => {
                Self::List(Box::new(items.first().map_or(Self::Any, Self::of_example)))
            }
            Value::Object(fields) => {
                let field =
                    |(name, value): (&String, &Value)| (name.clone(), Self::of_example(value));
                Self::Fields(fields.iter().map(field).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests;
