//! A store that freezes its process at a chosen place of a step, and says how each step ended.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use annals::{
    AppendError, Appended, CommandRefused, EventStore, FollowerStore, Position, PostgresStore,
    ReadAll, ReadError, ReadStream, RecordedEvents, StartError, StoreError, StreamAppend,
    followers::{
        Beat, Books, BuildId, Claim, Command, Compared, Declaration, Failure, HandlerFailed,
        Limits, Make, MemberId, Note, ParkedEvent, PartId, Row, RowsOf, Step, StepError, Swap,
        Work,
    },
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

#[async_trait]
impl EventStore for Trapped {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.store.append(appends).await
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        self.store.read_stream(read)
    }

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        self.store.read_all(read)
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.store.head().await
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.store.wait_for_head(position).await
    }
}

#[async_trait]
impl FollowerStore for Trapped {
    type Connection = PgConnection;

    async fn declare(&self, follower: &Declaration) -> Result<(), StartError> {
        self.store.declare(follower).await
    }

    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError> {
        self.store.books(beat).await
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        self.store.claim(member, parts).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        self.store.release(claims).await
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        self.store.note(claim, note).await
    }

    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused> {
        self.store.command(name, command).await
    }

    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError> {
        self.store.failures(build, limit).await
    }

    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError> {
        self.store.parked(build).await
    }

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, PgConnection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.store.make(claim, tables, limits).await
    }

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

    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError> {
        self.store.swap(shadow, patience).await
    }

    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError> {
        self.store.compare(shadow, patience).await
    }

    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError> {
        self.store.rows(rows).await
    }
}
