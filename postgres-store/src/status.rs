use std::fmt;

use annals_core::Position;
use chrono::{DateTime, Utc};
use sqlx::{Row, postgres::PgRow};

use crate::{database::Database, failure::Failure, read::Mark};

/// How far the global stream is. [`Display`](fmt::Display) says it in a few lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The position of the last event that readers can get.
    pub head: Position,
    /// The watermark: no event at or below it can become visible any more.
    pub mark: Position,
    /// The last position that was taken, by an append that is committed, open, or rolled back.
    pub last: Position,
    /// The open appends that keep the mark below the last position, the one that holds it first.
    pub held_by: Vec<Holder>,
}

/// An open transaction with an append, which readers of the global stream do not get past.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The position that it holds the mark at.
    pub position: Position,
    /// The process of the server that serves it; none for a prepared transaction.
    pub pid: Option<i32>,
    /// What its session calls itself.
    pub application: Option<String>,
    /// Its role.
    pub user: Option<String>,
    /// Since when its transaction is open. Of another role's session, Postgres tells that only to members of
    /// `pg_read_all_stats`.
    pub since: Option<DateTime<Utc>>,
    /// Its name if it is a prepared transaction, whose session may be long gone.
    pub prepared: Option<String>,
}

pub(crate) async fn status(database: &Database) -> Result<Status, Failure> {
    let mut connection = database.connection().await?;
    let Mark { last, mark } = database.mark(&mut connection).await?;
    let head = database.statements.head.query().bind(mark).fetch_one(&mut *connection).await;
    let head: i64 = head.and_then(|row| row.try_get(0)).map_err(Failure::before_sending)?;
    let holders = database.statements.holders.query().bind(last).fetch_all(&mut *connection).await;
    let held_by: Result<_, _> =
        holders.map_err(Failure::before_sending)?.iter().map(holder).collect();
    Ok(Status {
        head: position(head),
        mark: position(mark),
        last: position(last),
        held_by: held_by.map_err(Failure::before_sending)?,
    })
}

fn holder(row: &PgRow) -> Result<Holder, sqlx::Error> {
    Ok(Holder {
        pid: row.try_get("pid")?,
        application: row
            .try_get::<Option<String>, _>("application_name")?
            .filter(|name| !name.is_empty()),
        user: row.try_get("user_name")?,
        since: row.try_get("since")?,
        prepared: row.try_get("prepared")?,
        position: position(row.try_get("holds_at")?),
    })
}

fn position(number: i64) -> Position {
    Position::new(number.unsigned_abs())
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, mark, last, held_by } = self;
        write!(f, "head {head}, mark {mark}, last position taken {last}")?;
        held_by.iter().try_for_each(|holder| write!(f, "\nheld at {holder}"))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)?;
        match (self.pid, &self.prepared) {
            (Some(pid), _) => write!(f, " by process {pid}")?,
            (None, Some(name)) => write!(f, " by the prepared transaction {name:?}")?,
            (None, None) => write!(f, " by a prepared transaction")?,
        }
        if let Some(application) = &self.application {
            write!(f, " ({application})")?;
        }
        if let Some(user) = &self.user {
            write!(f, " of {user}")?;
        }
        if let Some(since) = self.since {
            write!(f, " since {}", since.format("%F %T %Z"))?;
        }
        Ok(())
    }
}
