//! The name of the schema, and the SQL that is written with it once.

use std::{fmt, sync::Arc};

use sqlx::{Arguments, AssertSqlSafe, Postgres, postgres::PgArguments, query::Query};

use crate::{SetupError, read::MOST};

/// The name of a schema, checked, so that between double quotes it is safe anywhere in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaName(String);

impl SchemaName {
    /// What Postgres keeps of an identifier, less the longest of `_read`, `_build` and `_swap`.
    const MAX_BYTES: usize = 63 - 6;

    pub(crate) fn new(name: &str) -> Result<Self, SetupError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_valid = (1..=Self::MAX_BYTES).contains(&name.len())
            && name.chars().all(allowed)
            && !name.starts_with("pg_");
        if is_valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(SetupError::SchemaName(name.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a schema beside this one: `read` for the tables of followers that serve, `build` for those that are
    /// being built, `swap` for a moment.
    pub(crate) fn beside(&self, which: &str) -> String {
        format!("{}_{which}", self.0)
    }

    /// A template with this schema in the place of its placeholders.
    pub(crate) fn fill(&self, template: &str) -> String {
        template
            .replace(
                "{version_of}",
                "coalesce((SELECT CASE WHEN e.stream = name THEN e.version END FROM {schema}.events e \
                 WHERE e.stream_key = key ORDER BY e.version DESC LIMIT 1), 0)",
            )
            .replace("{schema_id}", "'{schema}'::regnamespace::oid::integer")
            .replace(
                "{last_position}",
                "coalesce(pg_sequence_last_value('{schema}.positions'::regclass), 0)",
            )
            .replace(
                "{sees_positions}",
                "has_sequence_privilege('{schema}.positions', 'USAGE, SELECT')",
            )
            .replace("{page}", &MOST.to_string())
            .replace("{schema}", &quoted(&self.0))
            .replace("{read}", &quoted(&self.beside("read")))
            .replace("{build}", &quoted(&self.beside("build")))
            .replace("{swap}", &quoted(&self.beside("swap")))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A statement whose text is fixed from the start, so that it is prepared once a connection.
#[derive(Debug, Clone)]
pub(crate) struct Statement(Arc<str>);

impl Statement {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn query(&self) -> Query<'static, Postgres, PgArguments> {
        self.query_with_room(0, 0)
    }

    /// The same, with room for so many parameters, which take so many bytes: it need not grow with each of them.
    pub(crate) fn query_with_room(
        &self,
        parameters: usize,
        bytes: usize,
    ) -> Query<'static, Postgres, PgArguments> {
        let mut arguments = PgArguments::default();
        arguments.reserve(parameters, bytes);
        // Safe: a text of this crate, with a checked schema name.
        sqlx::query_with(AssertSqlSafe(Arc::clone(&self.0)), arguments)
    }
}

macro_rules! statements {
    ($($name:ident = $template:expr,)*) => {
        /// All statements, each a file of `sql/`.
        #[derive(Debug)]
        pub(crate) struct Statements {
            $(pub(crate) $name: Statement,)*
        }

        impl Statements {
            pub(crate) fn of(schema: &SchemaName) -> Self {
                Self { $($name: Statement(schema.fill($template).into()),)* }
            }
        }
    };
}

statements! {
    append = include_str!("../sql/append/call_append.sql"),
    append_one = include_str!("../sql/append/call_append_one.sql"),
    append_each = include_str!("../sql/append/call_append_each.sql"),
    register_kinds = include_str!("../sql/append/register_kinds.sql"),
    ids_taken = include_str!("../sql/append/ids_taken.sql"),
    kinds = include_str!("../sql/read/kinds.sql"),
    all = include_str!("../sql/read/all.sql"),
    filtered = include_str!("../sql/read/filtered.sql"),
    dense = include_str!("../sql/read/filtered_dense.sql"),
    stream_forwards = include_str!("../sql/read/stream_forwards.sql"),
    stream_backwards = include_str!("../sql/read/stream_backwards.sql"),
    read_from_snapshot = include_str!("../sql/snapshots/read_from_snapshot.sql"),
    save_snapshot = include_str!("../sql/snapshots/save_snapshot.sql"),
    version_of = include_str!("../sql/snapshots/version_of.sql"),
    mark = include_str!("../sql/read/call_mark.sql"),
    head = include_str!("../sql/read/head.sql"),
    announce = include_str!("../sql/tail/announce.sql"),
    server = include_str!("../sql/status/server.sql"),
    version = include_str!("../sql/status/version.sql"),
    positions = include_str!("../sql/status/positions.sql"),
    holders = include_str!("../sql/status/holders.sql"),
    advance = include_str!("../sql/followers/advance.sql"),
    advance_at_once = include_str!("../sql/followers/advance_at_once.sql"),
    check_work = include_str!("../sql/followers/check_work.sql"),
    claim = include_str!("../sql/followers/claim.sql"),
    end_frozen = include_str!("../sql/followers/end_frozen.sql"),
    release = include_str!("../sql/followers/release.sql"),
    passed = include_str!("../sql/followers/passed.sql"),
    failed = include_str!("../sql/followers/failed.sql"),
    failures = include_str!("../sql/followers/failures.sql"),
    parked = include_str!("../sql/followers/parked.sql"),
    park = include_str!("../sql/followers/park.sql"),
    settle = include_str!("../sql/followers/settle.sql"),
    known = include_str!("../sql/followers/known.sql"),
    hold_follower = include_str!("../sql/followers/hold_follower.sql"),
    builds_of = include_str!("../sql/followers/builds_of.sql"),
    hold_parts = include_str!("../sql/followers/hold_parts.sql"),
    declared = include_str!("../sql/followers/declared.sql"),
    restart = include_str!("../sql/followers/restart.sql"),
    begin_build = include_str!("../sql/followers/begin_build.sql"),
    ended = include_str!("../sql/followers/ended.sql"),
    objects_of = include_str!("../sql/followers/objects_of.sql"),
    forget_build = include_str!("../sql/followers/forget_build.sql"),
    pause = include_str!("../sql/followers/pause.sql"),
    resume = include_str!("../sql/followers/resume.sql"),
    may_swap = include_str!("../sql/followers/may_swap.sql"),
    divide = include_str!("../sql/followers/divide.sql"),
    forget_parts = include_str!("../sql/followers/forget_parts.sql"),
    retry_parked = include_str!("../sql/followers/retry_parked.sql"),
    hold_part = include_str!("../sql/followers/hold_part.sql"),
    hold_making = include_str!("../sql/followers/hold_making.sql"),
    before_making = include_str!("../sql/followers/before_making.sql"),
    after_making = include_str!("../sql/followers/after_making.sql"),
    made = include_str!("../sql/followers/made.sql"),
    columns_of = include_str!("../sql/followers/columns_of.sql"),
    books = concat!(include_str!("../sql/followers/alive.sql"), include_str!("../sql/followers/books.sql")),
    beat = concat!(include_str!("../sql/followers/beat.sql"), include_str!("../sql/followers/books.sql")),
    dependents = include_str!("../sql/followers/dependents.sql"),
    note_attachments = include_str!("../sql/followers/note_attachments.sql"),
    hold_for_comparison = include_str!("../sql/followers/call_hold_for_comparison.sql"),
    end_session = include_str!("../sql/followers/end_session.sql"),
    watch_client = include_str!("../sql/followers/watch_client.sql"),
    compared_at = include_str!("../sql/followers/compared_at.sql"),
    differing_rows = include_str!("../sql/followers/differing_rows.sql"),
    ignored_columns = include_str!("../sql/followers/ignored_columns.sql"),
    is_shadow = include_str!("../sql/followers/is_shadow.sql"),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_and_nothing_in_it_can_end_the_quotes() {
        let schema = SchemaName::new("tenant-42").unwrap();
        assert_eq!(schema.fill("SELECT FROM {schema}.events"), "SELECT FROM \"tenant-42\".events");
        assert_eq!(schema.fill("{read}, {build}"), "\"tenant-42_read\", \"tenant-42_build\"");
        for wrong in ["", "a\"b", "a'b", "a b", "pg_annals", "a.b", "a\0", &"x".repeat(58)] {
            assert!(
                matches!(SchemaName::new(wrong), Err(SetupError::SchemaName(name)) if name == wrong)
            );
        }
    }
}
