use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Order, Value};

/// A place in a list, between two rows: where a page ended. It is opaque to users, and goes through a URL as
/// text by `Display` and `FromStr`. It stays good when rows come, go and move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The order of the list that it is a place in.
    pub(super) order: Option<Order>,
    /// What the last row had in the order's column.
    pub(super) value: Value,
    /// The key of the last row.
    pub(super) key: String,
}

impl Cursor {
    /// What the row before this place has in the column of the query's order; null, too, if it has no order.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The key of the row before this place.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A text that is no [`Cursor`].
#[derive(Debug, thiserror::Error)]
#[error("the text is no cursor of a list; begin at the first page")]
pub struct InvalidCursor(#[source] Option<serde_json::Error>);

/// JSON in hexadecimal digits: safe in a URL as it is.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        json.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? * 16 + digit(low)?),
            _ => None,
        };
        let json: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        let json = json.ok_or(InvalidCursor(None))?;
        serde_json::from_slice(&json).map_err(|error| InvalidCursor(Some(error)))
    }
}
