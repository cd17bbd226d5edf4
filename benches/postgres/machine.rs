//! What the figures hang on: the machine, the server and its settings, the source.

use std::{env::consts, process::Command};

use annals_figures::Machine;
use chrono::Utc;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ground::Outcome;

/// What an append costs hangs on these above all.
const SETTINGS: [&str; 6] = [
    "fsync",
    "synchronous_commit",
    "wal_sync_method",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
];

pub(crate) async fn facts(connection: &mut PgConnection) -> Outcome<Machine> {
    let mut settings = Vec::new();
    for name in SETTINGS {
        settings.push((name.to_owned(), shown(name, connection).await?));
    }
    Ok(Machine {
        date: format!("{:?}", Utc::now()).split('.').next().map(|date| format!("{date}Z")).unwrap(),
        commit: commit(),
        system: format!("{} {}", consts::OS, consts::ARCH),
        cores: std::thread::available_parallelism()?.get(),
        postgres: shown("server_version", connection).await?,
        settings,
    })
}

async fn shown(setting: &str, connection: &mut PgConnection) -> Outcome<String> {
    let show = AssertSqlSafe(format!("SHOW {setting}"));
    Ok(sqlx::query_scalar(show).fetch_one(connection).await?)
}

/// None where there is no git, or no repository.
fn commit() -> Option<String> {
    let command = ["describe", "--always", "--abbrev=10", "--exclude=*", "--dirty"];
    let output = Command::new("git").args(command).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
