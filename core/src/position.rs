use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// The place of an event in the global stream, from 1 on. Positions rise strictly in the order in
/// which events become visible; gaps may exist and mean nothing. [`Position::START`], 0, is before
/// the first event.
///
/// A follower's checkpoint is the position of the last event it has handled; see
/// [`EventStoreExt`](crate::EventStoreExt#checkpoints-and-errors).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// Position `number`.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Position {
    type Err = ParseIntError;

    fn from_str(number: &str) -> Result<Self, Self::Err> {
        number.parse().map(Self)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_written_as_its_number() {
        let checkpoint = Position::new(u64::MAX);
        assert_eq!(checkpoint.to_string(), "18446744073709551615");
        assert_eq!(serde_json::to_string(&checkpoint).unwrap(), checkpoint.to_string());
        assert_eq!(serde_json::from_str::<Position>("18446744073709551615").unwrap(), checkpoint);
    }
}
