use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use super::finite::Finite;

/// What an event says, as JSON text that was checked to be readable again.
///
/// Every JSON value that `serde_json` can represent comes back equal from every store. Cloning is cheap.
///
/// ```
/// use annals::Payload;
/// use serde_json::json;
///
/// let payload = Payload::encode(&json!({ "owner": "anna" }))?;
/// assert_eq!(payload.as_str(), r#"{"owner":"anna"}"#);
/// assert_eq!(payload.to_value()?["owner"], "anna");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

/// Why something cannot be a [`Payload`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPayload {
    /// It is not JSON, or cannot be written as JSON.
    #[error("it cannot be written or read as JSON")]
    Json(#[source] serde_json::Error),
    /// It nests deeper than a reader goes.
    #[error("it nests deeper than {max} levels, more than can be read back", max = Payload::MAX_DEPTH)]
    TooDeep,
}

impl Payload {
    /// The deepest nesting of arrays and objects: `serde_json` reads no deeper.
    pub const MAX_DEPTH: usize = 127;

    /// The payload that `value` serialises to.
    ///
    /// # Errors
    /// When the value has no JSON form, or nests too deep.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, InvalidPayload> {
        Self::bounded(serde_json::to_string(&Finite(value)).map_err(InvalidPayload::Json)?)
    }

    /// The payload with this JSON text, kept to the letter.
    ///
    /// # Errors
    /// When the text is not JSON, nests too deep, or says what `serde_json` cannot represent: a number
    /// beyond `f64`, such as `1e400`, or half of a surrogate pair.
    pub fn parse(json: impl Into<String>) -> Result<Self, InvalidPayload> {
        let payload = Self::bounded(json.into())?;
        payload.to_value().map_err(InvalidPayload::Json)?;
        Ok(payload)
    }

    /// A payload read back from where a store put it, unchecked: if the text is not JSON, decoding it fails.
    /// For stores that read, never for events to append.
    #[must_use]
    pub fn from_stored(json: impl Into<Arc<str>>) -> Self {
        Self(json.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The payload as a `T`.
    ///
    /// # Errors
    /// When the JSON does not fit `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.0)
    }

    /// The payload as a JSON value.
    ///
    /// # Errors
    /// When the stored text is not JSON.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        self.decode()
    }

    pub(super) fn bounded(json: String) -> Result<Self, InvalidPayload> {
        if depth(&json) > Self::MAX_DEPTH {
            Err(InvalidPayload::TooDeep)
        } else {
            Ok(Self(json.into()))
        }
    }
}

/// How deep a JSON text nests.
fn depth(json: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.0)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        serde_json::from_str::<&RawValue>(&self.0).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(Box::<str>::from(raw)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn the_deepest_allowed_nesting_can_be_read_and_no_deeper_is_taken() {
        let deepest = Payload::parse(nested(Payload::MAX_DEPTH)).unwrap();
        assert!(deepest.to_value().is_ok());
        let deeper = nested(Payload::MAX_DEPTH + 1);
        assert!(serde_json::from_str::<Value>(&deeper).is_err());
        assert!(matches!(Payload::parse(deeper), Err(InvalidPayload::TooDeep)));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let text = format!(r#"["\"{}", "\\"]"#, "[{".repeat(200));
        assert_eq!(Payload::parse(text.clone()).unwrap().as_str(), text);
    }

    #[test]
    fn json_that_no_reader_could_take_is_refused() {
        for text in ["1e400", "[-1e999]", r#""\ud800""#, r#"{"\udc00\ud800": 1}"#] {
            assert!(serde_json::from_str::<Value>(text).is_err());
            assert!(matches!(Payload::parse(text), Err(InvalidPayload::Json(_))), "{text}");
            assert!(serde_json::from_str::<Payload>(text).is_err(), "{text}");
        }
        let deeper = nested(Payload::MAX_DEPTH + 1);
        assert!(serde_json::from_str::<Payload>(&deeper).is_err());
    }

    #[test]
    fn what_can_be_read_is_kept_to_the_letter() {
        for text in [
            " { \"b\" : 1.0e2,\n\"a\":-0 } ",
            "123456789012345678901234567890",
            r#""\ud83e\udd80""#,
        ] {
            assert_eq!(Payload::parse(text).unwrap().as_str(), text);
        }
        let siblings = format!("[{}]", vec!["[{}]"; 200].join(","));
        assert_eq!(Payload::parse(siblings.as_str()).unwrap().as_str(), siblings);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "nul", "1 2", "{\"a\":}"] {
            assert!(matches!(Payload::parse(text), Err(InvalidPayload::Json(_))), "{text:?}");
        }
    }
}
