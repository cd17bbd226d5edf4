//! The end of the global stream, followed once for all followers of this process.

mod announce;
mod listen;
mod recent;
mod tailer;

use std::{
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use annals_core::{Filter, Position, StoreError};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use self::{
    announce::Announcer,
    recent::{Page, Recent},
};
use crate::database::Database;

/// The head as far as this process knows it, the events just before it, and who waits for more.
#[derive(Debug)]
pub(crate) struct Tail {
    seen: watch::Sender<Seen>,
    recent: Mutex<Recent>,
    /// There may be something new.
    nudge: Notify,
    /// This process has appended in a transaction that may still be open.
    is_open: AtomicBool,
    announcer: Announcer,
    tailer: Mutex<TailerState>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    head: Position,
    /// Why the tailer has ended, if it had to.
    failure: Option<Arc<dyn Error + Send + Sync>>,
}

#[derive(Debug, Default)]
struct TailerState {
    waiting: usize,
    task: Option<AbortHandle>,
    is_closed: bool,
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self {
            seen: watch::Sender::new(Seen::default()),
            recent: Mutex::default(),
            nudge: Notify::new(),
            is_open: AtomicBool::new(false),
            announcer: Announcer::new(),
            tailer: Mutex::default(),
        }
    }

    /// The head as far as it is known.
    pub(crate) fn head(&self) -> Position {
        self.seen.borrow().head
    }

    /// The head is at `position` at least.
    pub(crate) fn advance(&self, position: i64) {
        let position = Position::new(position.unsigned_abs());
        self.seen.send_if_modified(|seen| {
            let is_news = position > seen.head;
            seen.head = seen.head.max(position);
            is_news
        });
    }

    /// This process has appended.
    pub(crate) fn appended(&self, database: &Arc<Database>) {
        self.nudge.notify_one();
        self.announcer.announce(database);
    }

    /// This process has appended in a transaction that is still open.
    pub(crate) fn appended_in_transaction(&self, database: &Arc<Database>) {
        self.is_open.store(true, Ordering::Release);
        self.appended(database);
    }

    /// The events after one position and up to another, if they are in memory.
    pub(crate) fn recent(
        &self,
        after: i64,
        up_to: i64,
        filter: &Filter,
        limit: u64,
    ) -> Option<Page> {
        self.recent_events().page(after, up_to, filter, limit)
    }

    /// Waits until the head is past `position`, with a tailer at work meanwhile.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        position: Position,
        database: &Arc<Database>,
    ) -> Result<Position, StoreError> {
        let mut seen = self.seen.subscribe();
        let _waiting = Waiting::start(self, database)?;
        loop {
            {
                let now = seen.borrow_and_update();
                if now.head > position {
                    return Ok(now.head);
                }
                if let Some(failure) = &now.failure {
                    return Err(StoreError::Failed(Arc::clone(failure).into()));
                }
            }
            seen.changed().await.map_err(|closed| StoreError::Failed(closed.into()))?;
        }
    }

    /// Other processes are told of what this one has appended.
    pub(crate) async fn announced(&self, database: &Database) {
        self.announcer.finish(database).await;
    }

    /// Ends the tailer; whoever waits is told.
    pub(crate) fn close(&self) {
        let mut state = self.tailer_state();
        state.is_closed = true;
        if let Some(task) = state.task.take() {
            task.abort();
        }
        self.fail("the store has been shut down".into());
    }

    fn fail(&self, error: Box<dyn Error + Send + Sync>) {
        self.seen.send_modify(|seen| seen.failure = Some(error.into()));
    }

    fn recent_events(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tailer_state(&self) -> MutexGuard<'_, TailerState> {
        self.tailer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for the head: the tailer runs for as long as there is one.
struct Waiting<'a>(&'a Tail);

impl<'a> Waiting<'a> {
    fn start(tail: &'a Arc<Tail>, database: &Arc<Database>) -> Result<Self, StoreError> {
        let mut state = tail.tailer_state();
        if state.is_closed {
            return Err(StoreError::Failed("the store has been shut down".into()));
        }
        if state.task.as_ref().is_none_or(AbortHandle::is_finished) {
            tail.seen.send_modify(|seen| seen.failure = None);
            let task = tokio::spawn(tailer::run(Arc::clone(tail), Arc::clone(database)));
            state.task = Some(task.abort_handle());
        }
        state.waiting += 1;
        Ok(Self(tail))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.tailer_state().waiting -= 1;
    }
}
