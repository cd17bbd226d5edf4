use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where new ids come from: UUIDv7 in production, a counter in tests.
pub trait IdGenerator: fmt::Debug + Send + Sync {
    /// An id that was never given before, by anybody: a store takes an event with a known id for one that it
    /// has already, so a repeated id can lose a command without an error.
    fn next_id(&self) -> Uuid;
}

/// UUIDv7: unique everywhere, rising with time.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7;

impl IdGenerator for UuidV7 {
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

impl<I: IdGenerator + ?Sized> IdGenerator for Arc<I> {
    fn next_id(&self) -> Uuid {
        (**self).next_id()
    }
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, a UUIDv7.
            #[expect(clippy::new_without_default, reason = "a default id would look like a constant")]
            #[must_use]
            pub fn new() -> Self {
                Self(UuidV7.next_id())
            }

            /// The id as a plain UUID.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_newtype! {
    /// The identity of an event, given before it is stored: an append sent again with the same ids
    /// stores nothing twice.
    EventId
}

uuid_newtype! {
    /// Shared by everything that follows from one first command.
    CorrelationId
}

uuid_newtype! {
    /// The event or message that something directly follows from.
    CausationId
}

uuid_newtype! {
    /// A process that runs followers, for as long as it does.
    MemberId
}

impl From<EventId> for CorrelationId {
    fn from(id: EventId) -> Self {
        Self(id.as_uuid())
    }
}

impl From<EventId> for CausationId {
    fn from(id: EventId) -> Self {
        Self(id.as_uuid())
    }
}
