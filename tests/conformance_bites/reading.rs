//! Stores that read wrongly.

use std::{collections::HashSet, sync::Arc, sync::Mutex};

use annals::{
    AppendError, Appended, EventStore, Filter, MemoryStore, Position, ReadAll, ReadStream,
    RecordedEvent, RecordedEvents, StoreError, StreamAppend, StreamExt, StreamId, TryStreamExt,
    Version,
};
use async_trait::async_trait;
use chrono::Utc;
use futures_util::{TryFutureExt, stream};
use tokio::task::yield_now;

use crate::wrong::{Defect, changed};

const NANOSECOND: std::time::Duration = std::time::Duration::from_nanos(1);

/// Reads of one stream that are right but for one change.
macro_rules! reads_streams_wrongly {
    ($(#[$doc:meta] $defect:ident: $read:expr;)*) => {
        $(
            #[$doc]
            #[derive(Default)]
            pub(crate) struct $defect;

            impl Defect for $defect {
                fn read_stream(&self, right: &MemoryStore, read: ReadStream) -> RecordedEvents {
                    let read_wrongly: fn(&MemoryStore, ReadStream) -> RecordedEvents = $read;
                    read_wrongly(right, read)
                }
            }
        )*
    };
}

reads_streams_wrongly! {
    /// Numbers the events of a stream 1, 3, 5 …
    SkipsVersions: |right, read| changed(right.read_stream(read), |mut events| {
        events.iter_mut().for_each(|event| event.version = Version::new(event.version.get() * 2 - 1));
        events
    });
    /// Takes a stream that is not there for an error.
    FailsOnMissingStreams: |right, read| {
        let missing = stream::iter([Err(StoreError::Failed("no such stream".into()))]).boxed();
        let mut events = right.read_stream(read).peekable();
        match futures_util::FutureExt::now_or_never(std::pin::Pin::new(&mut events).peek()) {
            Some(None) => missing,
            _ => events.boxed(),
        }
    };
    /// Leaves out the version it is told to begin with.
    ReadsFromExclusively: |right, read| {
        let from = read.from;
        changed(right.read_stream(read), move |mut events| {
            events.retain(|event| Some(event.version) != from);
            events
        })
    };
    /// Gives everything at once, however little was asked for.
    IgnoresLimits: |right, mut read| {
        read.limit = None;
        right.read_stream(read)
    };
    /// Never asks for a second page.
    EndsAfterOnePage: |right, read| {
        let limit = read.limit.unwrap_or(u64::MAX).min(1_000);
        right.read_stream(read.with_limit(limit))
    };
    /// Counts its pages from the newest event, so that what comes meanwhile shifts them.
    PagesByOffset: |right, read| {
        let right = right.clone();
        let page_at = move |offset: usize| {
            let page = right.read_stream(read.clone()).skip(offset).take(100).try_collect::<Vec<_>>();
            page.map_ok(move |page| Some((offset + page.len(), page)).filter(|(_, page)| !page.is_empty()))
        };
        let pages = stream::try_unfold(0, move |offset| {
            page_at(offset).map_ok(|page| page.map(|(next, page)| (stream::iter(page).map(Ok), next)))
        });
        pages.try_flatten().boxed()
    };
    /// Tells the time of reading for the time of recording.
    StampsOnReading: |right, read| changed(right.read_stream(read), |mut events| {
        events.iter_mut().for_each(|event| event.recorded_at = Utc::now());
        events
    });
}

/// Reads of the global stream that are right but for one change.
macro_rules! reads_all_wrongly {
    ($(#[$doc:meta] $defect:ident: $read:expr;)*) => {
        $(
            #[$doc]
            #[derive(Default)]
            pub(crate) struct $defect;

            impl Defect for $defect {
                fn read_all(&self, right: &MemoryStore, read: ReadAll) -> RecordedEvents {
                    let read_wrongly: fn(&MemoryStore, ReadAll) -> RecordedEvents = $read;
                    read_wrongly(right, read)
                }
            }
        )*
    };
}

reads_all_wrongly! {
    /// Gives the event at the checkpoint once more.
    ReadsAfterInclusively: |right, mut read| {
        read.after = Position::new(read.after.get().saturating_sub(1));
        right.read_all(read)
    };
    /// Leaves filtering to whoever reads.
    IgnoresFilters: |right, read| right.read_all(read.with_filter(Filter::any()));
    /// Filters with LIKE.
    FiltersByPrefix: |right, read| filtered(right, read, |filter, event| {
        filter.categories().is_none_or(|mut c| c.any(|prefix| event.stream.category().starts_with(prefix)))
            && filter.event_types().is_none_or(|mut t| t.any(|prefix| event.event.event_type.as_str().starts_with(prefix)))
    });
    /// Joins the two conditions with OR.
    TakesEitherMatch: |right, read| filtered(right, read, |filter, event| {
        filter.categories().is_some_and(|mut c| c.any(|name| name == event.stream.category()))
            || filter.event_types().is_some_and(|mut t| t.any(|name| name == event.event.event_type.as_str()))
    });
    /// Reads as many as asked for and then filters.
    LimitsBeforeFiltering: |right, read| filtered(right, read, |filter, event| filter.matches(event));
    /// Reads on to the head, wherever it was to end.
    IgnoresTheEnd: |right, mut read| {
        read.up_to = None;
        right.read_all(read)
    };
    /// Ends before the position that it was to end at.
    EndsExclusively: |right, mut read| {
        read.up_to = read.up_to.map(|end| Position::new(end.get().saturating_sub(1)));
        right.read_all(read)
    };
    /// Takes an end that is not there yet for a mistake.
    GivesNothingUpToTheFuture: |right, read| {
        let head = futures_util::FutureExt::now_or_never(right.head()).unwrap().unwrap();
        let is_over = read.up_to.is_some_and(|end| end > head);
        changed(right.read_all(read), move |events| if is_over { Vec::new() } else { events })
    };
    /// Reads between two positions, whichever is lower: `BETWEEN SYMMETRIC`.
    TakesTheEndForTheBeginning: |right, mut read| {
        if let Some(end) = read.up_to && end < read.after {
            (read.up_to, read.after) = (Some(read.after), end);
        }
        right.read_all(read)
    };
    /// Forgets the end where it filters.
    FiltersToTheHead: |right, mut read| {
        if read.filter != Filter::any() {
            read.up_to = None;
        }
        right.read_all(read)
    };
    /// Takes a page without a match for the end.
    GivesUpWithoutAMatch: |right, read| {
        let last = Position::new(read.after.get() + 1_000);
        changed(right.read_all(read), move |mut events| {
            events.retain(|event| event.position <= last);
            events
        })
    };
}

/// Reads without the filter, and keeps what `wants` lets through.
fn filtered(
    right: &MemoryStore,
    read: ReadAll,
    wants: fn(&Filter, &RecordedEvent) -> bool,
) -> RecordedEvents {
    let filter = read.filter.clone();
    changed(right.read_all(read.with_filter(Filter::any())), move |mut events| {
        events.retain(|event| wants(&filter, event));
        events
    })
}

/// Hands out positions in blocks, one for each stream, as a sequence with a cache does for each connection.
#[derive(Default)]
pub(crate) struct GivesStreamsBlocksOfPositions {
    streams: Arc<Mutex<Vec<StreamId>>>,
}

fn in_block(streams: &Mutex<Vec<StreamId>>, stream: &StreamId, version: Version) -> Position {
    let mut streams = streams.lock().unwrap();
    let block = streams.iter().position(|known| known == stream).unwrap_or_else(|| {
        streams.push(stream.clone());
        streams.len() - 1
    });
    Position::new(block as u64 * 1_000 + version.get())
}

#[async_trait]
impl Defect for GivesStreamsBlocksOfPositions {
    async fn append(
        &self,
        right: &MemoryStore,
        appends: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        let streams: Vec<_> = appends.iter().map(|append| append.stream.clone()).collect();
        let answers = right.append(appends).await?;
        let in_block = |(answer, stream): (Appended, _)| Appended {
            position: in_block(&self.streams, stream, answer.version),
            ..answer
        };
        Ok(answers.into_iter().zip(&streams).map(in_block).collect())
    }

    fn read_all(&self, right: &MemoryStore, read: ReadAll) -> RecordedEvents {
        let streams = Arc::clone(&self.streams);
        changed(right.read_all(read), move |mut events| {
            for event in &mut events {
                event.position = in_block(&streams, &event.stream, event.version);
            }
            events
        })
    }
}

/// Gives positions before the events can be seen, so a reader that was faster never sees them:
/// `position > last` on a database.
#[derive(Default)]
pub(crate) struct ShowsEventsLate {
    hidden: Arc<Mutex<HashSet<Position>>>,
}

#[async_trait]
impl Defect for ShowsEventsLate {
    async fn append(
        &self,
        right: &MemoryStore,
        appends: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        let answers = {
            let mut hidden = self.hidden.lock().unwrap();
            let answers = futures_util::FutureExt::now_or_never(right.append(appends)).unwrap()?;
            hidden.extend(answers.iter().map(|answer| answer.position));
            answers
        };
        for _ in 0..answers.first().map_or(0, |answer| answer.position.get() % 50) {
            yield_now().await;
        }
        let mut hidden = self.hidden.lock().unwrap();
        hidden.retain(|position| !answers.iter().any(|answer| answer.position == *position));
        Ok(answers)
    }

    fn read_all(&self, right: &MemoryStore, read: ReadAll) -> RecordedEvents {
        let hidden = self.hidden.lock().unwrap().clone();
        changed(right.read_all(read), move |mut events| {
            events.retain(|event| !hidden.contains(&event.position));
            events
        })
    }
}

/// Has a finer clock than the time it promises.
#[derive(Default)]
pub(crate) struct TellsNanoseconds;

fn finer(events: RecordedEvents) -> RecordedEvents {
    events
        .map_ok(|event| RecordedEvent { recorded_at: event.recorded_at + NANOSECOND, ..event })
        .boxed()
}

impl Defect for TellsNanoseconds {
    fn read_stream(&self, right: &MemoryStore, read: ReadStream) -> RecordedEvents {
        finer(right.read_stream(read))
    }

    fn read_all(&self, right: &MemoryStore, read: ReadAll) -> RecordedEvents {
        finer(right.read_all(read))
    }
}

/// Tells a head that is one behind.
#[derive(Default)]
pub(crate) struct HeadLags;

#[async_trait]
impl Defect for HeadLags {
    async fn head(&self, right: &MemoryStore) -> Result<Position, StoreError> {
        Ok(Position::new(right.head().await?.get().saturating_sub(1)))
    }
}

/// Subscribes after it looked, and waits for what comes next.
#[derive(Default)]
pub(crate) struct WaitsForTheNextAppend;

#[async_trait]
impl Defect for WaitsForTheNextAppend {
    async fn wait_for_head(
        &self,
        right: &MemoryStore,
        _: Position,
    ) -> Result<Position, StoreError> {
        let seen = right.head().await?;
        right.wait_for_head(seen).await
    }
}

/// Has lost its connection and does not notice.
#[derive(Default)]
pub(crate) struct NeverWakes;

#[async_trait]
impl Defect for NeverWakes {
    async fn wait_for_head(&self, _: &MemoryStore, _: Position) -> Result<Position, StoreError> {
        std::future::pending().await
    }
}

/// Wakes whoever waits, whether or not there is something.
#[derive(Default)]
pub(crate) struct WakesAtOnce;

#[async_trait]
impl Defect for WakesAtOnce {
    async fn wait_for_head(
        &self,
        right: &MemoryStore,
        _: Position,
    ) -> Result<Position, StoreError> {
        right.head().await
    }
}
