use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The id of one stream: a category and the id of an entity within it, written `category-entity`.
///
/// The category ends at the first `-`; the entity's id may hold further ones. A category is 1 to 64 ASCII
/// letters, digits, `_` or `.`; the entity's id is not empty and holds no control character; both
/// together take at most [`StreamId::MAX_BYTES`] bytes.
///
/// ```
/// use annals::StreamId;
///
/// let stream = StreamId::new("account", "anna-1")?;
/// assert_eq!(stream.to_string(), "account-anna-1");
/// assert_eq!(stream.category(), "account");
/// assert_eq!(stream.entity_id(), "anna-1");
/// assert_eq!("account-anna-1".parse::<StreamId>()?, stream);
/// # Ok::<(), annals::InvalidStreamId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    name: Arc<str>,
}

/// Why a text is not a [`StreamId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStreamId {
    /// The category is empty, too long, or holds a character other than ASCII letters, digits, `_`, `.`.
    #[error(
        "stream category {0:?} is not 1 to {max} ASCII letters, digits, '_' or '.'",
        max = StreamId::MAX_CATEGORY_BYTES
    )]
    Category(String),
    /// No entity follows the category.
    #[error("stream id {0:?} names no entity: write category-entity")]
    EmptyId(String),
    /// It holds a control character, NUL for instance.
    #[error("stream id {0:?} holds a control character")]
    ControlCharacter(String),
    /// It is longer than [`StreamId::MAX_BYTES`].
    #[error("stream id takes {0} bytes; at most {max} are allowed", max = StreamId::MAX_BYTES)]
    TooLong(usize),
}

impl StreamId {
    /// The longest stream id in bytes: short enough for any database's index.
    pub const MAX_BYTES: usize = 512;
    /// The longest category in bytes.
    pub const MAX_CATEGORY_BYTES: usize = 64;

    /// The stream of the entity `id` in `category`.
    ///
    /// # Errors
    /// When category or id break the rules above.
    pub fn new(category: &str, id: impl fmt::Display) -> Result<Self, InvalidStreamId> {
        if !is_category(category) {
            return Err(InvalidStreamId::Category(category.to_owned()));
        }
        let name = format!("{category}-{id}");
        check(&name, category)?;
        Ok(Self { name: name.into() })
    }

    /// The part before the first `-`.
    #[must_use]
    pub fn category(&self) -> &str {
        self.parts().0
    }

    /// The entity: the part after the first `-`. Parse it where an id is needed again.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        self.parts().1
    }

    /// The whole id, `category-entity`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    fn parts(&self) -> (&str, &str) {
        self.name.split_once('-').unwrap_or((&self.name, ""))
    }
}

/// Whether `text` may be a stream's category; `const`, so that a wrong one fails the build:
///
/// ```compile_fail,E0080
/// # use annals::{Aggregate, Context, Event, EventData, MemoryStore, Repository};
/// # #[derive(Debug, Clone, Default)]
/// # struct Account;
/// impl Aggregate for Account {
///     const CATEGORY: &'static str = "bank-account"; // the id begins after the first dash
/// #   type Id = String;
/// #   type Command = ();
/// #   type Event = EventData;
/// #   type Error = std::convert::Infallible;
/// #   fn handle(&self, _: &(), _: &Context<Self>) -> Result<Vec<EventData>, Self::Error> { Ok(vec![]) }
/// #   fn apply(&mut self, _: &EventData) {}
///     // …
/// }
/// Repository::<Account>::new(MemoryStore::new());
/// ```
pub(crate) const fn is_category(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.') {
            return false;
        }
        rest = tail;
    }
    !text.is_empty() && text.len() <= StreamId::MAX_CATEGORY_BYTES
}

/// Whether `name`, which begins with `category` and `-`, can be an id. Every event that is read passes through here.
fn check(name: &str, category: &str) -> Result<(), InvalidStreamId> {
    if name.len() > StreamId::MAX_BYTES {
        return Err(InvalidStreamId::TooLong(name.len()));
    }
    if name.len() == category.len() + 1 {
        return Err(InvalidStreamId::EmptyId(name.to_owned()));
    }
    let holds_control = match name.is_ascii() {
        true => name.bytes().any(|byte| byte.is_ascii_control()),
        false => name.chars().any(char::is_control),
    };
    if holds_control { Err(InvalidStreamId::ControlCharacter(name.to_owned())) } else { Ok(()) }
}

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.split_once('-') {
            Some((category, _)) if is_category(category) => {
                check(name, category)?;
                Ok(Self { name: name.into() })
            }
            Some((category, _)) => Err(InvalidStreamId::Category(category.to_owned())),
            None if is_category(name) => Err(InvalidStreamId::EmptyId(name.to_owned())),
            None => Err(InvalidStreamId::Category(name.to_owned())),
        }
    }
}

impl AsRef<str> for StreamId {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.name)
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_ends_at_the_first_dash() {
        let stream: StreamId = "order-2010-12-01".parse().unwrap();
        assert_eq!((stream.category(), stream.entity_id()), ("order", "2010-12-01"));
    }

    #[test]
    fn names_that_no_store_could_keep_are_refused() {
        use InvalidStreamId::{Category, ControlCharacter, EmptyId, TooLong};
        let parse = |name: &str| name.parse::<StreamId>().unwrap_err();
        assert_eq!(parse(""), Category(String::new()));
        assert_eq!(parse("-1"), Category(String::new()));
        assert_eq!(parse("a b-1"), Category("a b".into()));
        assert_eq!(parse(&format!("{}-1", "c".repeat(65))), Category("c".repeat(65)));
        assert_eq!(parse("account"), EmptyId("account".into()));
        assert_eq!(parse("account-"), EmptyId("account-".into()));
        for id in ["a\0b", "a\n", "\u{7f}", "\u{85}"] {
            let name = format!("account-{id}");
            assert_eq!(parse(&name), ControlCharacter(name));
        }
        assert_eq!(parse(&format!("a-{}", "x".repeat(511))), TooLong(513));
        assert!(format!("a-{}", "x".repeat(510)).parse::<StreamId>().is_ok());
    }

    #[test]
    fn a_name_is_written_as_it_is_and_checked_when_read() {
        let stream: StreamId = "account-anna-1".parse().unwrap();
        let json = serde_json::to_value(&stream).unwrap();
        assert_eq!(json, "account-anna-1");
        assert_eq!(serde_json::from_value::<StreamId>(json).unwrap(), stream);
        let error = serde_json::from_value::<StreamId>("account".into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "stream id \"account\" names no entity: write category-entity"
        );
    }
}
