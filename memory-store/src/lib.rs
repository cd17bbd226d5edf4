//! The in-memory event store of annals: for tests, examples and learning, and the reference for
//! authors of other stores. Everything is gone when the last clone of it is.

mod followers;
mod log;
mod snapshots;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use annals_core::{
    AppendError, Appended, Clock, Direction, EventStore, Position, ReadAll, ReadStream,
    RecordedEvent, RecordedEvents, StoreError, StreamAppend, SystemClock, Version,
};
use async_trait::async_trait;
use chrono::SubsecRound;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

pub use crate::followers::{Table, Tables};
use crate::{followers::Followers, log::Log, snapshots::Snapshots};

/// An event store in this process's memory. Clones share the same events.
///
/// ```
/// use annals::{
///     EventData, EventStore, EventStoreExt, EventType, ExpectedVersion, MemoryStore, NewEvent, Payload,
///     StreamAppend,
/// };
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const NOTED: EventType = EventType::from_static("diary.noted");
/// let noted = EventData::new(NOTED, Payload::parse(r#"{"text":"hello"}"#)?);
///
/// let store = MemoryStore::new();
/// let stream = "diary-anna".parse()?;
/// let append = StreamAppend::new(stream, ExpectedVersion::NoStream, vec![NewEvent::new(noted)]);
/// let appended = store.append_to_stream(append).await?;
/// assert_eq!(store.head().await?, appended.position);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    log: RwLock<Log>,
    snapshots: RwLock<Snapshots>,
    head: watch::Sender<Position>,
    clock: Box<dyn Clock>,
    followers: Followers,
}

impl MemoryStore {
    /// An empty store on the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// An empty store that stamps events with the time of `clock`.
    #[must_use]
    pub fn with_clock(clock: impl Clock + 'static) -> Self {
        let shared = Shared {
            log: RwLock::default(),
            snapshots: RwLock::default(),
            head: watch::Sender::new(Position::START),
            clock: Box::new(clock),
            followers: Followers::new(),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("head", &*self.shared.head.borrow())
            .finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// A panic elsewhere cannot leave the log half written: it is only changed once all checks are done.
    fn read(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        StreamAppend::check(&appends)?;
        let mut log = self.shared.log.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.shared.clock.now().trunc_subsecs(6);
        let answers = log.append(appends, now)?;
        self.shared.head.send_replace(log.head());
        Ok(answers)
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        let shared = Arc::clone(&self.shared);
        let ReadStream { stream, direction, from, limit, .. } = read;
        let mut left = limit.unwrap_or(u64::MAX);
        let mut next = match direction {
            Direction::Forwards => from.unwrap_or_default(),
            Direction::Backwards => from.unwrap_or(Version::new(u64::MAX)),
        };
        paged(move || {
            let page = shared.read().stream_page(&stream, direction, next, left);
            left -= page.len() as u64;
            if let Some(last) = page.last() {
                next = match direction {
                    Direction::Forwards => last.version.next(),
                    Direction::Backwards => Version::new(last.version.get() - 1),
                };
            }
            page
        })
    }

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        let shared = Arc::clone(&self.shared);
        let ReadAll { mut after, up_to, filter, limit, .. } = read;
        let end = up_to.unwrap_or(Position::new(u64::MAX));
        let mut left = limit.unwrap_or(u64::MAX);
        paged(move || {
            loop {
                let log = shared.read();
                let end = end.min(log.head());
                let page = log.page(&mut after, end, &filter, left);
                left -= page.len() as u64;
                if !page.is_empty() || left == 0 || after >= end {
                    return page;
                }
            }
        })
    }

    async fn head(&self) -> Result<Position, StoreError> {
        Ok(*self.shared.head.borrow())
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        let mut head = self.shared.head.subscribe();
        let past = head.wait_for(|head| *head > position).await;
        past.map(|head| *head).map_err(|closed| StoreError::Failed(closed.into()))
    }
}

/// Gives the events page by page; an empty page ends it.
fn paged(mut next_page: impl FnMut() -> Vec<RecordedEvent> + Send + 'static) -> RecordedEvents {
    let pages = std::iter::from_fn(move || Some(next_page()).filter(|page| !page.is_empty()));
    stream::iter(pages.flatten().map(Ok)).boxed()
}

#[cfg(test)]
mod tests {
    use std::{panic::catch_unwind, sync::atomic::AtomicBool, sync::atomic::Ordering};

    use annals_core::{EventData, EventType, ExpectedVersion, NewEvent, Payload};
    use chrono::{DateTime, Utc};
    use futures_util::FutureExt;

    use super::*;

    /// Fails once.
    #[derive(Debug)]
    struct Stopped(AtomicBool);

    impl Clock for Stopped {
        fn now(&self) -> DateTime<Utc> {
            assert!(self.0.swap(true, Ordering::Relaxed), "the clock has stopped");
            DateTime::from_timestamp_nanos(1_123_456_789)
        }
    }

    #[test]
    fn a_clock_that_panics_leaves_the_store_as_it_was() {
        let store = MemoryStore::with_clock(Stopped(AtomicBool::new(false)));
        let append = || {
            let event = EventData::new(EventType::from_static("x"), Payload::parse("{}").unwrap());
            let new = vec![NewEvent::new(event)];
            let append =
                StreamAppend::new("test-a".parse().unwrap(), ExpectedVersion::NoStream, new);
            store.append(vec![append]).now_or_never().unwrap()
        };
        assert!(catch_unwind(std::panic::AssertUnwindSafe(append)).is_err());
        assert_eq!(append().unwrap().len(), 1);
        let read = store.read_stream(ReadStream::forwards("test-a".parse().unwrap()));
        let stored: Vec<_> = read.map(Result::unwrap).collect().now_or_never().unwrap();
        let times: Vec<_> = stored.iter().map(|event| event.recorded_at).collect();
        assert_eq!(
            times,
            [DateTime::from_timestamp_micros(1_123_456).unwrap()],
            "to the microsecond"
        );
    }
}
