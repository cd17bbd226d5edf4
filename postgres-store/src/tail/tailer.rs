//! Reads what is new, once for everyone in this process.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use super::{Tail, listen::Listener};
use crate::{
    database::Database,
    failure::{Failure, FailureKind},
    read::{Mark, Page, PageSize},
};

/// How many events are read at once, if they are not large.
const PAGE: u64 = 1024;
/// How often to look where nobody says that there is something new: as the net under notifications, and without them.
pub(super) const POLL_LISTENING: Duration = Duration::from_millis(500);
const POLL_DEAF: Duration = Duration::from_millis(100);
/// How soon, and how often at the least, to ask for the append that holds an event back. Mostly it is one of this store, and has
/// said before that that it has ended.
const ASK_FIRST: Duration = Duration::from_millis(1);
const ASK_LAST: Duration = Duration::from_millis(50);
/// How long to go on when nobody waits.
const LINGER: Duration = Duration::from_secs(5);
/// How long to pause when the database is gone.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(tail: Arc<Tail>, database: Arc<Database>) {
    let mut listener = Listener::new(&database, tail.announcer.name());
    loop {
        let mut tailer = Tailer {
            tail: &tail,
            database: &database,
            listener: &mut listener,
            size: PageSize::first(),
            was_open: false,
        };
        match tailer.run().await {
            Ok(()) => return,
            Err(failure) if matches!(failure.kind, FailureKind::Transient | FailureKind::Lost) => {
                tracing::warn!(schema = %database.schema, error = %failure.source, "the tail of the global stream is interrupted");
                sleep(PAUSE).await;
            }
            Err(failure) => {
                tracing::error!(schema = %database.schema, error = %failure.source, "the tail of the global stream has ended");
                tail.fail(failure.explained());
                return;
            }
        }
    }
}

struct Tailer<'a> {
    tail: &'a Tail,
    database: &'a Arc<Database>,
    listener: &'a mut Listener,
    size: PageSize,
    /// When it was asked last, an append was still open.
    was_open: bool,
}

/// What a look at the end of the stream found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// As much as is read at once; there may be more.
    More,
    /// All there is to see.
    All,
    /// A gap: whether what comes after it is final was not asked.
    Gap,
}

/// Events may be held back: when to ask whether an append that is still open does that.
struct Holdup {
    pause: Duration,
    asks_at: Instant,
}

impl Holdup {
    fn begins() -> Self {
        Self { pause: ASK_FIRST, asks_at: Instant::now() + ASK_FIRST }
    }

    /// One does.
    fn lasts(&mut self) {
        self.pause = (self.pause * 2).min(ASK_LAST);
        self.asks_at = Instant::now() + self.pause;
    }

    fn left(&self) -> Duration {
        self.asks_at.saturating_duration_since(Instant::now())
    }
}

impl Tailer<'_> {
    /// Follows the stream on one connection, until nobody has waited for a while.
    async fn run(&mut self) -> Result<(), Failure> {
        let mut connection = self.database.connection().await?;
        let outcome = self.follow(&mut connection).await;
        if outcome.is_err() {
            connection.close_on_drop();
        }
        outcome
    }

    async fn follow(&mut self, connection: &mut PgConnection) -> Result<(), Failure> {
        let mut seen = self.database.head(connection).await?;
        self.tail.recent_events().restart(seen);
        self.tail.advance(seen);
        let mut holdup = None;
        let mut last_wanted = Instant::now();
        let mut ask = true;
        loop {
            let before = seen;
            let found = self.look(&mut seen, ask, connection).await?;
            {
                let mut state = self.tail.tailer_state();
                if state.waiting > 0 {
                    last_wanted = Instant::now();
                } else if last_wanted.elapsed() > LINGER {
                    state.task = None;
                    return Ok(());
                }
            }
            if seen != before {
                holdup = None;
            }
            let is_held = self.was_open || found == Found::Gap;
            ask = if found == Found::More {
                false
            } else if is_held {
                let holdup = holdup.get_or_insert_with(Holdup::begins);
                if ask {
                    holdup.lasts();
                }
                // Appends that end all the time must not put off asking.
                self.woken(holdup.left()).await || holdup.left().is_zero()
            } else {
                holdup = None;
                self.woken(self.poll()).await
            };
        }
    }

    /// Waits until there may be something new, for as long as `pause` at the most, and answers whether to ask for open
    /// appends: this process knows of its own, and an append that it has finished leaves nothing to ask.
    async fn woken(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = self.tail.nudge.notified() => self.tail.is_open.swap(false, Ordering::AcqRel),
            () = self.listener.heard() => true,
            () = sleep(pause) => true,
        }
    }

    fn poll(&self) -> Duration {
        if self.listener.is_listening() { POLL_LISTENING } else { POLL_DEAF }
    }

    /// Takes what is final after `seen`: events whose positions follow each other without a gap; or, asking for the mark, all
    /// up to there, unless it is lower: somebody may have declared long before he takes a position.
    async fn look(
        &mut self,
        seen: &mut i64,
        ask: bool,
        connection: &mut PgConnection,
    ) -> Result<Found, Failure> {
        let limit = self.size.of(PAGE);
        if ask {
            let Mark { last, mark } = self.database.mark(connection).await?;
            self.was_open = mark < last;
            if mark > *seen || !self.was_open {
                let page = self.database.page(*seen, mark, limit, connection).await?;
                if self.publish(seen, page) {
                    return Ok(Found::More);
                }
                // Positions that nothing has are no gap any more.
                *seen = mark.max(*seen);
                return Ok(Found::All);
            }
        }
        let mut page = self.database.page(*seen, i64::MAX, limit, connection).await?;
        let has_gap = page.end_at_gap(*seen);
        let is_full = self.publish(seen, page);
        Ok(match has_gap {
            true => Found::Gap,
            false if is_full => Found::More,
            false => Found::All,
        })
    }

    /// Hands out `page`, and answers whether it was as much as is read at once.
    fn publish(&mut self, seen: &mut i64, page: Page) -> bool {
        let is_full = page.is_full();
        if let Some(last) = page.events.last() {
            *seen = last.position.get().cast_signed();
            self.size = self.size.after(&page.events);
            self.tail.recent_events().push(page.events);
            self.tail.advance(*seen);
        }
        is_full
    }
}
