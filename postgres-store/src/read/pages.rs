//! Events page by page, the next ones on their way while the last one is handed out.

use std::{
    future::{self, Future},
    panic,
};

use annals_core::{RecordedEvent, RecordedEvents, StoreError};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

use crate::{database::Database, failure::Failure};

/// How many events the first page holds at the most.
const FIRST: u64 = 1024;
/// How many a later one holds: between two pages the server rests, and each that waits is in memory.
pub(crate) const MOST: u64 = 8 * FIRST;
/// How many one holds that is gathered from the index of kinds: that looks so dear to the server, the more so the more kinds there
/// are, that it would compile the statement of a larger one each time, which takes as long as to read it.
pub(super) const MOST_SPARSE: u64 = 2 * FIRST;
/// How many bytes of payload a page should hold at the most, once the events' size is known.
const BYTES: u64 = 4 << 20;

/// How many pages wait while one is handed out, beside one more that is asked for: the server would rest from the end of a page
/// until somebody takes it.
const AHEAD: usize = 1;

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
    /// An empty one, for up to `limit` events. It is that large at once if it is not the first of its reading.
    pub(crate) fn of(limit: u64) -> Self {
        let at_once = if limit > FIRST { limit } else { 0 };
        Self { events: Vec::with_capacity(at_once as usize), limit, bytes: 0 }
    }

    pub(crate) fn push(&mut self, event: RecordedEvent) {
        self.bytes += event.event.payload.as_str().len();
        self.events.push(event);
    }

    /// Keeps the events whose positions follow `after` without a gap, and answers whether there were others. Then it is not
    /// known any more whether the page is full.
    pub(crate) fn end_at_gap(&mut self, after: i64) -> bool {
        let positions = self.events.iter().map(|event| event.position.get().cast_signed());
        let following = positions.zip(after + 1..).take_while(|(position, next)| position == next);
        let kept = following.count();
        let has_gap = kept < self.events.len();
        self.events.truncate(kept);
        has_gap
    }

    /// Whether there may be more where this was read.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() as u64 >= self.limit || self.bytes >= MOST_BYTES
    }
}

/// How large the next page should be: in events, but such that many large events do not come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize(u64);

impl PageSize {
    pub(crate) fn first() -> Self {
        Self(FIRST)
    }

    pub(crate) fn of(self, left: u64) -> u64 {
        self.0.min(left)
    }

    /// Whether no page is larger.
    pub(crate) fn is_largest(self) -> bool {
        self.0 == MOST
    }

    /// The size after `page`: up to [`MOST`] events, if they are small.
    #[must_use]
    pub(crate) fn after(self, page: &[RecordedEvent]) -> Self {
        let bytes: usize = page.iter().map(|event| event.event.payload.as_str().len()).sum();
        let each = (bytes / page.len().max(1)).max(1) as u64;
        Self((BYTES / each).clamp(1, MOST))
    }
}

/// A reading that can be continued: a page, and where to go on, if there may be more.
pub(crate) trait Reading: Clone + Send + Sync + 'static {
    fn database(&self) -> &Database;
    fn page(self) -> impl Future<Output = PageOf<Self>> + Send;

    /// Where to go on after the page, as far as that can be said before it is there.
    fn guess(&self) -> Option<Self>;

    /// Whether this is where `guess` goes on, so that both give the same.
    fn is(&self, guess: &Self) -> bool;
}

type PageOf<R> = Result<(Vec<RecordedEvent>, Option<R>), Failure>;

async fn page<R: Reading>(reading: R) -> PageOf<R> {
    reading.database().read(|| reading.clone().page()).await
}

/// The events of `reading`. Nothing happens before the first is asked for; dropped, it reads no further.
pub(crate) fn events<R: Reading>(reading: R) -> RecordedEvents {
    pages(Next::Asked(reading))
}

/// Events that were read already, and those of the rest.
pub(crate) fn events_and_rest<R: Reading>(
    read: Vec<RecordedEvent>,
    rest: Option<R>,
) -> RecordedEvents {
    let read = stream::iter(read.into_iter().map(Ok));
    read.chain(pages(Next::ahead(rest))).boxed()
}

fn pages<R: Reading>(first: Next<R>) -> RecordedEvents {
    let pages = stream::try_unfold(first, async |next| {
        let (events, next) = match next {
            Next::Asked(reading) => {
                let (events, rest) = page(reading).await.map_err(Failure::into_read_error)?;
                (events, Next::ahead(rest))
            }
            Next::Ahead(mut ahead) => match ahead.page().await? {
                Some(events) => (events, Next::Ahead(ahead)),
                None => return Ok(None),
            },
            Next::End => return Ok::<_, StoreError>(None),
        };
        Ok(Some((stream::iter(events.into_iter().map(Ok::<_, StoreError>)), next)))
    });
    futures_util::TryStreamExt::try_flatten(pages).boxed()
}

enum Next<R> {
    Asked(R),
    Ahead(Ahead),
    End,
}

impl<R: Reading> Next<R> {
    fn ahead(rest: Option<R>) -> Self {
        rest.map_or(Self::End, |rest| Self::Ahead(Ahead::read(rest)))
    }
}

/// Pages that are read by a task of their own, which goes on to the next one while the last one is handed out; no longer, once
/// nobody waits for them.
struct Ahead {
    pages: mpsc::Receiver<Result<Vec<RecordedEvent>, Failure>>,
    task: JoinHandle<()>,
}

impl Ahead {
    fn read<R: Reading>(reading: R) -> Self {
        let (sender, pages) = mpsc::channel(AHEAD);
        let task = tokio::spawn(async move {
            let mut next = Some(Asked::of(reading));
            while let Some(asked) = next.take()
                && let Ok(room) = sender.reserve().await
            {
                let guessed = asked.reading.guess().map(Asked::of);
                room.send(asked.page().await.map(|(events, rest)| {
                    next = rest.map(|rest| match guessed {
                        Some(guessed) if rest.is(&guessed.reading) => guessed,
                        _ => Asked::of(rest),
                    });
                    events
                }));
            }
        });
        Self { pages, task }
    }

    /// The next page; none at the end.
    async fn page(&mut self) -> Result<Option<Vec<RecordedEvent>>, StoreError> {
        match self.pages.recv().await {
            Some(page) => page.map(Some).map_err(Failure::into_read_error),
            // A task that panicked has not come to the end.
            None => {
                let ended = (&mut self.task).await;
                ended.map(|()| None).map_err(|lost| StoreError::Failed(lost.into()))
            }
        }
    }
}

/// A page that the server has been asked for. Dropped, it is not waited for.
struct Asked<R> {
    reading: R,
    page: JoinSet<PageOf<R>>,
}

impl<R: Reading> Asked<R> {
    fn of(reading: R) -> Self {
        let mut asked = JoinSet::new();
        asked.spawn(page(reading.clone()));
        Self { reading, page: asked }
    }

    async fn page(mut self) -> PageOf<R> {
        match self.page.join_next().await {
            Some(Ok(page)) => page,
            Some(Err(lost)) if lost.is_panic() => panic::resume_unwind(lost.into_panic()),
            // Only a runtime that ends aborts it, and this task as well.
            Some(Err(_)) | None => future::pending().await,
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}
