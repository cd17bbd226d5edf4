//! A store that freezes its process at a chosen place of a step, and says how each step ended.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use annals::{
    EventStore, FollowerStore, PostgresStore,
    followers::{HandlerFailed, Step, StepError, Work},
    forward,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::evidence::{say, signal};

/// Where a process is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// By whoever started it, wherever it is.
    Anywhere,
    /// With all read and folded, and nothing begun.
    BeforeStep,
    /// In its transaction, after its handler has written.
    InHandler,
    /// In its transaction, with nothing left to do but to commit.
    BeforeCommit,
}

/// What a process has to say.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// It is about to be frozen.
    Freezing {},
    /// A step to this position has ended.
    Step { to: u64, ended: Ended },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    Committed,
    Fenced,
    Failed(String),
}

/// Freezes its process once: the first one that finds the file, and takes it away.
#[derive(Debug, Clone)]
pub(crate) struct Trap {
    place: Place,
    folder: PathBuf,
}

impl Trap {
    pub(crate) fn in_folder(place: Place, folder: &Path) -> Self {
        Self { place, folder: folder.to_owned() }
    }

    /// There while it is set.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("trap")
    }

    /// There once the process is thawed.
    pub(crate) fn thawed(&self) -> PathBuf {
        self.folder.join("thawed")
    }

    /// Freezes the process if this is the place.
    pub(crate) fn at(&self, place: Place) {
        if self.place == place && fs::remove_file(self.file()).is_ok() {
            say(&Word::Freezing {});
            signal(std::process::id(), "STOP");
            // The signal may reach this thread later than others; until it is thawed it goes no further in any case.
            while !self.thawed().exists() {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

#[derive(Clone)]
pub(crate) struct Trapped {
    pub(crate) store: PostgresStore,
    pub(crate) trap: Trap,
}

/// Work, and then the trap.
struct WorkThenTrap<'a> {
    work: &'a mut dyn Work<PgConnection>,
    trap: &'a Trap,
}

#[async_trait]
impl Work<PgConnection> for WorkThenTrap<'_> {
    async fn run(&mut self, connection: &mut PgConnection) -> Result<(), HandlerFailed> {
        self.work.run(connection).await?;
        self.trap.at(Place::BeforeCommit);
        Ok(())
    }
}

impl EventStore for Trapped {
    forward!(self => self.store; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl FollowerStore for Trapped {
    type Connection = PgConnection;

    forward!(
        self => self.store;
        declare, books, claim, release, note, command, failures, parked, make, swap, compare, rows,
    );

    async fn commit(&self, mut step: Step<'_, PgConnection>) -> Result<(), StepError> {
        self.trap.at(Place::BeforeStep);
        let to = step.to.get();
        let work = step.work.take();
        let mut work = work.map(|work| WorkThenTrap { work, trap: &self.trap });
        let work = work.as_mut().map(|work| -> &mut dyn Work<PgConnection> { work });
        let step = Step { work, ..step };
        let outcome = self.store.commit(step).await;
        let ended = match &outcome {
            Ok(()) => Ended::Committed,
            Err(StepError::Fenced) => Ended::Fenced,
            Err(error) => Ended::Failed(format!("{error:?}")),
        };
        say(&Word::Step { to, ended });
        outcome
    }
}
