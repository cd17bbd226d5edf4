//! Ways to break the system, each of which a run has to find.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool};

use crate::{Trouble, faults::Fault};

/// One thing done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Break {
    /// Readers go by the last position alone.
    NoMark,
    /// Readers take the mark in the statement that reads.
    MarkInReadingStatement,
    /// Appends take their positions without declaring it first.
    PositionsNotDeclared,
    /// Appends take their positions first, then lock their streams and check the versions.
    VersionCheckAfterNextval,
    /// Appends store whatever version was expected.
    VersionNotChecked,
    /// An append to several streams stores what meets its version, and leaves out the rest.
    NotAllOrNothing,
    /// Appends do not look for their event ids.
    IdsNotLookedUp,
    /// Appends are acknowledged before they are on the disk.
    AcknowledgedBeforeDisk,
    /// The database lets events be changed.
    NotGuarded,
    /// A follower's checkpoint moves in a transaction of its own, before the step.
    CheckpointOutsideTransaction,
    /// A step is committed by whoever has it, wherever the checkpoint is.
    FenceNotChecked,
    /// A reactor's commands have no keys.
    ReactionsNotKeyed,
}

/// A text in the source of a function, and what stands there instead.
type Change = (&'static str, &'static str, &'static str);

const DECLARE: &str = "done := pg_advisory_xact_lock_shared(";
const NOT_DECLARED: &str = "done := concat(";

impl Break {
    /// The faults by which it shows, if some are needed: inflicted more often, so that a minute is enough.
    pub(crate) fn shows_by(self) -> &'static [Fault] {
        match self {
            Self::AcknowledgedBeforeDisk => &[Fault::KillServer],
            Self::CheckpointOutsideTransaction => &[Fault::Look],
            // What an old owner wrote is there until the new one writes the same row.
            Self::FenceNotChecked => &[Fault::FreezeOwner, Fault::Look],
            Self::ReactionsNotKeyed => &[Fault::KillProcess],
            _ => &[],
        }
    }

    /// Changes the schema, once it is there.
    pub(crate) async fn apply(self, pool: &PgPool, schema: &str) -> Result<(), Trouble> {
        for (function, from, to) in self.changes() {
            let name = format!("\"{schema}\".{function}");
            let source = "SELECT pg_get_functiondef(to_regproc($1)::oid)";
            let source: String = sqlx::query_scalar(source).bind(&name).fetch_one(pool).await?;
            let [from, to] =
                [from, to].map(|text| text.replace("{schema}", &format!("\"{schema}\"")));
            if !source.contains(&from) {
                return Err(format!("{name} does not contain `{from}` any more").into());
            }
            sqlx::raw_sql(AssertSqlSafe(source.replace(&from, &to))).execute(pool).await?;
        }
        for statement in self.statements() {
            let statement = statement.replace("{schema}", &format!("\"{schema}\""));
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
        }
        Ok(())
    }

    fn changes(self) -> Vec<Change> {
        match self {
            Self::NoMark => vec![(
                "mark",
                "SELECT least(last, min(last + (objid::bigint - last)::bit(32)::integer))",
                "SELECT last + 0 * count(*)",
            )],
            Self::PositionsNotDeclared => vec![
                ("append", DECLARE, NOT_DECLARED),
                ("append_one", DECLARE, NOT_DECLARED),
                ("append_each", DECLARE, NOT_DECLARED),
            ],
            Self::VersionCheckAfterNextval => vec![
                (
                    "append",
                    "    FOR lock IN",
                    "    taken := ARRAY(SELECT nextval('{schema}.positions') FROM unnest(_ids));\n    FOR lock IN",
                ),
                (
                    "append",
                    "SELECT nextval('{schema}.positions'),",
                    "SELECT taken[row_number() OVER (ORDER BY n.part, n.nth)],",
                ),
            ],
            Self::VersionNotChecked => vec![
                ("append", "IF NOT (_expected[part] = -2 OR", "IF NOT (true OR"),
                ("append_one", "IF NOT (at_version = _expected OR", "IF NOT (true OR"),
                ("append_each", "WHERE (now.version = now.expected OR", "WHERE (true OR"),
            ],
            Self::NotAllOrNothing => vec![
                ("append", "                EXIT;\n", ""),
                ("append", "ELSE taken[p.through] END", "ELSE coalesce(taken[p.through], 0) END"),
                (
                    "append",
                    "IF NOT 1 = ANY (outcomes) AND cardinality(_ids) > 0 THEN",
                    "IF 0 = ANY (outcomes) AND cardinality(_ids) > 0 THEN",
                ),
                (
                    "append",
                    "AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)\n",
                    "AS n (part, nth, id, kind, schema_version, correlation_id, causation_id, metadata, payload)\n                WHERE outcomes[n.part] = 0\n",
                ),
            ],
            Self::IdsNotLookedUp => vec![(
                "append",
                "IF EXISTS (SELECT FROM {schema}.events e WHERE e.id = ANY (_ids)) THEN",
                "IF false THEN",
            )],
            _ => Vec::new(),
        }
    }

    fn statements(self) -> Vec<&'static str> {
        match self {
            Self::IdsNotLookedUp => {
                vec!["ALTER TABLE {schema}.events DROP CONSTRAINT events_id_key"]
            }
            Self::NotGuarded => vec!["DROP TRIGGER events_are_immutable ON {schema}.events"],
            _ => Vec::new(),
        }
    }
}
