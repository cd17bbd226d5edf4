//! The schema, and how it comes to its version.

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use crate::{
    SetupError,
    schema::{SchemaName, Statements},
};

/// Each version's files, in the order in which they are run. A version that has been published is never changed.
const VERSIONS: &[&[&str]] = &[
    &[
        include_str!("../sql/schema/migrations.sql"),
        include_str!("../sql/schema/event_kinds.sql"),
        include_str!("../sql/schema/events.sql"),
        include_str!("../sql/schema/guards.sql"),
        include_str!("../sql/schema/view.sql"),
        include_str!("../sql/functions/lock_until.sql"),
        include_str!("../sql/functions/append.sql"),
        include_str!("../sql/functions/append_one.sql"),
        include_str!("../sql/functions/append_each.sql"),
        include_str!("../sql/functions/refuse_standby.sql"),
        include_str!("../sql/functions/mark.sql"),
    ],
    &[
        include_str!("../sql/schema/followers.sql"),
        include_str!("../sql/schema/attachments.sql"),
        include_str!("../sql/functions/build_relations.sql"),
        include_str!("../sql/functions/build_belongings.sql"),
        include_str!("../sql/functions/build_attached.sql"),
        include_str!("../sql/functions/dependents.sql"),
        include_str!("../sql/functions/namesakes.sql"),
        include_str!("../sql/functions/strangers.sql"),
        include_str!("../sql/functions/lock_holder.sql"),
        include_str!("../sql/functions/may_swap.sql"),
        include_str!("../sql/functions/carry_grants.sql"),
        include_str!("../sql/functions/swap_build.sql"),
        include_str!("../sql/functions/hold_for_comparison.sql"),
        include_str!("../sql/functions/compared_columns.sql"),
        include_str!("../sql/functions/differing_rows.sql"),
    ],
    &[include_str!("../sql/schema/snapshots.sql")],
];

/// Held while a schema is changed, so that processes that start at once wait for each other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('annals migrates {schema}', 0))";

/// Whether the schema $1 is there, and annals in it. This asks the tables of the catalog: a name is looked up in what the
/// session remembers, and that may be from before the lock.
const IS_THERE: &str = "SELECT count(*) > 0, count(c.oid) > 0
    FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'migrations'
    WHERE n.nspname = $1";

/// The version this build knows.
pub(crate) fn latest() -> i32 {
    i32::try_from(VERSIONS.len()).unwrap_or(i32::MAX)
}

/// Everything that makes the schema from nothing, to be read, or run by hand in one transaction.
pub(crate) fn sql(schema: &SchemaName) -> String {
    let versions = (1..).zip(VERSIONS).map(|(version, files)| {
        let files: String = files.iter().map(|file| format!("{}\n", schema.fill(file))).collect();
        format!("{files}{};\n", schema.fill(&applied(version)))
    });
    let versions: Vec<_> = versions.collect();
    format!(
        "BEGIN;\n\n{};\n\n{};\n\n{}\nCOMMIT;\n",
        schema.fill(LOCK),
        schema.fill("CREATE SCHEMA IF NOT EXISTS {schema}"),
        versions.join("\n")
    )
}

fn applied(version: i32) -> String {
    format!("INSERT INTO {{schema}}.migrations (version) VALUES ({version})")
}

/// Brings the schema to the latest version. In a task of its own: a caller who is gone leaves no transaction behind.
pub(crate) async fn migrate(pool: PgPool, schema: SchemaName) -> Result<(), SetupError> {
    let name = schema.clone();
    let task = tokio::spawn(async move {
        let mut connection = pool.acquire().await?;
        upgrade(&mut connection, &schema).await
    });
    let outcome = task
        .await
        .map_err(|lost| SetupError::Database(sqlx::Error::Io(std::io::Error::other(lost))))?;
    let found = outcome.map_err(|error| SetupError::of(error, &name))?;
    check(found, &name)
}

/// Applies what is missing and answers the version that the schema is at.
async fn upgrade(connection: &mut PgConnection, schema: &SchemaName) -> Result<i32, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    run(&mut transaction, schema.fill(LOCK)).await?;
    let row = sqlx::query(IS_THERE).bind(schema.as_str()).fetch_one(&mut *transaction).await?;
    let (is_there, is_ours): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !is_there {
        run(&mut transaction, schema.fill("CREATE SCHEMA {schema}")).await?;
    }
    let found = match is_ours {
        true => version(&mut transaction, &Statements::of(schema)).await?,
        false => 0,
    };
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (version, files) in (1..).zip(VERSIONS).skip(done) {
        for file in *files {
            run(&mut transaction, schema.fill(file)).await?;
        }
        run(&mut transaction, schema.fill(&applied(version))).await?;
    }
    transaction.commit().await?;
    Ok(found.max(latest()))
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    // Safe: a text of this crate, with a checked schema name.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// The version that the schema is at.
pub(crate) async fn version(
    connection: &mut PgConnection,
    statements: &Statements,
) -> Result<i32, sqlx::Error> {
    statements.version.query().fetch_one(connection).await?.try_get(0)
}

/// Whether this build can work with a schema at version `found`, or bring it to its own.
pub(crate) fn check(found: i32, schema: &SchemaName) -> Result<(), SetupError> {
    let known = latest();
    if found > known {
        return Err(SetupError::SchemaTooNew { schema: schema.to_string(), found, known });
    }
    Ok(())
}
