use std::{fmt, mem, pin::Pin, sync::Arc};

use super::{
    CommandError, Repository,
    entity::{Change, Fate, Tip, Turn},
    flight::{Flight, Route},
    keyed::{Found, find, search, settle},
    load::Shared,
    retry::pause,
};
use crate::{
    Aggregate, CausationId, Cause, Context, CorrelationId, Event, EventId, ExpectedVersion,
    IdempotencyKey, Metadata, NewEvent, Position, Refusal, StoreError, StreamId, Version,
    observe::ObservedCommand,
};

/// The answer of a command that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed<A: Aggregate> {
    /// The entity after the command.
    pub state: A,
    /// Its version after the command.
    pub version: Version,
    /// Whoever has followed the global stream up to here has seen the effect of this command. It is the position of the
    /// last event in `state`, [`Position::START`] if there is none; or of a later one, where commands on the same entity were
    /// appended together, for a follower sees their events together as well.
    pub position: Position,
    /// What the command led to; empty if there was nothing to do.
    pub events: Vec<A::Event>,
    /// The ids of `events`.
    pub event_ids: Vec<EventId>,
    /// The metadata of `events`, with the correlation id that they got; as it was given if there are none.
    pub metadata: Metadata,
}

impl<A: Aggregate> Executed<A> {
    fn loaded(&self) -> Shared<A> {
        let Self { state, version, position, .. } = self;
        Shared { state: Arc::new(state.clone()), version: *version, position: *position }
    }
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
/// Dropped while it runs, the command happens whole or not at all; what was sent to the store may still arrive.
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
    key: Option<IdempotencyKey>,
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
            key: None,
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

    /// Runs the command once under this key, however often it is sent: because an answer was lost, a client clicked
    /// twice, or an event was delivered again. After [`StoreError::OutcomeUnknown`], the same key settles it.
    ///
    /// The ids of its events follow from the key. When the entity's stream holds them, the command has run: the
    /// answer is state, version, position, events and metadata as of then, and
    /// [`Aggregate::handle`] is not asked. That it has run comes before any
    /// [expected version](Self::with_expected_version). Tries that run at the same time get the same answer, too.
    #[doc = include_str!("../docs/idempotency_key.md")]
    /// The key is all that is compared. With another command it is answered with what the first one did; for
    /// another entity, the store refuses the events, and the error is [`Refusal::IdempotencyKeyTaken`].
    ///
    /// A command that was declined, or led to no event, leaves no trace: sent again, it is decided again.
    ///
    /// To see whether the command has run, the stream is read from its first event on; with
    /// [snapshots](Repository::with_snapshots), the store is asked for the command's first event instead, and only a command that has run
    /// is answered by reading up to there.
    ///
    /// The answer is read from the stream, after the append as well: one more short read than without a key. Its
    /// events are as today's code reads them, so an upcaster may make more of them than there are ids.
    pub fn with_idempotency_key(mut self, key: impl Into<IdempotencyKey>) -> Self {
        self.key = Some(key.into());
        self
    }

    async fn run(self, observed: &ObservedCommand) -> Result<Executed<A>, CommandError<A::Error>> {
        let Self { repository, id, command, expected, metadata, key } = self;
        let stream = repository.stream_id(id).map_err(Refusal::from).map_err(StoreError::from)?;
        let entity = repository.entities.entity(&stream);
        let (store, retry) = (Arc::clone(&repository.store), repository.retry.clone());
        let snapshots = repository.snapshots.clone();
        let route = Route { store, stream, retry, snapshots };
        let (store, stream) = (&*route.store, &route.stream);
        let mut pauses = observed.retries(route.retry.pauses());
        let mut cx = Context {
            id: id.clone(),
            version: Version::NONE,
            now: repository.clock.now(),
            metadata,
            ids: Arc::clone(&repository.ids),
        };
        // What was read for the key: there is nothing of it in there.
        let mut before = Shared::nothing();
        // Up to where the stream was read since the command came. Until then it decides on what was read or stored before.
        let mut read = None;
        let mut may_be_old = true;
        loop {
            if let Some(key) = key {
                before = match search(&route, &entity, &before, key, &mut pauses).await? {
                    Found::Answer(answer) => return Ok(answer),
                    Found::Entity(loaded) => loaded,
                };
                entity.learn(&before);
                read = Some(before.version);
            }
            let turn = entity.take_turn(read, |tip| {
                match decide(command, expected, stream, key, &mut cx, tip) {
                    Ok((decided, change)) => (Ok(decided), change),
                    Err(error) => (Err(error), None),
                }
            });
            let (decision, fate) = match turn {
                Turn::Holds(decision, position) => return Ok(decision?.executed(position)),
                Turn::Waits(decision, fate) => (decision, fate),
            };
            let has_events = matches!(&decision, Some(Ok(decided)) if !decided.events.is_empty());
            let outcome = match Flight::start(&entity, &route).wait(fate).await {
                Ok(Fate::Stands(position)) => Ok(position),
                Ok(Fate::Failed(error)) => Err(error),
                Err(lost) if has_events => Err(StoreError::OutcomeUnknown(lost.into())),
                Err(lost) => Err(StoreError::Unavailable(lost.into())),
                Ok(Fate::Void(version)) => {
                    read = version;
                    continue;
                }
                Ok(Fate::Conflict(conflict)) => {
                    observed.conflicted();
                    expected.check(stream, conflict.actual).map_err(CommandError::Conflict)?;
                    if !mem::take(&mut may_be_old) || read.is_some() {
                        pause(&mut pauses, CommandError::Conflict(conflict)).await?;
                    }
                    read = None;
                    continue;
                }
            };
            if let Some(key) = key {
                if has_events {
                    let stored = outcome.map(drop);
                    let answer = settle(store, stream, &before, key, stored, &mut pauses).await?;
                    let stored = answer.loaded();
                    entity.learn(&stored);
                    route.snapshots.consider(stream, &entity, &stored);
                    return Ok(answer);
                }
                let found = find(store, stream, &before, key, &mut pauses).await?;
                if let Found::Answer(answer) = found {
                    return Ok(answer);
                }
            }
            let position = outcome?;
            if let Some(decision) = decision {
                return Ok(decision?.executed(position));
            }
        }
    }
}

/// What a command has decided: its answer, if that stands.
struct Decided<A: Aggregate> {
    tip: Tip<A>,
    events: Vec<A::Event>,
    event_ids: Vec<EventId>,
    metadata: Metadata,
}

impl<A: Aggregate> Decided<A> {
    fn executed(self, position: Position) -> Executed<A> {
        let Self { tip: Tip { state, version }, events, event_ids, metadata } = self;
        let state = Arc::unwrap_or_clone(state);
        Executed { state, version, position, events, event_ids, metadata }
    }
}

type Decision<A> = Result<(Decided<A>, Option<Change<A>>), CommandError<<A as Aggregate>::Error>>;

/// Decides on `tip`, and says what that changes.
fn decide<A: Aggregate>(
    command: &A::Command,
    expected: ExpectedVersion,
    stream: &StreamId,
    key: Option<IdempotencyKey>,
    cx: &mut Context<A>,
    tip: &Tip<A>,
) -> Decision<A> {
    expected.check(stream, tip.version).map_err(CommandError::Conflict)?;
    cx.version = tip.version;
    let events = tip.state.handle(command, cx).map_err(CommandError::Rejected)?;
    let new_events = new_events(cx, &events, key)?;
    let mut tip = tip.clone();
    let Some(first) = new_events.first() else {
        let (event_ids, metadata) = (Vec::new(), cx.metadata.clone());
        return Ok((Decided { tip, events, event_ids, metadata }, None));
    };
    let metadata = first.metadata.clone();
    let event_ids = new_events.iter().map(|event| event.id).collect();
    tip.advance(&events);
    let change = Change { events: new_events, after: tip.clone(), has_new_ids: key.is_none() };
    Ok((Decided { tip, events, event_ids, metadata }, Some(change)))
}

/// The stored form of what was decided: each event with an id of its own, which follows from the key if there is one,
/// all with the command's metadata.
fn new_events<A: Aggregate>(
    cx: &Context<A>,
    events: &[A::Event],
    key: Option<IdempotencyKey>,
) -> Result<Vec<NewEvent>, StoreError> {
    let mut metadata = cx.metadata.clone();
    let mut new_events = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let id = key.map_or_else(|| cx.ids.next_id().into(), |key| key.event_id(index));
        if metadata.correlation_id.is_none() {
            metadata.correlation_id = Some(id.into());
        }
        let event = event.encode().map_err(Refusal::from)?;
        new_events.push(NewEvent { id, event, metadata: metadata.clone() });
    }
    Ok(new_events)
}

impl<'a, A: Aggregate> IntoFuture for Execute<'a, A> {
    type Output = Result<Executed<A>, CommandError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let observed = ObservedCommand::begin(A::CATEGORY, self.id);
            let answer = observed.span().cover(self.run(&observed)).await;
            observed.ended(&answer);
            answer
        })
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
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
