use std::{
    borrow::Cow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The stored name of a kind of event, `account.opened` for instance. It outlives the Rust type that
/// reads it: names are stored, so they are never renamed, only given aliases.
///
/// A name is 1 to [`EventType::MAX_BYTES`] bytes without white space or control characters; in code, where
/// [`from_static`](Self::from_static) checks it, it is ASCII.
///
/// ```
/// use annals::EventType;
///
/// const OPENED: EventType = EventType::from_static("account.opened");
/// assert_eq!(OPENED, EventType::new("account.opened".to_owned())?);
/// assert!(EventType::new("account opened").is_err());
/// # Ok::<(), annals::InvalidEventType>(())
/// ```
///
/// Cloning is cheap: names from stores are shared.
#[derive(Clone)]
pub struct EventType(Name);

#[derive(Clone)]
enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

/// A text that cannot name a kind of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event type {0:?} is not 1 to {max} bytes without white space and control characters", max = EventType::MAX_BYTES)]
pub struct InvalidEventType(String);

impl EventType {
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The event type `name`.
    ///
    /// # Errors
    /// When the name breaks the rule above.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, InvalidEventType> {
        let name = name.into();
        let allowed = |c: char| !c.is_whitespace() && !c.is_control();
        if !name.is_empty() && name.len() <= Self::MAX_BYTES && name.chars().all(allowed) {
            Ok(Self(match name {
                Cow::Borrowed(name) => Name::Static(name),
                Cow::Owned(name) => Name::Shared(name.into()),
            }))
        } else {
            Err(InvalidEventType(name.into_owned()))
        }
    }

    /// The event type `name`, for constants.
    ///
    /// # Panics
    /// When `name` is not 1 to 255 printable ASCII characters; in a constant that is a compile error.
    #[must_use]
    #[expect(clippy::panic, reason = "meant for constants, where it fails the build")]
    pub const fn from_static(name: &'static str) -> Self {
        let mut rest = name.as_bytes();
        while let [byte, tail @ ..] = rest {
            if !byte.is_ascii_graphic() {
                panic!("an event type consists of printable ASCII characters");
            }
            rest = tail;
        }
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            panic!("an event type takes 1 to 255 bytes");
        }
        Self(Name::Static(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Static(name) => name,
            Name::Shared(name) => name,
        }
    }
}

impl From<EventType> for Cow<'static, str> {
    fn from(event_type: EventType) -> Self {
        match event_type.0 {
            Name::Static(name) => Self::Borrowed(name),
            Name::Shared(name) => Self::Owned(name.as_ref().to_owned()),
        }
    }
}

impl PartialEq for EventType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventType {}

impl PartialOrd for EventType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventType {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for EventType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name.to_owned())
    }
}

impl AsRef<str> for EventType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventType({self})")
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_store_could_keep_are_refused() {
        for name in
            ["", "a b", "a\tb", "a\0b", "a\u{a0}b", "a\u{85}b", "a\u{7f}b", &"é".repeat(128)]
        {
            assert_eq!(
                EventType::new(name.to_owned()),
                Err(InvalidEventType(name.into())),
                "{name:?}"
            );
            assert!(serde_json::from_value::<EventType>(name.into()).is_err(), "{name:?}");
        }
        for name in ["a", "Größe-1/2", &"x".repeat(255)] {
            assert_eq!(EventType::new(name.to_owned()).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_constant_is_held_to_the_same_length() {
        const LONGEST: &str = match std::str::from_utf8(&[b'x'; 255]) {
            Ok(name) => name,
            Err(_) => "",
        };
        const TOO_LONG: &str = match std::str::from_utf8(&[b'x'; 256]) {
            Ok(name) => name,
            Err(_) => "",
        };
        assert_eq!(EventType::from_static(LONGEST).as_str(), LONGEST);
        for name in ["", "a b", "é", TOO_LONG] {
            assert!(std::panic::catch_unwind(|| EventType::from_static(name)).is_err(), "{name:?}");
        }
    }
}
