use std::error::Error;

use crate::{
    EncodeError, EventId, IdempotencyKey, InvalidPayload, InvalidStreamId, StreamId, Unreadable,
    Version,
};

type Source = Box<dyn Error + Send + Sync>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached, or was too busy; nothing was stored. Doing the same again may help.
    #[error("the event store is not available")]
    Unavailable(#[source] Source),
    /// The store was lost while it appended, so the events may be stored or not. Sending the same append
    /// again, with the same event ids, settles it; a repository does so until its retries are used up. Running the
    /// *command* again settles it if it had an [`IdempotencyKey`]. Without, it makes new events: load the entity first,
    /// to see whether it has run.
    #[error("the outcome of an append is unknown: its events may be stored or not")]
    OutcomeUnknown(#[source] Source),
    /// What was asked can never be stored; nothing was.
    #[error(transparent)]
    Refused(Refusal),
    /// A stored event cannot be read.
    #[error(transparent)]
    Unreadable(Box<Unreadable>),
    /// Anything else that went wrong in the store.
    #[error("the event store failed")]
    Failed(#[source] Source),
}

impl StoreError {
    /// Whether nothing was stored and doing the same again may succeed: true of
    /// [`Unavailable`](Self::Unavailable) alone.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Why something can never be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Two parts of one append name the same stream.
    #[error("stream {0} appears twice in one append; put its events into one part")]
    StreamTwice(StreamId),
    /// Two events of one append have the same id.
    #[error("event id {0} appears twice in one append")]
    EventIdTwice(EventId),
    /// An event says that its payload has schema version 0, and schema versions begin at 1.
    #[error("event {0} has schema version 0; the first is 1")]
    SchemaVersionZero(EventId),
    /// The event id belongs to an event of another append.
    #[error("event id {id} is already stored, as version {version} of stream {stream}")]
    EventIdTaken {
        /// The id.
        id: EventId,
        /// The stream that holds it.
        stream: StreamId,
        /// Its version there.
        version: Version,
    },
    /// The idempotency key belongs to a command on another entity. It cannot be used again.
    #[error(
        "idempotency key {key} was used for another entity before: \
         it led to version {version} of stream {stream}"
    )]
    IdempotencyKeyTaken {
        /// The key.
        key: IdempotencyKey,
        /// The stream of that entity.
        stream: StreamId,
        /// The version of one of its events there.
        version: Version,
    },
    /// The entity's id or category cannot name a stream.
    #[error(transparent)]
    StreamId(#[from] InvalidStreamId),
    /// The event has no stored form.
    #[error(transparent)]
    Event(#[from] EncodeError),
    /// The metadata has no stored form.
    #[error("the metadata of event {id} cannot be stored")]
    Metadata {
        /// The event.
        id: EventId,
        /// What is wrong.
        source: InvalidPayload,
    },
    /// A limit of this store, on size for instance.
    #[error("the append exceeds a limit of this store")]
    Limit(#[source] Source),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(Box::new(unreadable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AppendError, CommandError, DecodeError, EventType, Payload, Position};

    /// An error and its sources, as a log would show them.
    fn report(error: &dyn Error) -> Vec<String> {
        let mut parts = vec![error.to_string()];
        parts.extend(error.source().into_iter().flat_map(report));
        parts
    }

    #[test]
    fn each_error_says_its_own_part_and_keeps_its_source() {
        let down = || Source::from("connection refused");
        let stream = || "account-anna".parse::<StreamId>().unwrap();
        let event_type = || EventType::from_static("account.opened");
        let unreadable = || Unreadable {
            stream: stream(),
            version: Version::new(2),
            position: Position::new(7),
            source: DecodeError::Upcast {
                event_type: event_type(),
                schema_version: 1,
                source: down(),
            },
        };
        let invalid = || Payload::parse("{").unwrap_err();
        let id = || EventId::from(uuid::Uuid::from_u128(1));
        let key = IdempotencyKey::from(uuid::Uuid::from_u128(1));
        let errors: [(StoreError, &[&str]); 9] = [
            (
                StoreError::Unavailable(down()),
                &["the event store is not available", "connection refused"],
            ),
            (
                StoreError::OutcomeUnknown(down()),
                &[
                    "the outcome of an append is unknown: its events may be stored or not",
                    "connection refused",
                ],
            ),
            (StoreError::Failed(down()), &["the event store failed", "connection refused"]),
            (
                unreadable().into(),
                &[
                    "cannot read version 2 of stream account-anna at position 7",
                    "account.opened cannot be brought up from schema version 1",
                    "connection refused",
                ],
            ),
            (
                Refusal::from(EncodeError { event_type: event_type(), source: invalid() }).into(),
                &[
                    "event account.opened cannot be stored",
                    "it cannot be written or read as JSON",
                    "EOF while parsing an object at line 1 column 1",
                ],
            ),
            (
                Refusal::Metadata { id: id(), source: InvalidPayload::TooDeep }.into(),
                &[
                    "the metadata of event 00000000-0000-0000-0000-000000000001 cannot be stored",
                    "it nests deeper than 127 levels, more than can be read back",
                ],
            ),
            (
                Refusal::Limit(down()).into(),
                &["the append exceeds a limit of this store", "connection refused"],
            ),
            (
                Refusal::EventIdTaken { id: id(), stream: stream(), version: Version::new(2) }
                    .into(),
                &["event id 00000000-0000-0000-0000-000000000001 is already stored, \
                     as version 2 of stream account-anna"],
            ),
            (
                Refusal::IdempotencyKeyTaken { key, stream: stream(), version: Version::new(2) }
                    .into(),
                &["idempotency key 00000000-0000-0000-0000-000000000001 was used for another \
                     entity before: it led to version 2 of stream account-anna"],
            ),
        ];
        for (error, parts) in errors {
            assert_eq!(report(&error), parts);
            let error = AppendError::from(error);
            assert_eq!(report(&error), parts, "an append says nothing more");
            assert_eq!(
                report(&CommandError::<std::fmt::Error>::from(error)),
                parts,
                "nor does a command"
            );
        }
    }
}
