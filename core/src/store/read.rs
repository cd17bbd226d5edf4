use std::borrow::Cow;

use crate::{Event, EventType, Position, RecordedEvent, StreamId, Version};

/// In which order a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forwards,
    /// Newest first.
    Backwards,
}

/// Which events of one stream to read, and in which order.
///
/// ```
/// use annals::{ReadStream, Version};
///
/// let stream: annals::StreamId = "account-anna".parse()?;
/// let whole = ReadStream::forwards(stream.clone());
/// let from_the_third = ReadStream::forwards(stream.clone()).starting_at(Version::new(3));
/// let last_two = ReadStream::backwards(stream).with_limit(2);
/// # Ok::<(), annals::InvalidStreamId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadStream {
    /// The stream.
    pub stream: StreamId,
    /// The order.
    pub direction: Direction,
    /// The first version to give; if none, the first that exists in this direction.
    pub from: Option<Version>,
    /// How many events to give at the most.
    pub limit: Option<u64>,
}

impl ReadStream {
    /// Reads `stream` from its first event on.
    #[must_use]
    pub fn forwards(stream: StreamId) -> Self {
        Self { stream, direction: Direction::Forwards, from: None, limit: None }
    }

    /// Reads `stream` from its last event back.
    #[must_use]
    pub fn backwards(stream: StreamId) -> Self {
        Self { stream, direction: Direction::Backwards, from: None, limit: None }
    }

    /// Begins with `version`, inclusive.
    #[must_use]
    pub fn starting_at(mut self, version: Version) -> Self {
        self.from = Some(version);
        self
    }

    /// Gives at most `events` events.
    #[must_use]
    pub fn with_limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }
}

/// Which events of the global stream to read.
///
/// ```
/// use annals::{Filter, Position, ReadAll};
///
/// let accounts = Filter::any().with_category("account");
/// let page = ReadAll::after(Position::START).with_filter(accounts).with_limit(100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadAll {
    /// Events after this position, exclusive: a checkpoint is continued from as it is.
    pub after: Position,
    /// Events up to this position, inclusive; if none, up to the end.
    pub up_to: Option<Position>,
    /// Only these events.
    pub filter: Filter,
    /// How many events to give at the most, counting those that match.
    pub limit: Option<u64>,
}

impl ReadAll {
    /// Reads what comes after `position`.
    #[must_use]
    pub fn after(position: Position) -> Self {
        Self { after: position, up_to: None, filter: Filter::any(), limit: None }
    }

    /// Gives no event after `position`. Up to a head that a store has told, it need not look for a later one.
    #[must_use]
    pub fn up_to(mut self, position: Position) -> Self {
        self.up_to = Some(position);
        self
    }

    /// Gives only events that match `filter`.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Gives at most `events` events.
    #[must_use]
    pub fn with_limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }
}

/// Which events a reader of the global stream wants: of any of these categories *and* of any of these
/// types. Stores evaluate it, so what does not match costs no transfer. A name that no event has matches
/// nothing.
///
/// ```
/// # use annals::{EventType, Filter};
/// const OPENED: EventType = EventType::from_static("account.opened");
/// let filter = Filter::any().with_category("account").with_category("loan").with_event_type(OPENED);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    categories: Option<Names>,
    event_types: Option<Names>,
}

type Names = Vec<Cow<'static, str>>;

impl Filter {
    /// Every event.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// The events that `E` reads.
    #[must_use]
    pub fn of<E: Event>() -> Self {
        let names = || E::EVENT_TYPES.iter().copied().map(Cow::from).collect();
        Self { event_types: (!E::CATCHES_ALL).then(names), ..Self::default() }
    }

    /// Only this category, or the ones named before.
    #[must_use]
    pub fn with_category(mut self, category: impl Into<Cow<'static, str>>) -> Self {
        self.categories.get_or_insert_default().push(category.into());
        self
    }

    /// Only this event type, or the ones named before.
    #[must_use]
    pub fn with_event_type(mut self, event_type: EventType) -> Self {
        self.event_types.get_or_insert_default().push(event_type.into());
        self
    }

    /// The categories; none if every category is wanted.
    #[must_use]
    pub fn categories(&self) -> Option<impl Iterator<Item = &str>> {
        self.categories.as_ref().map(|names| names.iter().map(|name| &**name))
    }

    /// The event types; none if every type is wanted.
    #[must_use]
    pub fn event_types(&self) -> Option<impl Iterator<Item = &str>> {
        self.event_types.as_ref().map(|names| names.iter().map(|name| &**name))
    }

    /// Whether the filter lets `event` through: for stores that hold events in memory.
    #[must_use]
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        let wants = |names: &Option<Names>, name: &str| {
            names.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name))
        };
        wants(&self.categories, event.stream.category())
            && wants(&self.event_types, event.event.event_type.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventData, Payload};

    #[test]
    fn a_filter_of_nothing_matches_nothing_and_of_everything_everything() {
        struct Nothing;

        impl Event for Nothing {
            const CATEGORY: &'static str = "";
            const EVENT_TYPES: &'static [&'static str] = &[];
            const CATCHES_ALL: bool = false;

            fn event_type(&self) -> &str {
                ""
            }

            fn encode(&self) -> Result<EventData, crate::EncodeError> {
                Ok(EventData::new(EventType::from_static("nothing"), Payload::from_stored("{}")))
            }

            fn decode_into(_: &EventData, _: &mut Vec<Self>) -> Result<(), crate::DecodeError> {
                Ok(())
            }

            fn shapes() -> Vec<crate::EventShape> {
                Vec::new()
            }
        }

        assert_eq!(Filter::of::<Nothing>().event_types().map(Iterator::count), Some(0));
        assert_eq!(Filter::of::<EventData>(), Filter::any());
        assert!(Filter::any().event_types().is_none() && Filter::any().categories().is_none());
    }
}
