use std::{
    fmt,
    ops::Deref,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;

use super::{HandlerError, Options};
use crate::{Event, Recorded};

/// Tables of your own, written with what the store gives its projections: `&mut PgConnection` on Postgres.
///
/// What a handler writes is committed in one transaction with the checkpoint: each event takes effect once,
/// whatever is killed or fails. The transaction is not the handler's to end. A rebuild runs the same code
/// on tables of the same names, out of sight of readers until it has caught up, so names are written
/// without a schema, and a handler writes only what its [`create`](Self::create) made.
///
/// ```
/// use std::time::Duration;
///
/// use annals::{
///     EventData, EventStoreExt, EventType, ExpectedVersion, Followers, HandlerError, MemoryStore, NewEvent, Payload,
///     Projection, Recorded, StreamAppend, Tables,
/// };
/// use async_trait::async_trait;
///
/// #[derive(Debug, Clone, Default, PartialEq)]
/// struct Count {
///     events: u64,
/// }
///
/// /// How many events there are, in memory.
/// struct Counting;
///
/// #[async_trait]
/// impl Projection<Tables> for Counting {
///     const NAME: &'static str = "event_count";
///     type Event = EventData;
///
///     async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
///         Ok(())
///     }
///
///     async fn handle(&self, _: &Recorded<EventData>, tables: &mut Tables) -> Result<(), HandlerError> {
///         tables.of_mut::<Count>().events += 1;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let running = Followers::new(store.clone()).projection(Counting).start().await?;
///
/// let event = EventData::new(EventType::from_static("diary.noted"), Payload::parse("{}")?);
/// let append = StreamAppend::new("diary-anna".parse()?, ExpectedVersion::NoStream, vec![NewEvent::new(event)]);
/// let noted = store.append_to_stream(append).await?;
///
/// running.wait_for("event_count", noted.position, Duration::from_secs(10)).await?;
/// assert_eq!(store.table_of::<Count>("event_count"), Count { events: 1 });
/// running.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not project into this store",
    note = "this store hands `{C}` to projections: implement `Projection<{C}>`"
)]
pub trait Projection<C: ?Sized + Send>: Send + Sync + 'static {
    /// The follower's name: 1 to 48 of `a-z`, `0-9` and `_`, a letter first. Any other does not compile.
    const NAME: &'static str;

    /// Raise it when tables or rules change: all is then rebuilt beside what serves, and takes its place when
    /// it has caught up. Only processes of its own version run a build, as with
    /// [`ReadModel::VERSION`](super::ReadModel::VERSION).
    const VERSION: u32 = 1;

    /// What it reads; a union of events gathers those of several aggregates.
    type Event: Event;

    /// Makes its tables, empty. It is called once for each build, before any event.
    ///
    /// # Errors
    /// When they cannot be made. Nothing is, then; it is tried again as the [`options`](Self::options) say,
    /// and the follower stops.
    async fn create(&self, connection: &mut C) -> Result<(), HandlerError>;

    /// Takes in one event.
    ///
    /// # Errors
    /// When it fails. All that the transaction did is undone, and it goes on as the
    /// [`options`](Self::options) say.
    async fn handle(
        &self,
        recorded: &Recorded<Self::Event>,
        connection: &mut C,
    ) -> Result<(), HandlerError>;

    /// Takes in several events, in order: one by one, unless you know a statement for all of them.
    ///
    /// # Errors
    /// When one fails. It is found by doing smaller batches, at once if [`Batch::blame`] told which it is.
    async fn handle_batch(
        &self,
        batch: &Batch<'_, Self::Event>,
        connection: &mut C,
    ) -> Result<(), HandlerError> {
        for (index, recorded) in batch.iter().enumerate() {
            batch.blame(index);
            self.handle(recorded, connection).await?;
        }
        Ok(())
    }

    /// How it is run.
    fn options(&self) -> Options {
        Options::new()
    }
}

/// Events that are handled in one transaction, oldest first: a slice, and a note of which one is at fault.
pub struct Batch<'a, E> {
    events: &'a [Recorded<E>],
    /// `usize::MAX`: unknown.
    blamed: AtomicUsize,
}

impl<'a, E> Batch<'a, E> {
    /// A batch of `events`: for tests of a projection, and for what runs it.
    #[must_use]
    pub fn new(events: &'a [Recorded<E>]) -> Self {
        Self { events, blamed: AtomicUsize::new(usize::MAX) }
    }

    /// If the batch fails from here on, by an error, a panic, or by taking too long, then because of the event
    /// at `index`. The last call counts. Those before it are then committed without it.
    pub fn blame(&self, index: usize) {
        self.blamed.store(index, Ordering::Relaxed);
    }

    /// Which event was blamed last; none if none was, or the index is not one of the batch.
    #[must_use]
    pub fn blamed(&self) -> Option<usize> {
        Some(self.blamed.load(Ordering::Relaxed)).filter(|index| *index < self.events.len())
    }
}

impl<E> Deref for Batch<'_, E> {
    type Target = [Recorded<E>];

    fn deref(&self) -> &[Recorded<E>] {
        self.events
    }
}

impl<E> fmt::Debug for Batch<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("events", &self.events.len())
            .field("blamed", &self.blamed())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        EventData, EventId, EventType, Payload, Position, Version,
        followers::{Declaration, FollowerKind},
    };

    /// Keeps positions, and cannot bear the third.
    struct Positions;

    #[async_trait]
    impl Projection<Vec<u64>> for Positions {
        const NAME: &'static str = "positions";
        const VERSION: u32 = 2;
        type Event = EventData;

        async fn create(&self, _: &mut Vec<u64>) -> Result<(), HandlerError> {
            Ok(())
        }

        async fn handle(
            &self,
            recorded: &Recorded<EventData>,
            positions: &mut Vec<u64>,
        ) -> Result<(), HandlerError> {
            if recorded.position == Position::new(3) {
                return Err("three".into());
            }
            positions.push(recorded.position.get());
            Ok(())
        }
    }

    fn recorded(position: u64) -> Recorded<EventData> {
        let event = EventData::new(EventType::from_static("x"), Payload::from_stored("{}"));
        Recorded {
            id: EventId::new(),
            stream: "test-a".parse().unwrap(),
            version: Version::new(position),
            position: Position::new(position),
            recorded_at: DateTime::UNIX_EPOCH,
            event,
            metadata: crate::Metadata::default(),
        }
    }

    #[tokio::test]
    async fn one_by_one_the_event_that_failed_is_known() {
        let events: Vec<_> = (1..=4).map(recorded).collect();
        let (batch, mut positions) = (Batch::new(&events), Vec::new());
        assert_eq!(batch.blamed(), None);
        let error = Positions.handle_batch(&batch, &mut positions).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), batch.blamed()), ("three", Some(2)));
        assert_eq!(positions, [1, 2]);
        batch.blame(4);
        assert_eq!(batch.blamed(), None, "there is no fifth");
    }

    #[test]
    fn a_declaration_says_what_the_trait_says() {
        let declaration = Declaration::projection(&Positions);
        assert_eq!((declaration.name, declaration.version), ("positions", 2));
        assert_eq!(declaration.kind, FollowerKind::Projection);
        assert_eq!((declaration.parts.get(), declaration.start), (1, Position::START));
    }
}
