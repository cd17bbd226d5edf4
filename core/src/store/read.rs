use std::borrow::Cow;

use crate::{Event, Position, RecordedEvent, StreamId, Version};

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
/// let from_the_third = ReadStream::forwards(stream.clone()).from(Version::new(3));
/// let last_two = ReadStream::backwards(stream).limit(2);
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
    pub fn from(mut self, version: Version) -> Self {
        self.from = Some(version);
        self
    }

    /// Gives at most `events` events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }
}

/// Which events of the global stream to read.
///
/// ```
/// use annals::{Filter, Position, ReadAll};
///
/// let accounts = Filter::all().with_category("account");
/// let page = ReadAll::after(Position::START).matching(accounts).limit(100);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadAll {
    /// Events after this position, exclusive: a checkpoint is continued from as it is.
    pub after: Position,
    /// Only these events.
    pub filter: Filter,
    /// How many events to give at the most, counting those that match.
    pub limit: Option<u64>,
}

impl ReadAll {
    /// Reads what comes after `position`.
    #[must_use]
    pub fn after(position: Position) -> Self {
        Self { after: position, filter: Filter::all(), limit: None }
    }

    /// Gives only events that match `filter`.
    #[must_use]
    pub fn matching(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Gives at most `events` events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }
}

/// Which events a reader of the global stream wants: of any of these categories *and* of any of these
/// types. An empty list restricts nothing. Stores evaluate it, so what does not match costs no transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    categories: Vec<Cow<'static, str>>,
    event_types: Vec<Cow<'static, str>>,
}

impl Filter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The events that `E` reads.
    #[must_use]
    pub fn of<E: Event>() -> Self {
        let names = if E::CATCHES_ALL { &[] } else { E::NAMES };
        Self { event_types: names.iter().copied().map(Cow::from).collect(), ..Self::default() }
    }

    /// Adds a category.
    #[must_use]
    pub fn with_category(mut self, category: impl Into<Cow<'static, str>>) -> Self {
        self.categories.push(category.into());
        self
    }

    /// Adds an event type, by its stored name.
    #[must_use]
    pub fn with_event_type(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.event_types.push(name.into());
        self
    }

    /// The categories; empty for all.
    #[must_use]
    pub fn categories(&self) -> &[Cow<'static, str>] {
        &self.categories
    }

    /// The stored names of the event types; empty for all.
    #[must_use]
    pub fn event_types(&self) -> &[Cow<'static, str>] {
        &self.event_types
    }

    /// Whether the filter lets `event` through: for stores that hold events in memory.
    #[must_use]
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        let wants =
            |list: &[Cow<'static, str>], name: &str| list.is_empty() || list.iter().any(|n| n == name);
        wants(&self.categories, event.stream.category())
            && wants(&self.event_types, event.event.event_type.as_str())
    }
}
