use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use super::{CommandError, Loaded, Repository, append::append_once, retry::pause};
use crate::{
    Aggregate, AppendError, Appended, CausationId, Cause, Context, CorrelationId, Event, EventId,
    ExpectedVersion, Metadata, NewEvent, Position, Refusal, StoreError, StreamAppend, Version,
};

/// The answer of a command that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed<A: Aggregate> {
    /// The entity after the command.
    pub state: A,
    /// Its version after the command.
    pub version: Version,
    /// The position of the last event in `state`, [`Position::START`] if there is none: whoever has followed
    /// the global stream up to here has seen the effect of this command.
    pub position: Position,
    /// What the command led to; empty if there was nothing to do.
    pub events: Vec<A::Event>,
    /// The ids of `events`.
    pub event_ids: Vec<EventId>,
    /// The metadata of `events`, with the correlation id that they got; as it was given if there are none.
    pub metadata: Arc<Metadata>,
}

impl<A: Aggregate> Cause for Executed<A> {
    fn correlation_id(&self) -> Option<CorrelationId> {
        self.metadata.correlation_id
    }

    fn causation_id(&self) -> Option<CausationId> {
        self.event_ids.last().map(|id| CausationId::from(*id))
    }
}

/// A command about to run: set its options, then `.await` it.
///
/// Dropped while it runs, the command has happened whole or not at all; load the entity to see which.
///
/// ```no_run
/// use annals::{Aggregate, CommandError, Metadata, Repository, StoreError, Version};
///
/// /// `PUT /orders/{id}` with `If-Match: {version}`.
/// async fn put<A: Aggregate>(orders: Repository<A>, id: A::Id, version: Version, command: A::Command) -> (u16, String) {
///     let by_anna = Metadata::by("anna").with_extra("ip", "203.0.113.7");
///     match orders.execute(&id, &command).with_expected_version(version).with_metadata(by_anna).await {
///         Ok(done) => (200, format!("now at version {}", done.version)),
///         Err(CommandError::Rejected(reason)) => (422, reason.to_string()),
///         Err(CommandError::Conflict(conflict)) => (412, conflict.to_string()),
///         Err(CommandError::Store(error)) if error.is_transient() => (503, error.to_string()),
///         Err(CommandError::Store(error)) => (500, error.to_string()),
///     }
/// }
/// ```
#[must_use = "a command does not run unless it is awaited"]
pub struct Execute<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    id: &'a A::Id,
    command: &'a A::Command,
    expected: ExpectedVersion,
    metadata: Metadata,
}

impl<'a, A: Aggregate> Execute<'a, A> {
    pub(super) fn new(
        repository: &'a Repository<A>,
        id: &'a A::Id,
        command: &'a A::Command,
    ) -> Self {
        Self {
            repository,
            id,
            command,
            expected: ExpectedVersion::Any,
            metadata: Metadata::default(),
        }
    }

    /// Runs only on the entity as the caller knows it: at a [`Version`], not there yet
    /// ([`ExpectedVersion::NoStream`]), or there at all ([`ExpectedVersion::Exists`]). Otherwise the
    /// answer is [`CommandError::Conflict`], and nothing is decided. A command is tried again only while
    /// the entity still meets this.
    pub fn with_expected_version(mut self, expected: impl Into<ExpectedVersion>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Gives the command's events this metadata, and a correlation id of their own if it has none.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    async fn run(self) -> Result<Executed<A>, CommandError<A::Error>> {
        let Self { repository, id, command, expected, metadata } = self;
        let stream = repository.stream_id(id).map_err(Refusal::from).map_err(StoreError::from)?;
        let mut pauses = repository.retry.pauses();
        let mut cx = Context {
            id: id.clone(),
            version: Version::NONE,
            now: repository.clock.now(),
            metadata: Arc::new(metadata),
            ids: Arc::clone(&repository.ids),
        };
        loop {
            let Loaded { mut state, version, position } = load(repository, id, &mut pauses).await?;
            expected.check(&stream, version).map_err(CommandError::Conflict)?;
            cx.version = version;
            let events = state.handle(command, &cx).map_err(CommandError::Rejected)?;
            if events.is_empty() {
                let (event_ids, metadata) = (vec![], cx.metadata);
                return Ok(Executed { state, version, position, events, event_ids, metadata });
            }
            let new_events = new_events(&cx, &events)?;
            let event_ids = new_events.iter().map(|event| event.id).collect();
            let metadata =
                new_events.first().map_or_else(Arc::default, |event| Arc::clone(&event.metadata));
            let append = StreamAppend::new(stream.clone(), version, new_events);
            match append_once(&*repository.store, append, version, &mut pauses).await {
                Ok(Appended { version, position }) => {
                    events.iter().for_each(|event| state.apply(event));
                    return Ok(Executed { state, version, position, events, event_ids, metadata });
                }
                Err(AppendError::Conflict(conflict)) => {
                    expected.check(&stream, conflict.actual).map_err(CommandError::Conflict)?;
                    pause(&mut pauses, CommandError::Conflict(conflict)).await?;
                }
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
    }
}

/// The stored form of what was decided: each event with an id of its own, all with the command's metadata.
fn new_events<A: Aggregate>(
    cx: &Context<A>,
    events: &[A::Event],
) -> Result<Vec<NewEvent>, StoreError> {
    let mut metadata = Arc::clone(&cx.metadata);
    let mut new_events = Vec::with_capacity(events.len());
    for event in events {
        let id = EventId::from(cx.ids.next_id());
        if metadata.correlation_id.is_none() {
            Arc::make_mut(&mut metadata).correlation_id = Some(id.into());
        }
        let event = event.encode().map_err(Refusal::from)?;
        new_events.push(NewEvent { id, event, metadata: Arc::clone(&metadata) });
    }
    Ok(new_events)
}

/// Loads, again if the store is lost for a moment.
async fn load<A: Aggregate>(
    repository: &Repository<A>,
    id: &A::Id,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Loaded<A>, StoreError> {
    loop {
        match repository.load(id).await {
            Err(error) if error.is_transient() => pause(pauses, error).await?,
            answer => return answer,
        }
    }
}

impl<'a, A: Aggregate> IntoFuture for Execute<'a, A> {
    type Output = Result<Executed<A>, CommandError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<A: Aggregate<Command: fmt::Debug>> fmt::Debug for Execute<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("category", &A::CATEGORY)
            .field("id", &format_args!("{}", self.id))
            .field("command", self.command)
            .field("expected", &self.expected)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
