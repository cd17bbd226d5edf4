//! The table of a read model, as stores see it: names, types and values, no Rust type of a user's.

use std::{cmp::Ordering, fmt};

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// The table of a read model. Beside the columns listed it has `key`, text and unique, and `state`, JSON that
/// must come back as it was, to the letter of its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// The follower's name and the table's: checked, so it is safe to write into a statement in quotes.
    pub name: &'static str,
    /// The declared columns, in this order in [`Upsert::values`](super::Upsert::values). Each may hold nulls.
    pub columns: Vec<ColumnShape>,
    /// The columns of each index, in order; never empty, each name one of `columns`.
    pub indexes: Vec<Vec<&'static str>>,
}

/// One declared column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnShape {
    /// Its name: checked as the table's, and neither `key` nor `state`.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
}

impl TableShape {
    /// What the column `name` holds; `key` is a column of text.
    #[must_use]
    pub fn kind_of(&self, name: &str) -> Option<ColumnType> {
        if name == KEY {
            return Some(ColumnType::Text);
        }
        self.columns.iter().find(|column| column.name == name).map(|column| column.kind)
    }
}

/// The column of the key, which queries may name like any other.
pub(super) const KEY: &str = "key";
/// The column of the row itself, which queries may not name.
pub(super) const STATE: &str = "state";

/// What a column holds. Values of one type are ordered alike in all stores, and nulls come last in either
/// direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Text without NUL, ordered by its bytes (`text COLLATE "C"`).
    Text,
    /// An `i64` (`bigint`).
    Integer,
    /// An `f64` that is finite (`double precision`).
    Float,
    /// False comes before true (`boolean`).
    Boolean,
    /// A time in UTC, to the microsecond (`timestamptz`).
    Time,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Time => "time",
        })
    }
}

/// What a column of a row holds, or a query compares it with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing, in a column of any type.
    Null,
    /// [`ColumnType::Text`].
    Text(String),
    /// [`ColumnType::Integer`].
    Integer(i64),
    /// [`ColumnType::Float`].
    Float(f64),
    /// [`ColumnType::Boolean`].
    Boolean(bool),
    /// [`ColumnType::Time`]; what is beyond the microsecond was cut off.
    Time(DateTime<Utc>),
}

/// Why a value cannot be in a column of any store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// Infinite, or not a number.
    #[error("the float is not finite")]
    NotFinite,
    /// Text that holds NUL.
    #[error("the text holds NUL")]
    Nul,
    /// A time before the year -4000.
    #[error("the time is before the year -4000")]
    TooEarly,
}

impl Value {
    /// The type of the columns that can hold it; none for [`Null`](Self::Null), which all can.
    #[must_use]
    pub fn kind(&self) -> Option<ColumnType> {
        match self {
            Self::Null => None,
            Self::Text(_) => Some(ColumnType::Text),
            Self::Integer(_) => Some(ColumnType::Integer),
            Self::Float(_) => Some(ColumnType::Float),
            Self::Boolean(_) => Some(ColumnType::Boolean),
            Self::Time(_) => Some(ColumnType::Time),
        }
    }

    /// Whether it can be in a column at all.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), InvalidValue> {
        match self {
            Self::Float(float) if !float.is_finite() => Err(InvalidValue::NotFinite),
            Self::Text(text) if text.contains('\0') => Err(InvalidValue::Nul),
            Self::Time(time) if time.year() < -4000 => Err(InvalidValue::TooEarly),
            _ => Ok(()),
        }
    }

    /// How two values of one column compare; none if one is null, or they are not of one type.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Integer(one), Self::Integer(other)) => Some(one.cmp(other)),
            (Self::Float(one), Self::Float(other)) => one.partial_cmp(other),
            (Self::Boolean(one), Self::Boolean(other)) => Some(one.cmp(other)),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

value_from!(String => Text, &str => Text, i64 => Integer, i32 => Integer, u32 => Integer, f64 => Float, bool => Boolean);

impl From<DateTime<Utc>> for Value {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time.trunc_subsecs(6))
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
