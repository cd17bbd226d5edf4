use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{EventId, Recorded};

/// Where the keys made of a text live, among all UUIDs. Like every name hashed here, it is part of what is stored.
const TEXTS: Uuid = Uuid::from_u128(0x1c7896a9_9e11_4381_8b93_e457ed42899a);

/// The identity of one command, given by whoever sends it: sent again under the same key, the command does not
/// run twice. See [`Execute::with_idempotency_key`](crate::Execute::with_idempotency_key).
///
/// Any UUID is a key; so are a text that a client made up, and what follows from an event.
///
/// ```
/// use annals::IdempotencyKey;
/// use uuid::Uuid;
///
/// let key = IdempotencyKey::from(Uuid::from_u128(7));
/// assert_eq!(key.as_uuid().as_u128(), 7);
/// assert_ne!(IdempotencyKey::new(), IdempotencyKey::new());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// A new key, a UUIDv7.
    #[expect(clippy::new_without_default, reason = "a default key would look like a constant")]
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The key that a text stands for: the `Idempotency-Key` header of a request, a message's id, a line of a file.
    ///
    /// The same text is the same key, whoever sends it. Where several clients make up texts of their own, put the
    /// client into the text, or one may be answered with what another has done.
    ///
    /// ```
    /// use annals::IdempotencyKey;
    ///
    /// let (client, header) = ("shop-7", "8e03978e-40d5-43e8-bc93-6894a57f9324");
    /// let key = IdempotencyKey::from_text(&format!("{client}/{header}"));
    /// assert_ne!(key, IdempotencyKey::from_text(&format!("shop-8/{header}")));
    /// ```
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Uuid::new_v5(&TEXTS, text.as_bytes()))
    }

    /// The key of the `nth` command that the reaction called `name` sends because of the event `cause`; the same
    /// each time the event is delivered.
    ///
    /// Where an upcaster makes several events of a stored one, they share its id: count through all of them.
    ///
    /// ```
    /// # use annals::{Aggregate, CommandError, IdempotencyKey, Metadata, Recorded, Repository};
    /// # async fn react<A: Aggregate, E>(invoices: Repository<A>, placed: Recorded<E>, id: A::Id, command: A::Command) -> Result<(), CommandError<A::Error>> {
    /// let key = IdempotencyKey::for_cause(&placed, "billing", 0);
    /// let because = Metadata::caused_by(&placed).with_actor("billing");
    /// invoices.execute(&id, &command).with_metadata(because).with_idempotency_key(key).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_cause<E>(cause: &Recorded<E>, name: &str, nth: u32) -> Self {
        Self::for_event(cause.id, name, nth)
    }

    /// As [`for_cause`](Self::for_cause), where only the id of the cause is at hand.
    pub(crate) fn for_event(cause: EventId, name: &str, nth: u32) -> Self {
        Self(Uuid::new_v5(&cause.as_uuid(), format!("{name}/{nth}").as_bytes()))
    }

    /// The key as a plain UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// The id of the command's event `index`, counted from 0: the UUIDv5 of that number as decimal text, in the
    /// namespace of the key. So a command's events can be found by its key, in SQL as well.
    #[must_use]
    pub fn event_id(self, index: usize) -> EventId {
        Uuid::new_v5(&self.0, index.to_string().as_bytes()).into()
    }
}

impl From<Uuid> for IdempotencyKey {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<IdempotencyKey> for Uuid {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metadata, Position, Version};

    /// Computed elsewhere, with Python's `uuid.uuid5`: what is stored under a key must be found by later releases.
    #[test]
    fn what_is_derived_never_changes() {
        let key = IdempotencyKey::from(Uuid::from_u128(1));
        for (index, id) in [
            (0, "6ff55b57-2b5f-5022-ad8b-524631694aa1"),
            (1, "c6ae59cd-4100-5d14-850d-f8202b722a98"),
            (12, "ee5125ac-881e-5fae-8beb-74463c8f8e56"),
        ] {
            assert_eq!(key.event_id(index).to_string(), id);
        }
        let text = IdempotencyKey::from_text("8e03978e-40d5-43e8-bc93-6894a57f9324");
        assert_eq!(text.to_string(), "0cba6184-a9f6-5dbb-9997-3e5a8245c7dd");
        let cause = Recorded {
            id: Uuid::from_u128(7).into(),
            stream: "order-1".parse().unwrap(),
            version: Version::new(1),
            position: Position::new(1),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            event: (),
            metadata: Metadata::default(),
        };
        for (nth, key) in
            ["38095a5c-7765-526d-ae4a-018c971a69cb", "ca289c01-7983-51b4-98c7-d8b5135c32f3"]
                .into_iter()
                .enumerate()
        {
            let derived = IdempotencyKey::for_cause(&cause, "book_shipments", nth as u32);
            assert_eq!(derived.to_string(), key);
        }
    }
}
