//! Reads what is new, once for everyone in this process.

use std::{
    future::pending,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use annals_core::RecordedEvent;
use sqlx::{Postgres, pool::PoolConnection};
use tokio::time::{Instant, sleep};

use super::{Tail, listen::Listener};
use crate::{
    database::Database,
    failure::{Failure, FailureKind},
    read::Mark,
};

/// How many events are read at once.
const PAGE: u64 = 1024;
/// How often to look where nobody says that there is something new: as the net under notifications, and without them.
const POLL_LISTENING: Duration = Duration::from_millis(500);
const POLL_DEAF: Duration = Duration::from_millis(100);
/// How soon, and how often at the least, to look again for an event that another append still holds back.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(50);
/// How long to go on when nobody waits.
const LINGER: Duration = Duration::from_secs(5);
/// How long to pause when the database is gone.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn run(tail: Arc<Tail>, database: Arc<Database>) {
    let mut listener = Listener::new(&database);
    loop {
        let mut tailer = Tailer { tail: &tail, database: &database, listener: &mut listener };
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
}

/// What a look at the end of the stream found.
enum Found {
    /// Events, and perhaps more behind them.
    More,
    /// All there is.
    All,
    /// An append that is still open; what follows it is not final.
    HeldBack,
}

impl Tailer<'_> {
    /// Follows the stream on one connection, until nobody has waited for a while.
    async fn run(&mut self) -> Result<(), Failure> {
        let mut connection = self.database.connection().await?;
        let mut head = self.database.head(&mut connection).await?;
        self.tail.recent_events().restart(head);
        self.tail.advance(head);
        let mut look_again = LOOK_FIRST;
        let mut last_wanted = Instant::now();
        let mut is_told = false;
        loop {
            let found = match self.look(&mut head, is_told, &mut connection).await {
                Ok(found) => found,
                Err(failure) => {
                    connection.close_on_drop();
                    return Err(failure);
                }
            };
            {
                let mut state = self.tail.tailer_state();
                if state.waiting > 0 {
                    last_wanted = Instant::now();
                } else if last_wanted.elapsed() > LINGER {
                    state.task = None;
                    return Ok(());
                }
            }
            let held_back = match found {
                Found::More => continue,
                Found::All => {
                    look_again = LOOK_FIRST;
                    None
                }
                Found::HeldBack => {
                    look_again = (look_again * 2).min(LOOK_LAST);
                    Some(look_again)
                }
            };
            let poll = if self.listener.is_listening() { POLL_LISTENING } else { POLL_DEAF };
            is_told = tokio::select! {
                () = self.listener.heard() => true,
                () = self.tail.nudge.notified() => false,
                () = sleep(poll) => false,
                () = sleep_if(held_back) => false,
            };
        }
    }

    /// Takes what is final after `head`. Events whose positions follow each other without a gap are; beyond a gap,
    /// the mark tells. Where others have told of news and there is none, one of their appends is still open.
    async fn look(
        &self,
        head: &mut i64,
        is_told: bool,
        connection: &mut PoolConnection<Postgres>,
    ) -> Result<Found, Failure> {
        let mut page = self.database.page(*head, i64::MAX, PAGE, connection).await?;
        let is_full = page.len() as u64 == PAGE;
        if is_told && page.is_empty() {
            let Mark { last, .. } = self.database.mark(connection).await?;
            self.tail.taken.fetch_max(last, Ordering::Relaxed);
        }
        let taken = self.tail.taken.load(Ordering::Relaxed);
        let gapless = gapless(*head, &page);
        if gapless < page.len() || page.is_empty() && taken > *head {
            let Mark { mark, .. } = self.database.mark(connection).await?;
            let seen = page.last().map_or(taken, |event| event.position.get().cast_signed());
            let is_open = mark < seen;
            page = self.database.page(*head, mark, PAGE, connection).await?;
            if mark >= taken {
                // What is not there by now was rolled back.
                let _ = self.tail.taken.compare_exchange(
                    taken,
                    0,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            }
            self.publish(head, page);
            return Ok(if is_full {
                Found::More
            } else if is_open {
                Found::HeldBack
            } else {
                Found::All
            });
        }
        self.publish(head, page);
        Ok(if is_full { Found::More } else { Found::All })
    }

    fn publish(&self, head: &mut i64, page: Vec<RecordedEvent>) {
        let Some(last) = page.last() else { return };
        *head = last.position.get().cast_signed();
        self.tail.recent_events().push(page);
        self.tail.advance(*head);
    }
}

/// How many events of `page` follow `head` without a gap.
fn gapless(head: i64, page: &[RecordedEvent]) -> usize {
    (head + 1..)
        .zip(page)
        .take_while(|(next, event)| event.position.get().cast_signed() == *next)
        .count()
}

async fn sleep_if(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => pending().await,
    }
}
