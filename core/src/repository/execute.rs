use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use super::{CommandError, Loaded, Repository};
use crate::{
    Aggregate, Append, AppendError, Appended, Context, EventId, EventStore, ExpectedVersion, Metadata,
    NewEvent, Position, Refusal, StoreError, Version,
};

/// The answer of a command that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed<A: Aggregate> {
    /// The entity after the command.
    pub state: A,
    /// Its version after the command.
    pub version: Version,
    /// The position of its last event: what has followed the global stream up to here has seen the
    /// command's effect.
    pub position: Position,
    /// What the command led to; empty if there was nothing to do.
    pub events: Vec<A::Event>,
}

/// A command about to run: set its options, then `.await` it.
#[must_use = "a command does not run unless it is awaited"]
pub struct Execution<'a, A: Aggregate> {
    repository: &'a Repository<A>,
    id: &'a A::Id,
    command: &'a A::Command,
    expected: ExpectedVersion,
    metadata: Metadata,
}

impl<'a, A: Aggregate> Execution<'a, A> {
    pub(super) fn new(repository: &'a Repository<A>, id: &'a A::Id, command: &'a A::Command) -> Self {
        Self { repository, id, command, expected: ExpectedVersion::Any, metadata: Metadata::default() }
    }

    /// Runs only on the entity as the caller knows it: at this [`Version`], or not there yet
    /// ([`ExpectedVersion::NoStream`]). Otherwise the answer is a [`CommandError::Conflict`], without a retry.
    pub fn expecting(mut self, expected: impl Into<ExpectedVersion>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Gives the command's events this metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    async fn run(self) -> Result<Executed<A>, CommandError<A::Error>> {
        let Self { repository, id, command, expected, metadata } = self;
        let stream = repository.stream(id)?;
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
                return Ok(Executed { state, version, position, events });
            }
            let append = Append::new(stream.clone(), version, cx.new_events(&events)?);
            match append_surely(&*repository.store, append, version, &mut pauses).await {
                Ok(Appended { version, position }) => {
                    events.iter().for_each(|event| state.apply(event));
                    return Ok(Executed { state, version, position, events });
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

impl<A: Aggregate> Context<A> {
    /// The stored form of what was decided, each event with an id of its own and all with the command's metadata.
    fn new_events(&self, events: &[A::Event]) -> Result<Vec<NewEvent>, StoreError> {
        let mut metadata = Arc::clone(&self.metadata);
        let mut new_events = Vec::with_capacity(events.len());
        for event in events {
            let id = EventId::from(self.ids.next());
            if metadata.correlation_id.is_none() {
                Arc::make_mut(&mut metadata).correlation_id = Some(id.into());
            }
            let event = crate::Event::encode(event).map_err(Refusal::from)?;
            new_events.push(NewEvent { id, event, metadata: Arc::clone(&metadata) });
        }
        Ok(new_events)
    }
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

/// Appends after version `loaded`, and sends the very same events again while the store cannot say whether it has them.
///
/// Only an answer or a conflict settles what became of a try whose outcome was lost. A later try that
/// fails says nothing of it, so the command's outcome is unknown then, whatever that failure was.
async fn append_surely(
    store: &dyn EventStore,
    append: Append,
    loaded: Version,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Appended, AppendError> {
    let mut may_be_stored = false;
    loop {
        let error = match store.append(vec![append.clone()]).await {
            Ok(answers) => return after(loaded, &append, one(&answers)?),
            Err(AppendError::Store(error)) => error,
            Err(conflict) => return Err(conflict),
        };
        may_be_stored |= matches!(error, StoreError::OutcomeUnknown(_));
        let again = error.is_transient();
        let error = match error {
            StoreError::Unavailable(source) | StoreError::Failed(source) if may_be_stored => {
                StoreError::OutcomeUnknown(source)
            }
            error => error,
        };
        if !again {
            return Err(error.into());
        }
        pause(pauses, error).await?;
    }
}

/// The events are stored if there is no conflict, so a wrong number of answers does not say that they are not.
fn one(answers: &[Appended]) -> Result<Appended, AppendError> {
    match answers {
        [answer] => Ok(*answer),
        _ => {
            let wrong = format!("the store gave {} answers to one append", answers.len());
            Err(StoreError::OutcomeUnknown(wrong.into()).into())
        }
    }
}

/// A store takes known ids for an append that came before. If that was another command's, with ids that a
/// source of ids gave twice, the answer is of other versions, and this command's events are not stored.
fn after(loaded: Version, append: &Append, answer: Appended) -> Result<Appended, AppendError> {
    let before = answer.version.get().saturating_sub(append.events.len() as u64);
    match &*append.events {
        [event, ..] if before != loaded.get() => {
            let (stream, version) = (append.stream.clone(), Version::new(before).next());
            Err(Refusal::EventIdTaken { id: event.id, stream, version }.into())
        }
        _ => Ok(answer),
    }
}

/// Waits before the next try, or gives up with `error`.
async fn pause<E>(pauses: &mut (impl Iterator<Item = Duration> + Send), error: E) -> Result<(), E> {
    let pause = pauses.next().ok_or(error)?;
    tokio::time::sleep(pause).await;
    Ok(())
}

impl<'a, A: Aggregate> IntoFuture for Execution<'a, A> {
    type Output = Result<Executed<A>, CommandError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<A: Aggregate<Command: fmt::Debug>> fmt::Debug for Execution<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("category", &A::CATEGORY)
            .field("id", &format_args!("{}", self.id))
            .field("command", self.command)
            .field("expected", &self.expected)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
