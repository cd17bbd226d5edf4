use std::{
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{CausationId, CorrelationId, Recorded};

/// What is known about an event besides what happened: who caused it, and as part of which course of events.
///
/// A [`Repository`](crate::Repository) gives every event of a command the command's metadata, and a
/// correlation id if it has none. A clone costs next to nothing, whatever is in it.
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
#[non_exhaustive]
pub struct Metadata {
    /// Shared by everything that follows from one first command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The event or message that this one directly follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<CausationId>,
    /// On whose behalf: a user, a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Arc<str>>,
    /// Anything else, as JSON.
    #[serde(skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

/// The free entries of [`Metadata`], by name; clones share them.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Extra(
    /// None if there are none.
    Option<Arc<Map<String, Value>>>,
);

/// What a command can follow from: a recorded event, or the answer of another command.
pub trait Cause {
    /// The course of events that the cause belongs to.
    fn correlation_id(&self) -> Option<CorrelationId>;

    /// The cause itself; none if it is the answer of a command that led to no event.
    fn causation_id(&self) -> Option<CausationId>;
}

impl<E> Cause for Recorded<E> {
    fn correlation_id(&self) -> Option<CorrelationId> {
        self.metadata.correlation_id.or(Some(self.id.into()))
    }

    fn causation_id(&self) -> Option<CausationId> {
        Some(self.id.into())
    }
}

impl Metadata {
    /// Metadata that names only the actor.
    #[must_use]
    pub fn by(actor: impl AsRef<str>) -> Self {
        Self::default().with_actor(actor)
    }

    /// Metadata for what follows from `cause`: its correlation is carried on and it is named as the cause.
    /// The actor is not: whoever reacts acts on their own behalf.
    ///
    /// ```
    /// # use annals::{Aggregate, CommandError, Metadata, Recorded, Repository};
    /// # async fn react<A: Aggregate, E>(invoices: Repository<A>, placed: Recorded<E>, id: A::Id, command: A::Command) -> Result<(), CommandError<A::Error>> {
    /// let because = Metadata::caused_by(&placed).with_actor("billing");
    /// let done = invoices.execute(&id, &command).with_metadata(because).await?;
    /// let next = Metadata::caused_by(&done); // and so on: the answer of a command is a cause, too
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn caused_by(cause: &impl Cause) -> Self {
        let (correlation_id, causation_id) = (cause.correlation_id(), cause.causation_id());
        Self { correlation_id, causation_id, ..Self::default() }
    }

    /// Names the actor.
    #[must_use]
    pub fn with_actor(mut self, actor: impl AsRef<str>) -> Self {
        self.actor = Some(Arc::from(actor.as_ref()));
        self
    }

    /// Joins a course of events that began elsewhere.
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
        let extra = self.extra.0.get_or_insert_default();
        Arc::make_mut(extra).insert(key.into(), value.into());
        self
    }
}

impl Extra {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Map<String, Value>> for Extra {
    fn from(entries: Map<String, Value>) -> Self {
        Self((!entries.is_empty()).then(|| Arc::new(entries)))
    }
}

impl Deref for Extra {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

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

    #[test]
    fn clones_share_their_entries_until_one_is_added() {
        let one = Metadata::default().with_extra("a", 1);
        assert!(std::ptr::eq(&*one.extra, &*one.clone().extra), "a clone shares its entries");
        let other = one.clone().with_extra("b", 2);
        assert_eq!(json!(*one.extra), json!({ "a": 1 }));
        assert_eq!(json!(*other.extra), json!({ "a": 1, "b": 2 }));
    }

    #[test]
    fn an_empty_map_is_no_entries() {
        let empty: Metadata = serde_json::from_value(json!({ "extra": {} })).unwrap();
        assert!(empty.extra.is_empty() && empty.extra.iter().next().is_none());
        assert_eq!(empty, Metadata::default());
    }
}
