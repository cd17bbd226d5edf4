//! Whether this build reads all of history.

mod snapshots;

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures_util::{FutureExt, TryFutureExt, TryStreamExt, future::BoxFuture};

use self::snapshots::Comparer;
pub use self::snapshots::WrongSnapshots;
use crate::{
    Aggregate, DecodeError, Event, EventData, EventStore, EventType, Position, ReadAll,
    RecordedEvent, Snapshot, SnapshotStore, StoreError, StreamId, Version, panic,
    report::report,
    repository::{Shared, load},
};

/// Reads everything that a store holds with this build, and reports what it cannot read: before a deploy, on a copy of
/// production or on production itself, for it only reads.
///
/// Each event is decoded through its upcasters, and each entity of the aggregates named is folded as
/// [`Repository::load`](crate::Repository::load) does it.
///
/// ```
/// # use annals::{Event, HistoryCheck, MemoryStore, Snapshot};
/// # #[derive(serde::Serialize, serde::Deserialize, Event)]
/// # #[event(category = "weather")]
/// # enum WeatherEvent { Changed }
/// # async fn check<Account: Snapshot + PartialEq>() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let check = HistoryCheck::new().aggregate::<Account>().events::<WeatherEvent>();
/// let check = check.snapshots::<Account>(store.clone()); // if it has any
/// let report = check.run(&store).await?;
/// println!("{report}");
/// assert!(report.is_readable());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct HistoryCheck {
    readers: Vec<Reader>,
    folders: Vec<Folder>,
    comparers: Vec<Comparer>,
}

#[derive(Debug)]
struct Reader {
    event_types: &'static [&'static str],
    /// The category whose streams it reads whole, whatever they hold: it is an aggregate's.
    loads: Option<&'static str>,
    read: fn(&EventData) -> Result<(), DecodeError>,
}

#[derive(Debug)]
struct Folder {
    category: &'static str,
    fold: fn(&dyn EventStore, StreamId) -> BoxFuture<'_, Result<(), StoreError>>,
}

/// What came of a [`HistoryCheck`]. Its `Display` names all that is wrong, a few lines each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HistoryReport {
    /// How many events there are.
    pub events: u64,
    /// How many entities were folded.
    pub entities: u64,
    /// The events that cannot be read, by type, schema version, and what is wrong.
    pub unreadable: Vec<UnreadableKind>,
    /// The aggregates that panic over their own history.
    pub broken: Vec<BrokenFold>,
    /// How many snapshots were compared.
    pub snapshots: u64,
    /// Those that are not what the events say.
    pub wrong_snapshots: Vec<WrongSnapshots>,
}

/// Events of one type and schema version that this build cannot read for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableKind {
    /// Their stored name.
    pub event_type: EventType,
    /// Their schema version.
    pub schema_version: u32,
    /// How many there are.
    pub count: u64,
    /// The stream that holds the first of them.
    pub stream: StreamId,
    /// Its version there.
    pub version: Version,
    /// Its position.
    pub position: Position,
    /// What is wrong with it.
    pub reason: String,
}

/// Entities of one category that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenFold {
    /// Their category.
    pub category: &'static str,
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub stream: StreamId,
    /// What the panic said.
    pub reason: String,
}

impl HistoryCheck {
    /// A check that knows no events yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These events are read. A catch-all in `E` does not count: what only it takes has no reader.
    #[must_use]
    pub fn events<E: Event>(mut self) -> Self {
        self.readers.push(Reader::of::<E>(E::EVENT_TYPES, None));
        self
    }

    /// The events of this aggregate are read, and its entities folded. An event in their streams that the aggregate does not
    /// read is unreadable, even if another of the types named reads it: the entity cannot be loaded.
    #[must_use]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.folders.push(Folder { category: A::CATEGORY, fold: fold::<A> });
        self.readers.push(Reader::of::<A::Event>(A::Event::EVENT_TYPES, Some(A::CATEGORY)));
        self
    }

    /// The snapshots of this aggregate in `store` are compared with what this build makes of the events up to there. Where they
    /// differ, [`Snapshot::VERSION`] was not raised with the fold, or the state does not come back as it was. Snapshots of other
    /// versions do not count.
    #[must_use]
    pub fn snapshots<A: Snapshot + PartialEq>(
        mut self,
        store: impl SnapshotStore + 'static,
    ) -> Self {
        self.comparers.push(Comparer::of::<A>(Arc::new(store)));
        // What keeps a snapshot from being compared is reported, also where `aggregate` was not called.
        self.readers.push(Reader::of::<A::Event>(&[], Some(A::CATEGORY)));
        self
    }

    /// Reads all that `store` holds when this begins. It takes one pass over the global stream, and one read for each entity
    /// that is folded, and for each snapshot.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn run(&self, store: &dyn EventStore) -> Result<HistoryReport, StoreError> {
        let mut report = HistoryReport::default();
        let mut unreadable = BTreeMap::new();
        let up_to = store.head().await?;
        let mut events = store.read_all(ReadAll::after(Position::START).up_to(up_to));
        while let Some(recorded) = events.try_next().await? {
            report.events += 1;
            let event = &recorded.event;
            if let Err((kind, reason)) = self.read(&recorded) {
                let key = (event.event_type.clone(), event.schema_version, kind);
                let known = unreadable.entry(key).or_insert_with(|| UnreadableKind {
                    event_type: event.event_type.clone(),
                    schema_version: event.schema_version,
                    count: 0,
                    stream: recorded.stream.clone(),
                    version: recorded.version,
                    position: recorded.position,
                    reason,
                });
                known.count += 1;
            }
            if recorded.version == Version::new(1) {
                self.fold(store, &recorded.stream, &mut report).await?;
                let category = recorded.stream.category();
                for comparer in self.comparers.iter().filter(|one| one.category == category) {
                    comparer.run(store, &recorded.stream, &mut report).await?;
                }
            }
        }
        report.unreadable = unreadable.into_values().collect();
        Ok(report)
    }

    /// Whether the event can be read; if not, in which way, and why.
    fn read(&self, recorded: &RecordedEvent) -> Result<(), (Kind, String)> {
        let name = recorded.event.event_type.as_str();
        if !self.readers.iter().any(|reader| reader.event_types.contains(&name)) {
            return Err((Kind::Unknown, "none of the types named reads it".to_owned()));
        }
        let category = recorded.stream.category();
        for reader in &self.readers {
            if reader.event_types.contains(&name) || reader.loads == Some(category) {
                reader.read(&recorded.event)?;
            }
        }
        Ok(())
    }

    /// Folds the entity with each aggregate of its category.
    async fn fold(
        &self,
        store: &dyn EventStore,
        stream: &StreamId,
        report: &mut HistoryReport,
    ) -> Result<(), StoreError> {
        for folder in self.folders.iter().filter(|folder| folder.category == stream.category()) {
            report.entities += 1;
            let folded = AssertUnwindSafe((folder.fold)(store, stream.clone())).catch_unwind();
            let reason = match folded.await {
                // Its event is reported by itself.
                Ok(Ok(()) | Err(StoreError::Unreadable(_))) => continue,
                Ok(Err(error)) => return Err(error),
                Err(panic) => panic::message(&*panic),
            };
            let category = folder.category;
            match report.broken.iter_mut().find(|broken| broken.category == category) {
                Some(broken) => broken.count += 1,
                None => {
                    let stream = stream.clone();
                    report.broken.push(BrokenFold { category, count: 1, stream, reason });
                }
            }
        }
        Ok(())
    }
}

impl Reader {
    fn of<E: Event>(event_types: &'static [&'static str], loads: Option<&'static str>) -> Self {
        Self { event_types, loads, read: |data| E::decode_into(data, &mut Vec::new()) }
    }

    fn read(&self, event: &EventData) -> Result<(), (Kind, String)> {
        match (catch_unwind(AssertUnwindSafe(|| (self.read)(event))), self.loads) {
            (Ok(Ok(())), _) => Ok(()),
            (Ok(Err(error @ DecodeError::Unknown { .. })), Some(category)) => {
                let reason = format!("no {category} that holds it can be loaded: {error}");
                Err((Kind::NotLoaded(category), reason))
            }
            (Ok(Err(error)), _) => Err((Kind::of(&error), report(&error))),
            (Err(panic), _) => Err((Kind::Panic, panic::message(&*panic))),
        }
    }
}

fn fold<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
) -> BoxFuture<'_, Result<(), StoreError>> {
    load::<A>(store, stream, Shared::nothing(), None).map_ok(drop).boxed()
}

/// In which way an event cannot be read. What is said about it holds a place within the payload, which differs from one to
/// the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Unknown,
    /// Unknown to an aggregate of this category, whose streams hold it.
    NotLoaded(&'static str),
    Newer,
    NoUpcaster,
    Upcast,
    Payload,
    Panic,
}

impl Kind {
    fn of(error: &DecodeError) -> Self {
        match error {
            DecodeError::Unknown { .. } => Self::Unknown,
            DecodeError::Newer { .. } => Self::Newer,
            DecodeError::NoUpcaster { .. } => Self::NoUpcaster,
            DecodeError::Upcast { .. } => Self::Upcast,
            DecodeError::Payload { .. } => Self::Payload,
        }
    }
}

impl HistoryReport {
    /// Whether this build reads all of it, and makes of it what the snapshots say.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.unreadable.is_empty() && self.broken.is_empty() && self.wrong_snapshots.is_empty()
    }
}

impl fmt::Display for HistoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, entities, unreadable, broken, snapshots, wrong_snapshots } = self;
        let lost: u64 = unreadable.iter().map(|kind| kind.count).sum();
        write!(f, "{events} events read, of which {lost} cannot be; {entities} entities folded")?;
        if *snapshots > 0 {
            write!(f, "; {snapshots} snapshots compared")?;
        }
        for UnreadableKind {
            event_type,
            schema_version,
            count,
            stream,
            version,
            position,
            reason,
        } in unreadable
        {
            write!(
                f,
                "\n  {event_type}, schema version {schema_version}: {count}, the first as version {version} of {stream} \
                 at position {position}\n    {reason}"
            )?;
        }
        for BrokenFold { category, count, stream, reason } in broken {
            write!(
                f,
                "\n  {category}: {count} entities cannot be folded, {stream} is the first\n    {reason}"
            )?;
        }
        for WrongSnapshots { category, count, stream, reason } in wrong_snapshots {
            write!(
                f,
                "\n  {category}: {count} snapshots are wrong, that of {stream} is the first\n    {reason}"
            )?;
        }
        Ok(())
    }
}
