//! Events page by page, the next page on its way while the last one is handed out.

use std::future::Future;

use annals_core::{RecordedEvent, RecordedEvents, StoreError};
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use crate::{database::Database, failure::Failure};

/// How many events the first page holds at the most.
const FIRST: u64 = 1024;
/// How many bytes of payload a page should hold at the most, once the events' size is known.
const BYTES: u64 = 4 << 20;

/// How many bytes of payload a page holds at the most, but for the last event in it. The server sends them in vain, so they are
/// more than a page should hold: few come to it but first pages of large events.
const MOST_BYTES: usize = 4 * BYTES as usize;

/// Events that were read at once.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<RecordedEvent>,
    limit: u64,
    bytes: usize,
}

impl Page {
    /// An empty one, with room for `limit` events.
    pub(crate) fn of(limit: u64) -> Self {
        Self { events: Vec::new(), limit, bytes: 0 }
    }

    pub(crate) fn push(&mut self, event: RecordedEvent) {
        self.bytes += event.event.payload.as_str().len();
        self.events.push(event);
    }

    /// Whether there may be more where this was read.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() as u64 >= self.limit || self.bytes >= MOST_BYTES
    }
}

/// How large the next page should be: in events, but such that many large events do not come at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize(u64);

impl PageSize {
    pub(crate) fn first() -> Self {
        Self(FIRST)
    }

    pub(crate) fn of(self, left: u64) -> u64 {
        self.0.min(left)
    }

    /// The size after `page`: up to four times as many events, if they are small.
    #[must_use]
    pub(crate) fn after(self, page: &[RecordedEvent]) -> Self {
        let bytes: usize = page.iter().map(|event| event.event.payload.as_str().len()).sum();
        let each = (bytes / page.len().max(1)).max(1) as u64;
        Self((BYTES / each).clamp(1, 4 * FIRST))
    }
}

/// A reading that can be continued: a page, and where to go on, if there may be more.
pub(crate) trait Reading: Clone + Send + Sync + 'static {
    fn database(&self) -> &Database;
    fn page(self) -> impl Future<Output = PageOf<Self>> + Send;
}

type PageOf<R> = Result<(Vec<RecordedEvent>, Option<R>), Failure>;

async fn page<R: Reading>(reading: R) -> PageOf<R> {
    reading.database().read(|| reading.clone().page()).await
}

/// The events of `reading`. Nothing happens before the first is asked for; dropped, it reads no further.
pub(crate) fn events<R: Reading>(reading: R) -> RecordedEvents {
    pages(Some(Next::Asked(reading)))
}

/// Events that were read already, and those of the rest.
pub(crate) fn events_and_rest<R: Reading>(
    read: Vec<RecordedEvent>,
    rest: Option<R>,
) -> RecordedEvents {
    let read = stream::iter(read.into_iter().map(Ok));
    read.chain(pages(rest.map(|rest| Next::Ahead(Ahead(tokio::spawn(page(rest))))))).boxed()
}

fn pages<R: Reading>(first: Option<Next<R>>) -> RecordedEvents {
    let pages = stream::try_unfold(first, async |next| {
        let (events, rest) = match next {
            Some(Next::Asked(reading)) => page(reading).await.map_err(Failure::into_read_error)?,
            Some(Next::Ahead(ahead)) => ahead.get().await?,
            None => return Ok::<_, StoreError>(None),
        };
        let next = rest.map(|rest| Next::Ahead(Ahead(tokio::spawn(page(rest)))));
        Ok(Some((stream::iter(events.into_iter().map(Ok::<_, StoreError>)), next)))
    });
    futures_util::TryStreamExt::try_flatten(pages).boxed()
}

enum Next<R: Reading> {
    Asked(R),
    Ahead(Ahead<R>),
}

/// A page that is being read already; no longer, once nobody waits for it.
struct Ahead<R: Reading>(JoinHandle<PageOf<R>>);

impl<R: Reading> Ahead<R> {
    async fn get(mut self) -> Result<(Vec<RecordedEvent>, Option<R>), StoreError> {
        match (&mut self.0).await {
            Ok(page) => page.map_err(Failure::into_read_error),
            Err(lost) => Err(StoreError::Failed(lost.into())),
        }
    }
}

impl<R: Reading> Drop for Ahead<R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
