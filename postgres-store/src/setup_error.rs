use sqlx::postgres::PgSeverity;

use crate::{failure::FORGETFUL_POOLER, schema::SchemaName};

/// Why a store could not be opened, migrated, or asked for its state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The text is not the URL of a Postgres database.
    #[error(
        "this is not the URL of a database; it has the form postgres://user:password@host:5432/database"
    )]
    Url(#[source] sqlx::Error),
    /// The name cannot be a schema's; with `_read`, `_build` or `_swap` behind it, it names three more.
    #[error(
        "{0:?} cannot name a schema: 1 to 57 letters, digits, `_` and `-`, all ASCII, and not `pg_` at the beginning"
    )]
    SchemaName(String),
    /// The server cannot be reached, or lets nobody in at the moment.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The server does not know the user, the password or the database.
    #[error("the database refused the connection; check user, password and database in the URL")]
    LoginRefused(#[source] sqlx::Error),
    /// The server is older than PostgreSQL 13.
    #[error("the server runs PostgreSQL {0}, and annals needs 13 or later")]
    ServerTooOld(u32),
    /// The database cannot hold every text.
    #[error(
        "the database has the encoding {0}, and annals needs UTF8: create it with ENCODING 'UTF8'"
    )]
    Encoding(String),
    /// The database has no such schema, or nothing of annals in it.
    #[error(
        "the schema {0} is not there yet: call migrate() once, or apply the SQL that migration_sql() gives"
    )]
    NotMigrated(String),
    /// The schema was made by a later version of annals.
    #[error(
        "the schema {schema} is at version {found}, and this build of annals knows versions up to {known}: use a newer annals"
    )]
    SchemaTooNew {
        /// The schema.
        schema: String,
        /// The version it is at.
        found: i32,
        /// The latest version this build knows.
        known: i32,
    },
    /// The sequence of positions is behind the events, as after a copy that left sequences out. Reads would not get
    /// beyond it, and appends would take positions again.
    #[error(
        "the sequence of positions of the schema {schema} is at {taken}, behind the last event at {last_event}, as after a copy \
         without sequences: SELECT setval('\"{schema}\".positions', {last_event})"
    )]
    PositionsBehind {
        /// The schema.
        schema: String,
        /// The last position that the sequence has given.
        taken: i64,
        /// The position of the last event.
        last_event: i64,
    },
    /// The pool allows fewer connections than the store needs.
    #[error(
        "the pool allows {found} connections, and the store needs {needed} at the least: raise its max_connections"
    )]
    PoolTooSmall {
        /// How many it allows.
        found: u32,
        /// How many are needed.
        needed: u32,
    },
    /// What answers is a pooler that gives each transaction another session of the server, and forgets that statements are
    /// prepared in a session.
    #[error("{}", FORGETFUL_POOLER)]
    Pooler(#[source] sqlx::Error),
    /// The role may not do this.
    #[error(
        "the role has no right to use or create the schema {schema}; grant it, or migrate as the schema's owner"
    )]
    Forbidden {
        /// The schema.
        schema: String,
        /// What Postgres said.
        source: sqlx::Error,
    },
    /// Anything else.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl SetupError {
    /// What an error means for a caller who connects to, or sets up, `schema`.
    pub(crate) fn of(error: sqlx::Error, schema: &SchemaName) -> Self {
        let schema = schema.to_string();
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::Configuration(_) => Self::Url(error),
                error => Self::Unreachable(error),
            };
        };
        let fatal = database
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some_and(|e| matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic));
        match database.code().as_deref() {
            Some("42501") => Self::Forbidden { schema, source: error },
            Some("42P01" | "42883" | "3F000") => Self::NotMigrated(schema),
            Some("42P05" | "26000") => Self::Pooler(error),
            Some(code) if code.starts_with("28") || code == "3D000" => Self::LoginRefused(error),
            _ if fatal => Self::Unreachable(error),
            _ => Self::Database(error),
        }
    }
}
