use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{EventId, Recorded};

/// What is known about an event besides what happened: who caused it, and in which course of things.
///
/// A [`Repository`](crate::Repository) gives every event of a command the command's metadata, and a
/// correlation id if it has none.
///
/// ```
/// use annals::Metadata;
///
/// let metadata = Metadata::by("anna").with_extra("ip", "203.0.113.7");
/// assert_eq!(metadata.actor.as_deref(), Some("anna"));
/// assert_eq!(metadata.extra["ip"], "203.0.113.7");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Shared by everything that follows from one first command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The event or message that this one directly follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// On whose behalf: a user, a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Anything else, as JSON.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Metadata {
    /// Metadata that names only the actor.
    #[must_use]
    pub fn by(actor: impl Into<String>) -> Self {
        Self::default().with_actor(actor)
    }

    /// Metadata for what follows from `cause`: its correlation is carried on and it is named as the cause.
    #[must_use]
    pub fn caused_by<E>(cause: &Recorded<E>) -> Self {
        let correlation_id = cause.metadata.correlation_id.unwrap_or(cause.id.into());
        Self::default().with_correlation_id(correlation_id).with_causation_id(cause.id)
    }

    /// Names the actor.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Joins a course of things that began elsewhere.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<CorrelationId>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// Names the cause.
    #[must_use]
    pub fn with_causation_id(mut self, id: impl Into<CausationId>) -> Self {
        self.causation_id = Some(id.into());
        self
    }

    /// Adds one free entry.
    #[must_use]
    pub fn with_extra(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(key.into(), value.into());
        self
    }
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
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

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use uuid_newtype;

uuid_newtype! {
    /// Shared by everything that follows from one first command.
    CorrelationId
}
uuid_newtype! {
    /// The event or message that something directly follows from.
    CausationId
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_known_is_written_and_the_rest_may_be_missing() {
        let full = Metadata::by("anna")
            .with_correlation_id(Uuid::from_u128(1))
            .with_causation_id(Uuid::from_u128(2))
            .with_extra("ip", "192.0.2.1")
            .with_extra("ip", "203.0.113.7");
        let json = json!({
            "correlation_id": "00000000-0000-0000-0000-000000000001",
            "causation_id": "00000000-0000-0000-0000-000000000002",
            "actor": "anna",
            "extra": { "ip": "203.0.113.7" },
        });
        for (metadata, json) in [(full, json), (Metadata::default(), json!({}))] {
            assert_eq!(serde_json::to_value(&metadata).unwrap(), json);
            assert_eq!(serde_json::from_value::<Metadata>(json).unwrap(), metadata);
        }
    }
}
