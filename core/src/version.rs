use std::fmt;

use serde::{Deserialize, Serialize};

/// How many events a stream holds, which is also the number of its last one: the first event of a
/// stream has version 1, and there is no hole. Version 0, [`Version::NONE`], means no stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of a stream that does not exist.
    pub const NONE: Self = Self(0);

    /// Version `number`.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an append demands of its stream. If the stream does not meet it, nothing is appended and the
/// answer is a [`Conflict`](crate::Conflict).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Nothing: the stream may be at any version, or not exist.
    Any,
    /// The stream does not exist yet.
    NoStream,
    /// The stream has at least one event.
    Exists,
    /// The stream is at exactly this version. `Exact(Version::NONE)` asks the same as `NoStream`.
    Exact(Version),
}

impl ExpectedVersion {
    /// Whether a stream at version `actual` meets the demand.
    #[must_use]
    pub fn is_met_by(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version::NONE,
            Self::Exists => actual > Version::NONE,
            Self::Exact(expected) => actual == expected,
        }
    }
}

impl From<Version> for ExpectedVersion {
    fn from(version: Version) -> Self {
        Self::Exact(version)
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::Exists => f.write_str("an existing stream"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_lower_than_the_one_before() {
        assert_eq!(Version::NONE.next(), Version::new(1));
        assert_eq!(Version::new(u64::MAX).next(), Version::new(u64::MAX));
    }

    #[test]
    fn a_conflict_reads_as_a_sentence() {
        use ExpectedVersion::{Any, Exact, Exists, NoStream};
        let stream: crate::StreamId = "account-anna".parse().unwrap();
        let told = |expected: ExpectedVersion, actual| expected.check(&stream, Version::new(actual));
        assert_eq!(told(Any, 7), Ok(()));
        for (expected, actual, sentence) in [
            (NoStream, 3, "stream account-anna is at version 3, expected was no stream"),
            (Exists, 0, "stream account-anna is at version 0, expected was an existing stream"),
            (Exact(Version::new(2)), 3, "stream account-anna is at version 3, expected was version 2"),
        ] {
            assert_eq!(told(expected, actual).unwrap_err().to_string(), sentence);
        }
        assert_eq!(Any.to_string(), "any version");
    }
}
