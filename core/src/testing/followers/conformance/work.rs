use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::Fixture;
use crate::{
    FollowerStore,
    followers::{FailureKind, HandlerError, HandlerFailed, Work},
};

/// Work as the cases want it.
pub(super) struct Writing<F: Fixture> {
    fixture: Arc<F>,
    job: Job,
    /// How often it was called.
    pub(super) calls: u32,
    /// What it saw before it wrote.
    pub(super) saw: Vec<String>,
    fails: Option<(FailureKind, Option<usize>)>,
    /// Tells when it has written, and ends when it is told to.
    gate: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

pub(super) enum Job {
    Create,
    Write(String),
}

/// The other side of work that waits.
pub(super) struct Gate {
    /// Comes when it has written.
    pub(super) reached: oneshot::Receiver<()>,
    /// Lets it end.
    pub(super) open: oneshot::Sender<()>,
}

impl<F: Fixture> Writing<F> {
    pub(super) fn new(fixture: &Arc<F>, job: Job) -> Self {
        let fixture = Arc::clone(fixture);
        Self { fixture, job, calls: 0, saw: Vec::new(), fails: None, gate: None }
    }

    /// Fails in this way once it has written.
    pub(super) fn failing(mut self, kind: FailureKind, at: Option<usize>) -> Self {
        self.fails = Some((kind, at));
        self
    }

    /// Writes, and does not end before the gate is opened; if the gate is dropped, never.
    pub(super) fn gated(mut self) -> (Self, Gate) {
        let (has_reached, reached) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        self.gate = Some((has_reached, opened));
        (self, Gate { reached, open })
    }

    async fn done(
        &mut self,
        connection: &mut <F::Store as FollowerStore>::Connection,
    ) -> Result<(), HandlerError> {
        match &self.job {
            Job::Create => self.fixture.create(connection).await,
            Job::Write(note) => {
                self.saw = self.fixture.notes(connection).await?;
                self.fixture.write(connection, note).await
            }
        }
    }
}

#[async_trait]
impl<F: Fixture> Work<<F::Store as FollowerStore>::Connection> for Writing<F> {
    async fn run(
        &mut self,
        connection: &mut <F::Store as FollowerStore>::Connection,
    ) -> Result<(), HandlerFailed> {
        self.calls += 1;
        let failed = |reason| HandlerFailed { at: None, kind: FailureKind::Error, reason };
        self.done(connection).await.map_err(failed)?;
        if let Some((reached, opened)) = self.gate.take() {
            let _ = reached.send(());
            if opened.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        match self.fails {
            Some((kind, at)) => Err(HandlerFailed { at, kind, reason: "it had to fail".into() }),
            None => Ok(()),
        }
    }
}
