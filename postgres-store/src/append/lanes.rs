//! When to send, and how much at once: appends go out over a few connections, in tasks of the store's own, so that
//! a caller who is gone leaves nothing half done.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use annals_core::{StoreError, StreamAppend};
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    task::yield_now,
    time::{Instant, Sleep, sleep},
};

use super::{
    crowd::{Crowd, Lane},
    flight::Flight,
    limits::Size,
    queue::{Answer, Request},
};
use crate::{database::Database, tail::Tail};

/// For how long a lane without work keeps its connection at least, if the pool has others, and half of how long at most.
const LINGER: Duration = Duration::from_millis(200);
/// How often somebody looks after requests that wait for those on their way.
const LOOK: Duration = Duration::from_millis(50);

/// The way of every append that is not in a transaction of the user's.
///
/// A lane is a task with a connection. When appends are few, each gets a lane of its own and waits for nobody. When
/// there are more of them than lanes, they gather while earlier ones are on their way, and go together.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(super) database: Arc<Database>,
    pub(super) tail: Arc<Tail>,
    /// Room for appends that need their own time: they wait for a lock, or for the database to come back.
    pub(super) slow: Semaphore,
    crowd: Mutex<Crowd>,
    work: Notify,
    drained: Notify,
}

impl Lanes {
    pub(crate) fn new(database: Arc<Database>, tail: Arc<Tail>, most: usize) -> Self {
        Self {
            database,
            tail,
            slow: Semaphore::new(most),
            crowd: Mutex::new(Crowd::new(most)),
            work: Notify::new(),
            drained: Notify::new(),
        }
    }

    pub(crate) async fn append(self: &Arc<Self>, appends: Vec<StreamAppend>) -> Answer {
        StreamAppend::check(&appends)?;
        let size = Size::of(&appends)?;
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        {
            let mut crowd = self.crowd();
            if crowd.is_closed {
                return Err(StoreError::Failed("the store has been shut down".into()).into());
            }
            crowd.queue.push(Request { appends, size, answer });
            self.send(&mut crowd);
        }
        answered.await.unwrap_or_else(|lost| Err(StoreError::OutcomeUnknown(lost.into()).into()))
    }

    /// Takes no more appends, and waits until all that were taken have their answers.
    pub(crate) async fn close(&self) {
        self.crowd().is_closed = true;
        loop {
            let drained = self.drained.notified();
            if self.crowd().queue.is_empty() {
                break;
            }
            drained.await;
        }
        self.work.notify_waiters();
    }

    /// Has what is due sent. Where requests are to wait, somebody looks after them: what they wait for may hang.
    fn send(self: &Arc<Self>, crowd: &mut Crowd) {
        match crowd.call_lane() {
            Some(Lane::Idle) => self.work.notify_last(),
            Some(Lane::New) => drop(tokio::spawn(Arc::clone(self).run())),
            None if crowd.is_watched || crowd.queue.ready() == 0 => {}
            None => {
                crowd.is_watched = true;
                tokio::spawn(Arc::clone(self).watch());
            }
        }
    }

    /// One lane, until there was nothing to do for a while.
    async fn run(self: Arc<Self>) {
        let (mut connection, mut size) = (None, 0);
        let mut timer = pin!(sleep(LINGER));
        loop {
            if size > 1 {
                // Those that were answered together are about to ask again: they go before this task.
                yield_now().await;
            }
            if let Some(flight) = self.next_flight() {
                size = flight.size();
                flight.send(&mut connection).await;
                self.crowd().look_again();
            } else {
                if self.database.is_used_up() {
                    connection = None;
                }
                let is_over = !self.comes_work(timer.as_mut()).await;
                if !self.crowd().wake(is_over) {
                    return;
                }
            }
        }
    }

    /// Waits for work, until `timer` has run out twice; so it is set only then, and not at each append.
    async fn comes_work(&self, mut timer: Pin<&mut Sleep>) -> bool {
        let mut work = pin!(self.work.notified());
        for _ in 0..2 {
            tokio::select! {
                biased;
                () = &mut work => return true,
                () = &mut timer => timer.as_mut().reset(Instant::now() + LINGER),
            }
        }
        false
    }

    fn next_flight(self: &Arc<Self>) -> Option<Flight> {
        let mut crowd = self.crowd();
        let taken = crowd.take();
        self.send(&mut crowd);
        taken.map(|(requests, looks)| Flight::new(Arc::clone(self), requests, looks))
    }

    /// A lane has done with `requests` requests that it took after so many looks.
    pub(super) fn landed(&self, requests: usize, taken_after: u64) {
        self.crowd().landed(requests, taken_after);
    }

    /// Looks after the requests that wait, until there are none.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(LOOK).await;
            let mut crowd = self.crowd();
            crowd.look();
            self.send(&mut crowd);
            if crowd.queue.ready() == 0 {
                crowd.is_watched = false;
                return;
            }
        }
    }

    /// Lets go of the streams of `requests`.
    pub(super) fn release(&self, requests: &[Request]) {
        let mut crowd = self.crowd();
        crowd.queue.release(requests.iter().flat_map(|request| &request.appends));
        if crowd.queue.is_empty() {
            self.drained.notify_waiters();
        }
    }

    /// Sends what may have become ready outside of a lane.
    pub(super) fn go_on(self: &Arc<Self>) {
        self.send(&mut self.crowd());
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
