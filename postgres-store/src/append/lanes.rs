//! When to send, and how much at once: appends go out over a few connections, in tasks of the store's own, so that
//! a caller who is gone leaves nothing half done.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use annals_core::{StoreError, StreamAppend};
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    time::{sleep, timeout},
};

use super::{
    flight::Flight,
    limits::Size,
    queue::{Answer, Queue, Request},
};
use crate::{database::Database, tail::Tail};

/// The most appends in one statement.
const BATCH: usize = 128;
/// Up to so many appends go alone, each on a connection of its own.
const ALONE: usize = 4;
/// Into how many statements a larger crowd is divided.
const SHARES: usize = 2;
/// For how long a lane without work keeps its connection.
const LINGER: Duration = Duration::from_millis(200);
/// How often somebody looks after requests that wait for those on their way. Those that are on their way for longer than
/// two looks may never be back, and are not waited for.
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
    most: usize,
    state: Mutex<State>,
    work: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Lanes that are about to take their first requests.
    starting: usize,
    /// Lanes that are sending.
    busy: usize,
    /// Lanes that wait for work.
    idle: usize,
    /// Requests that the busy lanes have taken since the last look, and between that and the one before.
    sent: [usize; 2],
    looks: u64,
    is_watched: bool,
    is_closed: bool,
}

impl State {
    /// Whether another lane should send: a fair share of the crowd is ready, or nothing is on its way.
    fn wants_lane(&self, most: usize) -> bool {
        let (lanes, ready) = (self.busy + self.starting, self.queue.ready());
        let crowd = ready + self.sent.iter().sum::<usize>();
        let share = if crowd <= ALONE { 1 } else { crowd.div_ceil(SHARES).min(BATCH) };
        ready > 0 && lanes < most && (lanes == 0 || ready >= share)
    }
}

impl Lanes {
    pub(crate) fn new(database: Arc<Database>, tail: Arc<Tail>, most: usize) -> Self {
        Self {
            database,
            tail,
            slow: Semaphore::new(most),
            most,
            state: Mutex::default(),
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
            let mut state = self.state();
            if state.is_closed {
                return Err(StoreError::Failed("the store has been shut down".into()).into());
            }
            state.queue.push(Request { appends, size, answer });
            self.start_lane(&mut state);
        }
        answered.await.unwrap_or_else(|lost| Err(StoreError::OutcomeUnknown(lost.into()).into()))
    }

    /// Takes no more appends, and waits until all that were taken have their answers.
    pub(crate) async fn close(&self) {
        self.state().is_closed = true;
        loop {
            let drained = self.drained.notified();
            if self.state().queue.is_empty() {
                break;
            }
            drained.await;
        }
        self.work.notify_waiters();
    }

    fn start_lane(self: &Arc<Self>, state: &mut State) {
        if !self.wants_lane(state) {
            return;
        }
        if state.idle > 0 {
            self.work.notify_last();
        } else {
            state.starting += 1;
            tokio::spawn(Arc::clone(self).run());
        }
    }

    /// One lane, until there was nothing to do for a while.
    async fn run(self: Arc<Self>) {
        let mut connection = None;
        self.state().starting -= 1;
        loop {
            while let Some(flight) = self.next_flight() {
                flight.send(&mut connection).await;
            }
            self.state().idle += 1;
            let is_over = timeout(LINGER, self.work.notified()).await.is_err();
            let mut state = self.state();
            state.idle -= 1;
            if (is_over || state.is_closed) && !state.wants_lane(self.most) {
                return;
            }
        }
    }

    fn next_flight(self: &Arc<Self>) -> Option<Flight> {
        let mut state = self.state();
        if !self.wants_lane(&mut state) {
            return None;
        }
        let requests = state.queue.take(BATCH);
        let [sent, _] = &mut state.sent;
        *sent += requests.len();
        state.busy += 1;
        self.start_lane(&mut state);
        Some(Flight::new(Arc::clone(self), requests, state.looks))
    }

    /// A lane has done with `requests` requests that it took after so many looks, and goes on with the next by itself.
    pub(super) fn landed(&self, requests: usize, taken_after: u64) {
        let mut state = self.state();
        state.busy -= 1;
        let age = usize::try_from(state.looks - taken_after).unwrap_or(usize::MAX);
        if let Some(sent) = state.sent.get_mut(age) {
            *sent -= requests;
        }
    }

    /// As the state says. Where requests are to wait, somebody looks after them: what they wait for may hang.
    fn wants_lane(self: &Arc<Self>, state: &mut State) -> bool {
        let wants_lane = state.wants_lane(self.most);
        if !wants_lane && !state.is_watched && state.queue.ready() > 0 {
            state.is_watched = true;
            tokio::spawn(Arc::clone(self).watch());
        }
        wants_lane
    }

    /// Looks after the requests that wait, until there are none.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(LOOK).await;
            let mut state = self.state();
            let [sent, _] = state.sent;
            state.sent = [0, sent];
            state.looks += 1;
            self.start_lane(&mut state);
            if state.queue.ready() == 0 {
                state.is_watched = false;
                return;
            }
        }
    }

    /// Lets go of the streams of `requests`.
    pub(super) fn release(&self, requests: &[Request]) {
        let mut state = self.state();
        state.queue.release(requests.iter().flat_map(|request| &request.appends));
        if state.queue.is_empty() {
            self.drained.notify_waiters();
        }
    }

    /// Sends what may have become ready outside of a lane.
    pub(super) fn go_on(self: &Arc<Self>) {
        self.start_lane(&mut self.state());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
