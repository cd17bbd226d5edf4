use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;

use super::{HandlerError, Options};
use crate::{Aggregate, Event, EventId, Execute, IdempotencyKey, Metadata, Recorded, Repository};

/// Side effects and follow-up commands: at least once for each event, and not again in a rebuild.
///
/// After a crash up to 32 events of a part come again. Whoever is told of an event deduplicates on its id, which is
/// [`Reaction::event_id`].
///
/// ```
/// use annals::{EventData, Followers, HandlerError, MemoryStore, Reaction, Reactor, Recorded, Start};
/// use async_trait::async_trait;
///
/// struct Announce;
///
/// #[async_trait]
/// impl Reactor for Announce {
///     const NAME: &'static str = "announce";
///     type Event = EventData;
///
///     async fn react(&self, recorded: &Recorded<EventData>, cx: &Reaction) -> Result<(), HandlerError> {
///         println!("{} in {}, to be told once: {}", recorded.event.event_type, recorded.stream, cx.event_id());
///         Ok(())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let running = Followers::new(MemoryStore::new()).reactor(Announce, Start::Now).start().await?;
/// running.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Reactor: Send + Sync + 'static {
    /// The follower's name: 1 to 48 of `a-z`, `0-9` and `_`, a letter first. Any other does not compile.
    const NAME: &'static str;

    /// What it reads; a union of events gathers those of several aggregates.
    type Event: Event;

    /// Does what is to be done about an event.
    ///
    /// # Errors
    /// When it could not be done; it is tried again as the [`options`](Self::options) say.
    async fn react(
        &self,
        recorded: &Recorded<Self::Event>,
        cx: &Reaction,
    ) -> Result<(), HandlerError>;

    /// How it is run.
    fn options(&self) -> Options {
        Options::new()
    }
}

/// What a reactor is given beside the event: the way to send commands because of it.
///
/// ```
/// # use annals::{Aggregate, EventData, HandlerError, Reaction, Recorded, Repository};
/// # async fn react<A: Aggregate<Id = String>>(shipments: Repository<A>, book: A::Command, cx: &Reaction) -> Result<(), HandlerError> {
/// let order = "order-7".to_owned();
/// let booked = cx.execute(&shipments, &order, &book).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Reaction {
    event_id: EventId,
    name: String,
    metadata: Metadata,
    /// How many commands were sent, by all clones.
    commands: Arc<AtomicU32>,
}

impl Reaction {
    /// The reaction of the reactor `name` to `recorded`: for tests of a reactor, and for what runs it.
    #[must_use]
    pub fn new<E>(name: &str, recorded: &Recorded<E>) -> Self {
        let metadata = Metadata::caused_by(recorded).with_actor(name);
        let commands = Arc::default();
        Self { event_id: recorded.id, name: name.to_owned(), metadata, commands }
    }

    /// Runs a command because of the event: with [`metadata`](Self::metadata), and under an idempotency key that
    /// follows from the event, the reactor's name, and how many commands were sent before. So it runs once,
    /// however often the event comes; commands of one event must be sent in the same order each time.
    ///
    /// A command that led to no event is decided again when the event comes again.
    pub fn execute<'a, A: Aggregate>(
        &self,
        repository: &'a Repository<A>,
        id: &'a A::Id,
        command: &'a A::Command,
    ) -> Execute<'a, A> {
        let nth = self.commands.fetch_add(1, Ordering::Relaxed);
        let key = IdempotencyKey::for_event(self.event_id, &self.name, nth);
        let execute = repository.execute(id, command).with_metadata(self.metadata());
        execute.with_idempotency_key(key)
    }

    /// The event's id, the same whenever the event comes again: what other systems deduplicate on.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Metadata for what follows: the event's correlation, the event as its cause, the reactor as actor.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }
}
