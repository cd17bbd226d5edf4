//! Requests on their way to the database and back.

use std::{mem, sync::Arc};

use annals_core::Position;
use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tokio::time::Instant;

use super::{
    call::{Outcome, PATIENCE_MS, settled},
    lanes::Lanes,
    queue::{Answer, Request},
    settle::settle,
};
use crate::failure::{Failure, FailureKind};

/// Requests that share a statement. Whatever becomes of it, nobody waits for their streams any longer once it is
/// dropped, and the lane is free.
pub(super) struct Flight {
    lanes: Arc<Lanes>,
    held: Held,
    size: usize,
    /// When it was taken, as a number of looks.
    taken_after: u64,
}

/// Requests without an answer yet. Dropped, it lets go of their streams, and their callers learn that the outcome is
/// unknown.
struct Held {
    lanes: Arc<Lanes>,
    requests: Vec<Request>,
}

/// What a lane learnt of one request.
enum Learnt {
    Answer(Answer),
    Outcome(Outcome),
}

impl Flight {
    pub(super) fn new(lanes: Arc<Lanes>, requests: Vec<Request>, taken_after: u64) -> Self {
        let size = requests.len();
        Self { held: Held { lanes: Arc::clone(&lanes), requests }, lanes, size, taken_after }
    }

    /// How many requests these are.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Sends the requests in one statement and answers them. Those that it could not settle go on in their own time,
    /// so that they keep nobody waiting.
    pub(super) async fn send(mut self, connection: &mut Option<PoolConnection<Postgres>>) {
        match self.call(connection).await {
            Ok(learnt) => {
                let requests = mem::take(&mut self.held.requests);
                let mut answered = Held {
                    lanes: Arc::clone(&self.lanes),
                    requests: Vec::with_capacity(requests.len()),
                };
                let mut answers = Vec::with_capacity(requests.len());
                for (request, learnt) in requests.into_iter().zip(learnt) {
                    match learnt.answer(&request) {
                        Some(answer) => {
                            answered.requests.push(request);
                            answers.push(answer);
                        }
                        None => Held::alone(&self.lanes, request).settle(None),
                    }
                }
                answered.answer(answers);
            }
            Err(failure) => {
                if failure.ends_connection()
                    && let Some(mut lost) = connection.take()
                {
                    lost.close_on_drop();
                }
                let requests = mem::take(&mut self.held.requests);
                // What would fail again may be due to one of those who share it: each finds out by itself.
                let is_due_to_one = failure.kind == FailureKind::Final && requests.len() > 1;
                let failure = (!is_due_to_one).then_some(failure);
                for request in requests {
                    Held::alone(&self.lanes, request).settle(failure.clone());
                }
            }
        }
    }

    async fn call(
        &self,
        connection: &mut Option<PoolConnection<Postgres>>,
    ) -> Result<Vec<Learnt>, Failure> {
        let database = &self.lanes.database;
        let connection: &mut PgConnection = match connection {
            Some(connection) => connection,
            none => none.insert(database.connection().await?),
        };
        match &*self.held.requests {
            [request] if !request.has_one_stream() => {
                let answer =
                    database.call_careful(&request.appends, Some(PATIENCE_MS), connection).await?;
                Ok(vec![Learnt::Answer(answer)])
            }
            [Request { appends, .. }]
                if let [append] = &**appends
                    && let [event] = &*append.events =>
            {
                Ok(vec![Learnt::Outcome(database.call_one(append, event, connection).await?)])
            }
            requests => {
                let appends: Vec<_> =
                    requests.iter().flat_map(|request| &request.appends).collect();
                let outcomes = database.call_each(&appends, connection).await?;
                Ok(outcomes.into_iter().map(Learnt::Outcome).collect())
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.lanes.landed(self.size, self.taken_after);
    }
}

impl Learnt {
    /// The answer to `request`, if this is one.
    fn answer(self, request: &Request) -> Option<Answer> {
        match (self, &*request.appends) {
            (Self::Answer(answer), _) => Some(answer),
            (Self::Outcome(outcome @ (Outcome::Stored(_) | Outcome::Conflict(_))), [append]) => {
                Some(settled(append, outcome).map(|appended| vec![appended]))
            }
            _ => None,
        }
    }
}

impl Held {
    fn alone(lanes: &Arc<Lanes>, request: Request) -> Self {
        Self { lanes: Arc::clone(lanes), requests: vec![request] }
    }

    /// Finds out what becomes of the request, or became of it in `failure`.
    fn settle(self, failure: Option<Failure>) {
        let lanes = Arc::clone(&self.lanes);
        // From now on: when the database is gone, everyone waits for room.
        let deadline = Instant::now() + lanes.database.retry_for;
        tokio::spawn(async move {
            let Ok(_room) = lanes.slow.acquire().await else { return };
            let [request] = &*self.requests else { return };
            let answer = settle(&lanes.database, &request.appends, failure, deadline).await;
            self.answer(vec![answer]);
            lanes.go_on();
        });
    }

    fn answer(mut self, answers: Vec<Answer>) {
        let requests = mem::take(&mut self.requests);
        let mut stored = answers.iter().filter_map(|answer| answer.as_ref().ok()).flatten();
        // First, so that whoever waits for the end of all appends waits for the news of them, too.
        if stored.any(|appended| appended.position > Position::START) {
            self.lanes.tail.appended(&self.lanes.database);
        }
        self.lanes.release(&requests);
        for (request, answer) in requests.into_iter().zip(answers) {
            drop(request.answer.send(answer)); // a caller who is gone needs no answer
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.requests.is_empty() {
            self.lanes.release(&self.requests);
            self.lanes.go_on();
        }
    }
}
