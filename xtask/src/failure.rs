//! Why a task stopped.

use std::{error::Error, fmt, io, process::ExitStatus};

#[derive(Debug)]
pub(crate) enum Failure {
    /// A command ran and said no.
    Command { command: String, status: ExitStatus },
    /// A command could not be started.
    NotStarted { command: String, source: io::Error },
    /// `cargo metadata` answered in an unknown form.
    Metadata(serde_json::Error),
    /// The workspace has no package `annals`.
    NoFacade,
    /// The toolchain of the minimum Rust version is not installed.
    NoToolchain { version: String },
    /// The library pulls in more crates than it allows itself.
    OverBudget { command: String, limit: usize, crates: Vec<String> },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::NotStarted { command, source } => {
                write!(f, "`{command}` could not be started: {source}")
            }
            Self::Metadata(source) => {
                write!(f, "the answer of `cargo metadata` is not understood: {source}")
            }
            Self::NoFacade => f.write_str("the workspace has no package `annals`"),
            Self::NoToolchain { version } => write!(
                f,
                "Rust {version}, the minimum this workspace promises, is not installed; install it with\n\n    \
                 rustup toolchain install {version} --profile minimal"
            ),
            Self::OverBudget { command, limit, crates } => {
                write!(f, "`{command}` lists {} crates, the budget is {limit}:", crates.len())?;
                crates.iter().try_for_each(|name| write!(f, "\n    {name}"))
            }
        }
    }
}

impl Error for Failure {}
