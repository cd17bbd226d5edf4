use std::fmt;

use crate::{StreamId, Version};

/// What an append demands of its stream. If the stream does not meet it, nothing is appended and the
/// answer is a [`Conflict`].
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
    /// Checks that a stream at version `actual` meets the demand.
    ///
    /// # Errors
    /// The conflict to report, if it does not.
    pub fn check(self, stream: &StreamId, actual: Version) -> Result<(), Conflict> {
        let is_met = match self {
            Self::Any => true,
            Self::NoStream => actual == Version::NONE,
            Self::Exists => actual > Version::NONE,
            Self::Exact(expected) => actual == expected,
        };
        if is_met {
            Ok(())
        } else {
            Err(Conflict { stream: stream.clone(), expected: self, actual })
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

/// A stream was not at the version that an append expected, so nothing was appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} is at version {actual}, but {expected} was expected")]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// What was expected.
    pub expected: ExpectedVersion,
    /// Where the stream is; [`Version::NONE`] if it does not exist.
    pub actual: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_reads_as_a_sentence() {
        use ExpectedVersion::{Any, Exact, Exists, NoStream};
        let stream: crate::StreamId = "account-anna".parse().unwrap();
        let told =
            |expected: ExpectedVersion, actual| expected.check(&stream, Version::new(actual));
        assert_eq!(told(Any, 7), Ok(()));
        for (expected, actual, sentence) in [
            (NoStream, 3, "stream account-anna is at version 3, but no stream was expected"),
            (Exists, 0, "stream account-anna is at version 0, but an existing stream was expected"),
            (
                Exact(Version::new(2)),
                3,
                "stream account-anna is at version 3, but version 2 was expected",
            ),
        ] {
            assert_eq!(told(expected, actual).unwrap_err().to_string(), sentence);
        }
        assert_eq!(Any.to_string(), "any version");
    }
}
