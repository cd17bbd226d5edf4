use std::time::Duration;

use async_trait::async_trait;

use super::{
    Beat, Books, BuildId, Claim, Command, CommandRefused, Compared, Declaration, Failure, Limits,
    Make, MemberId, Note, ParkedEvent, PartId, Query, ReadError, StartError, Step, StepError, Swap,
    TableShape, Value,
};
use crate::{EventStore, Payload, StoreError};

/// What a store does for followers: what its author implements after [`EventStore`].
///
/// It holds data only, and decides nothing but what must be decided atomically:
///
/// - **Fence.** A claim has a number that is never given twice. What is done under a claim happens only if
///   its part has that number at the moment of commit.
/// - **Checkpoint first.** A step checks the fence and moves the checkpoint before anything else, and so
///   holds the part until it ends: a swap, a claim or a command that wants it waits, passes it over, or takes it away,
///   and the step commits nothing then.
/// - **All or nothing.** A step's checkpoint, rows, work, parked and settled events are committed together.
/// - **Nothing owned.** The store begins and ends each transaction by itself, and calls the [`Work`](super::Work)
///   in between. A connection in doubt it closes.
/// - **Locks** are taken in one order everywhere: the follower, its parts by number, then tables.
///
/// Its futures may be dropped at any time: what was asked has then happened in whole or not at all. Time is the
/// store's own; a member's clock never counts. It is not object-safe, because of `Connection`: a program that
/// chooses its store while it runs matches once and calls a generic function.
#[async_trait]
pub trait FollowerStore: EventStore + Clone + 'static {
    /// What a projection writes with: `PgConnection` on Postgres.
    type Connection: ?Sized + Send + 'static;

    /// A process that runs this version of the follower starts. It may be called at any time, by several
    /// processes at once, and has these effects together:
    ///
    /// - A follower that is not known is put on the books, with a live build of this version, of as many
    ///   parts as declared, at the declared start. A reactor's is made already.
    /// - The version becomes the one declared last.
    /// - Parts that had stopped, of a build of this version, can be claimed again: a new program may bring
    ///   the fix.
    /// - If the version is above those of both builds, a shadow of it is put on the books as
    ///   [`Command::Rebuild`] would; a shadow that is there is ended first, as
    ///   [cancelled](super::Outcome::Cancelled). If something stands in the way of the swap, no shadow is made and that is
    ///   [written down](super::Outcome::Refused); the live build goes on serving.
    ///
    /// # Errors
    /// - [`StartError::KindChanged`] when the name is known as another kind; nothing was changed then,
    /// - [`StartError::Store`].
    async fn declare(&self, follower: &Declaration) -> Result<(), StartError>;

    /// Notes a member's sign of life, if there is one, and answers the books, in one round trip. The answer
    /// has the beat in it already: the member is alive and said what it says, or has left. Members whose
    /// lease is over are not in it, and may be forgotten; what they own stays theirs until it is claimed.
    ///
    /// # Errors
    /// When the store failed.
    async fn books(&self, beat: Option<&Beat>) -> Result<Books, StoreError>;

    /// Claims those of `parts` that can be: not stopped, of a follower that is not paused, and without an owner, or with one
    /// whose lease is over, or of `member` itself. Each that is claimed has a new fence; the others are left
    /// out, as is one that does not exist. It never waits for a step: a part that one holds at this moment is
    /// left out, too, or the step is fenced. What is claimed after a pause has been answered is nothing, whatever the caller saw before.
    ///
    /// # Errors
    /// When the store failed; some may be claimed then, and claiming again is right.
    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError>;

    /// Gives parts back: they have no owner and a new fence, so that the claims hold no more. A claim that
    /// does not hold is passed over.
    ///
    /// # Errors
    /// When the store failed.
    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError>;

    /// Writes something down about a part, outside of a step.
    ///
    /// # Errors
    /// [`StepError::Fenced`] when the claim does not hold, or the checkpoint is not where a [`Note::Passed`] begins; nothing
    /// was changed then. [`StepError::Store`]; never [`StepError::Handler`].
    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError>;

    /// Tells the follower `name` something.
    ///
    /// # Errors
    /// When it cannot be done; nothing was changed then.
    async fn command(&self, name: &str, command: &Command) -> Result<(), CommandRefused>;

    /// The failures of a build, the latest [`Failure::last_at`] first, at most `limit`.
    ///
    /// # Errors
    /// When the store failed. A build that does not exist has none.
    async fn failures(&self, build: BuildId, limit: u32) -> Result<Vec<Failure>, StoreError>;

    /// All parked events of a build, by sequence (bytewise) and position.
    ///
    /// # Errors
    /// When the store failed. A build that does not exist has none.
    async fn parked(&self, build: BuildId) -> Result<Vec<ParkedEvent>, StoreError>;

    /// Makes the tables of a build, in one transaction that checks the fence first, and sets
    /// [`Build::is_made`](super::Build::is_made). Tables of a first build serve at once; those of a shadow are
    /// out of sight. A build that is made already is left as it is.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); also [`FailureKind::Refused`](super::FailureKind::Refused) when the work made nothing, or what
    /// a swap could not move, and the name of the table is taken. Nothing was made then.
    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, Self::Connection>,
        limits: Limits,
    ) -> Result<(), StepError>;

    /// Commits a step. Work sees the tables of its own build under their plain names, and those that serve
    /// for whatever it did not make itself.
    ///
    /// # Errors
    /// - [`StepError::Fenced`] when the claim does not hold, or the checkpoint is not `from`; the work was
    ///   not called then, unless the claim was lost while it ran,
    /// - [`StepError::Handler`] when the work failed, as it said, unless the store itself was the cause; when a
    ///   row cannot be kept; or as [`FailureKind::Refused`](super::FailureKind::Refused) when a shadow's work wrote to tables
    ///   that the build did not make, or ended the transaction. The checkpoint is still `from`,
    /// - [`StepError::Store`] when the store failed. If it is [`StoreError::OutcomeUnknown`], the step may
    ///   have been committed; claiming the part again tells.
    async fn commit(&self, step: Step<'_, Self::Connection>) -> Result<(), StepError>;

    /// Lets a shadow serve in place of the live build: atomically for readers, who see the one or the
    /// other in full. The live build holds still for at most `patience`, while the shadow comes to where it
    /// is by its own steps: so they must go on. On success the old build is gone, with its tables, parts,
    /// failures and parked events, and the shadow's claims hold on. Whoever may call it: all that makes it
    /// right is checked in it.
    ///
    /// # Errors
    /// When the store failed. If it is [`StoreError::OutcomeUnknown`], the books tell.
    async fn swap(&self, shadow: BuildId, patience: Duration) -> Result<Swap, StoreError>;

    /// Compares a shadow with the live build, at one position of both: states as JSON values, columns as
    /// values. The live build holds still for at most `patience`, not for the comparison. It changes nothing.
    ///
    /// # Errors
    /// When the store failed.
    async fn compare(&self, shadow: BuildId, patience: Duration) -> Result<Compared, StoreError>;

    /// Rows of a read model.
    ///
    /// # Errors
    /// - [`ReadError::Query`] when the table, as it was made, cannot answer the query,
    /// - [`ReadError::NotMade`] when there is no such table,
    /// - [`ReadError::Store`].
    async fn rows(&self, rows: &RowsOf<'_>) -> Result<Vec<Row>, ReadError>;
}

/// Which rows of a read model.
#[derive(Debug, Clone, Copy)]
pub struct RowsOf<'a> {
    /// The table, as the caller knows it. That of another version can have other columns.
    pub table: &'a TableShape,
    /// The rows of the build that this claim is of, wherever its tables are by now; none for those of the
    /// live build. Whether the claim holds does not matter: a step that builds on what was read is fenced if
    /// it does not. But [`Claim::is_live`] may be out of date, so a store that keeps a shadow elsewhere looks, in
    /// the statement that reads, where the build is.
    pub claim: Option<&'a Claim>,
    /// Which of them.
    pub which: WhichRows<'a>,
}

/// How rows are chosen.
#[derive(Debug, Clone, Copy)]
pub enum WhichRows<'a> {
    /// By key, none twice: those that are there, in any order. A key with NUL has no row.
    Keys(&'a [String]),
    /// By what they hold, in the query's order: [`Query::check`] first; [`Query::select`] says what it means.
    Query(&'a Query),
}

/// A row of a read model as a store gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The key as text.
    pub key: String,
    /// The row, as it was put there.
    pub state: Payload,
    /// What it has in the column of the query's order; null if it has none, or was chosen by its key.
    pub ordered_by: Value,
}
