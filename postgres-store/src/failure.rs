//! What an error of sqlx means: whether anything may be stored, and whether to try again.

use std::{borrow::Cow, sync::Arc};

use annals_core::StoreError;
use sqlx::{
    Postgres,
    error::DatabaseError,
    pool::PoolConnection,
    postgres::{PgDatabaseError, PgSeverity},
};

/// What to do where a statement is prepared in one session and meant to be run in another.
pub(crate) const FORGETFUL_POOLER: &str = "a pooler in front of the database keeps no prepared statements: use one that does, such as PgBouncer 1.21 with max_prepared_statements, or its session mode";

/// How a statement failed: for all who shared it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) source: Arc<sqlx::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Nothing was done, and it may work the next time.
    Transient,
    /// The connection was lost while the statement ran.
    Lost,
    /// Nothing was done: the numbers of kinds are of another schema, or of another server.
    Renumbered,
    /// Nothing was done: a unique index has the value already.
    Duplicate,
    /// Nothing was done, and the same would fail again.
    Final,
}

impl Failure {
    /// An error from before the statement was sent.
    pub(crate) fn before_sending(source: sqlx::Error) -> Self {
        let failure = Self::while_running(source);
        match failure.kind {
            FailureKind::Lost => Self { kind: FailureKind::Transient, ..failure },
            _ => failure,
        }
    }

    /// An error from a statement that may have been sent.
    pub(crate) fn while_running(source: sqlx::Error) -> Self {
        Self { kind: kind(&source), source: Arc::new(source) }
    }

    /// What `append` answers when it was given numbers that are not its own.
    pub(crate) fn renumbered() -> Self {
        let source = "the numbers of the event kinds are of another schema or server".to_owned();
        let source = Arc::new(sqlx::Error::InvalidArgument(source));
        Self { kind: FailureKind::Renumbered, source }
    }

    /// Whether the server gave this as an answer and goes on listening. Whatever the failure means for the statement,
    /// a session that was ended, or never begun, cannot be used again.
    pub(crate) fn is_connection_usable(&self) -> bool {
        self.kind == FailureKind::Renumbered
            || self.source.as_database_error().is_some_and(|error| !ends_session(error))
    }

    /// Whether the connection should not go back to the pool: it cannot be used, or may lead to a standby, as after a
    /// switchover, when the next one may lead to the primary.
    pub(crate) fn ends_connection(&self) -> bool {
        !self.is_connection_usable()
            || matches!(code(&self.source).as_deref(), Some("25006" | "AN002"))
    }

    /// Has the connection that this was met on closed, if it [should be](Self::ends_connection).
    pub(crate) fn retire(&self, connection: &mut PoolConnection<Postgres>) {
        if self.ends_connection() {
            connection.close_on_drop();
        }
    }

    /// Whether the connection turned out to be lost, before the statement was sent or while it ran.
    pub(crate) fn is_connection_lost(&self) -> bool {
        kind(&self.source) == FailureKind::Lost
    }

    /// Whether a lock was not to be had in time.
    pub(crate) fn is_of_a_lock(&self) -> bool {
        code(&self.source).as_deref() == Some("55P03")
    }

    /// As an error of a store. `may_be_stored` is true of an append that was lost before.
    pub(crate) fn into_store_error(self, may_be_stored: bool) -> StoreError {
        let kind = self.kind;
        let source = self.explained();
        match kind {
            _ if may_be_stored => StoreError::OutcomeUnknown(source),
            FailureKind::Lost => StoreError::OutcomeUnknown(source),
            FailureKind::Transient | FailureKind::Renumbered => StoreError::Unavailable(source),
            _ => StoreError::Failed(source),
        }
    }

    /// As an error of an append in a transaction of the caller's, which only the caller can run again.
    pub(crate) fn into_transaction_error(self) -> StoreError {
        let advice = match code(&self.source).as_deref() {
            Some("40001" | "40P01" | "23505") => {
                "the transaction met another one: roll it back, and run it again from its beginning"
            }
            _ => return self.into_store_error(false),
        };
        StoreError::Unavailable(Box::new(Advice { advice, source: self.source }))
    }

    /// As an error of a read, which never stores anything.
    pub(crate) fn into_read_error(self) -> StoreError {
        match self.kind {
            FailureKind::Lost | FailureKind::Transient => StoreError::Unavailable(self.explained()),
            _ => StoreError::Failed(self.explained()),
        }
    }

    /// The source, behind what to do about it.
    pub(crate) fn explained(self) -> Box<dyn std::error::Error + Send + Sync> {
        let advice = match code(&self.source).as_deref() {
            Some("42P01" | "42883" | "42703" | "3F000") => {
                "the schema of the store is missing or at another version: call migrate()"
            }
            Some("42501") => {
                "the role has no right to do this in the schema of the store: grant it"
            }
            Some("25006") => {
                "no writes are taken here: connect to the primary if this is a standby, and see that the transaction is not READ ONLY"
            }
            Some("42P05" | "26000") => FORGETFUL_POOLER,
            _ => return Box::new(self.source),
        };
        Box::new(Advice { advice, source: self.source })
    }
}

/// What to do about an error.
#[derive(Debug, thiserror::Error)]
#[error("{advice}")]
struct Advice {
    advice: &'static str,
    source: Arc<sqlx::Error>,
}

fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

/// An error below FATAL is the answer of a transaction that was rolled back; a FATAL one ends the session, and may come
/// after the commit.
fn ends_session(error: &dyn DatabaseError) -> bool {
    error
        .try_downcast_ref::<PgDatabaseError>()
        .is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

fn kind(error: &sqlx::Error) -> FailureKind {
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => FailureKind::Transient,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => FailureKind::Lost,
            _ => FailureKind::Final,
        };
    };
    let ends_session = ends_session(database);
    let code = database.code().unwrap_or_default();
    let (class, _) = code.split_at_checked(2).unwrap_or_default();
    match &*code {
        // Too many connections, starting up, shutting down: what a server says at the door.
        "53300" | "57P03" => FailureKind::Transient,
        _ if ends_session && matches!(class, "28" | "3D" | "42") => FailureKind::Final,
        _ if ends_session => FailureKind::Lost,
        "23505" => FailureKind::Duplicate,
        // Cancelled by a timeout, a lock that was not to be had.
        "57014" | "55P03" => FailureKind::Transient,
        // Deadlocks and serialization failures; memory, disk or connections used up.
        _ if matches!(class, "40" | "53") => FailureKind::Transient,
        _ => FailureKind::Final,
    }
}
