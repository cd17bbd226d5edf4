//! What becomes of a shadow.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BuildId, name::named};
use crate::Position;

/// What is done when a shadow that is to be compared has caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verify {
    /// The differences are reported; it never takes the live one's place.
    Report,
    /// It takes the live one's place if they are equal; else the differences are reported.
    SwapIfEqual,
}

named!(Verify is "way to verify" { Report = "report", SwapIfEqual = "swap if equal" });

/// What came of one attempt to let a shadow take the place of the live build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Swap {
    /// It serves now, with the same claims; whoever ran the old build is fenced. The store has set
    /// [`FollowerBooks::last_rebuild`](super::FollowerBooks::last_rebuild).
    Swapped,
    /// It did not come to where the live one is in time, or its tables are not made yet. Nothing happened: try
    /// again after its next step.
    Behind,
    /// Somebody reads or locks a table for too long. Nothing happened: try again after a pause.
    Held {
        /// Who, for an operator: process, application, since when.
        by: String,
    },
    /// Events of it are parked, and nobody has said [`Command::Swap`](super::Command::Swap). Nothing happened.
    Parked {
        /// How many.
        events: u64,
    },
    /// These have come to hang on the tables meanwhile, and cannot be carried over. Nothing happened.
    Refused(Vec<Dependent>),
    /// It is no shadow any more, one of its parts has stopped, or it only [reports](Verify::Report).
    Gone,
}

/// What came of one attempt to compare a shadow with the live build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compared {
    /// They were compared.
    At(Differences),
    /// It did not come to where the live one is in time, or has passed it. Try again after its next step.
    Behind,
    /// It is no shadow any more.
    Gone,
}

/// An object of the database that hangs on a follower's table, and that a swap cannot carry over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// What it is, as the database calls it: `materialized view`.
    pub kind: String,
    /// Its name, with its schema.
    pub name: String,
    /// The table that it hangs on, without a schema.
    pub on: String,
    /// Why it cannot be carried over, if that is not plain from what it is.
    pub reason: Option<String>,
}

/// `materialized view public.totals hangs on daily_sales`
impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, on, reason } = self;
        write!(f, "{kind} {name} hangs on {on}")?;
        reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

/// How a shadow differs from the live build at one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    /// Where both were when they were compared.
    pub position: Position,
    /// How many rows differ, or are in one of them only.
    pub count: u64,
    /// The first hundred of them, by table and key.
    pub rows: Vec<Difference>,
    /// Columns that were not compared, as `table.column`: their values come from the database itself.
    pub ignored_columns: Vec<String>,
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The table, without a schema.
    pub table: String,
    /// The key; none in a projection's table.
    pub key: Option<String>,
    /// The row that serves, as text; none if only the rebuild has it.
    pub live: Option<String>,
    /// The row as it was rebuilt, as text; none if it is only in what serves.
    pub rebuilt: Option<String>,
}

impl Differences {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The count, and a line for each row that is known.
impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.count == 1 { "row differs" } else { "rows differ" };
        write!(f, "{} {rows} at {}", self.count, self.position)?;
        for Difference { table, key, live, rebuilt } in &self.rows {
            let none = String::from("nothing");
            write!(f, "\n  {table}")?;
            if let Some(key) = key {
                write!(f, " {key:?}")?;
            }
            let (live, rebuilt) =
                (live.as_ref().unwrap_or(&none), rebuilt.as_ref().unwrap_or(&none));
            write!(f, ": {live} is live, {rebuilt} was rebuilt")?;
        }
        if !self.ignored_columns.is_empty() {
            write!(f, "\n  not compared: {}", self.ignored_columns.join(", "))?;
        }
        Ok(())
    }
}

/// How a rebuild ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// It serves.
    Swapped,
    /// It was ended on command, or because a higher version was declared.
    Cancelled,
    /// It was compared and not swapped.
    Compared(Differences),
    /// It was never begun, since these would stand in the way of the swap: only where a newly declared version asked for it.
    Refused(Vec<Dependent>),
}

/// The rebuild of a follower that ended last. Stores may keep it as the JSON that it serialises to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRebuild {
    /// The build; none if it was never begun.
    pub build: Option<BuildId>,
    /// Its version.
    pub version: u32,
    /// When it ended, by the store's clock.
    pub ended_at: DateTime<Utc>,
    /// How.
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences() -> Differences {
        let row = |key: Option<&str>, live: Option<&str>, rebuilt: Option<&str>| Difference {
            table: "customers".into(),
            key: key.map(Into::into),
            live: live.map(Into::into),
            rebuilt: rebuilt.map(Into::into),
        };
        Differences {
            position: Position::new(7),
            count: 2,
            rows: vec![row(Some("anna"), Some("1"), Some("2")), row(None, None, Some("(3)"))],
            ignored_columns: vec!["customers.id".into()],
        }
    }

    #[test]
    fn differences_are_counted_and_named() {
        assert_eq!(
            differences().to_string(),
            "2 rows differ at 7\n  \
             customers \"anna\": 1 is live, 2 was rebuilt\n  \
             customers: nothing is live, (3) was rebuilt\n  \
             not compared: customers.id"
        );
        assert!(!differences().is_empty());
    }

    #[test]
    fn an_outcome_is_kept_as_json() {
        let dependent = Dependent {
            kind: "materialized view".into(),
            name: "public.totals".into(),
            on: "customers".into(),
            reason: None,
        };
        assert_eq!(dependent.to_string(), "materialized view public.totals hangs on customers");
        let outcomes = [
            Outcome::Swapped,
            Outcome::Cancelled,
            Outcome::Compared(differences()),
            Outcome::Refused(vec![dependent]),
        ];
        for outcome in outcomes {
            let last = LastRebuild {
                build: Some(BuildId::new(9)),
                version: 2,
                ended_at: DateTime::UNIX_EPOCH,
                outcome,
            };
            let json = serde_json::to_string(&last).unwrap();
            assert_eq!(serde_json::from_str::<LastRebuild>(&json).unwrap(), last);
        }
    }
}
