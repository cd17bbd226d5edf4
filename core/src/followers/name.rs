//! What followers and columns may be called, and how an enum is written down.

/// The longest name: a table's name in any database, with room for a suffix.
const MAX_BYTES: usize = 48;

/// Whether `text` may name a follower or a column: 1 to 48 of `a-z`, `0-9` and `_`, a letter first. It is
/// `const`, so that a wrong name of a follower fails the build:
///
/// ```compile_fail,E0080
/// use annals::{EventData, Reaction, Reactor, Recorded, followers::{Declaration, HandlerError}};
///
/// struct Ship;
///
/// #[async_trait::async_trait]
/// impl Reactor for Ship {
///     const NAME: &'static str = "Ship It"; // a capital, and a space
///     type Event = EventData;
///     async fn react(&self, _: &Recorded<EventData>, _: &Reaction) -> Result<(), HandlerError> {
///         Ok(())
///     }
/// }
/// Declaration::reactor(&Ship, annals::Position::START);
/// ```
pub(super) const fn is_name(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_') {
            return false;
        }
        rest = tail;
    }
    matches!(text.as_bytes(), [b'a'..=b'z', ..]) && text.len() <= MAX_BYTES
}

/// A text that stands for no value of a type: written by a newer build, or by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {of} that this build knows")]
pub struct UnknownName {
    /// The text.
    pub text: String,
    /// What it was to name.
    pub of: &'static str,
}

/// An enum without data that stores keep as text: `as_str`, `Display` and `FromStr` from one list.
macro_rules! named {
    ($type:ident is $of:literal { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $type {
            /// The text that stores keep; [`FromStr`](std::str::FromStr) reads it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::followers::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::followers::UnknownName { text: text.to_owned(), of: $of }),
                }
            }
        }
    };
}
pub(super) use named;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::followers::{FailureKind, FollowerKind, Verify};

    const _: () = assert!(is_name("daily_sales_2"), "checked while compiling");
    const _: () = assert!(!is_name("2_daily_sales"));

    #[test]
    fn a_name_is_what_any_database_takes_for_a_table() {
        let longest = "n".repeat(48);
        for name in ["n", "n_", "n2", "daily_sales", &longest] {
            assert!(is_name(name), "{name}");
        }
        let too_long = "n".repeat(49);
        for name in ["", "_n", "2", "N", "n-n", "n n", "n\"", "n\0", "ä", &too_long] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        use FailureKind::{Ahead, Error, Panic, Refused, Timeout, TooManyParked, Unreadable};
        for kind in [Error, Panic, Timeout, Unreadable, Refused, Ahead, TooManyParked] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for kind in [FollowerKind::ReadModel, FollowerKind::Projection, FollowerKind::Reactor] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for verify in [Verify::Report, Verify::SwapIfEqual] {
            assert_eq!(verify.as_str().parse(), Ok(verify));
        }
        let unknown = "view".parse::<FollowerKind>().unwrap_err();
        assert_eq!(unknown.to_string(), "\"view\" is no kind of follower that this build knows");
    }
}
