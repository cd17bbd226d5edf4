//! Why a task stopped.

use std::{error::Error, fmt, io, path::PathBuf, process::ExitStatus};

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
    /// The tests need a Postgres server, and there is none.
    Server(annals_test_server::Error),
    /// There is nothing of this name to be fuzzed.
    NoTarget { name: String, targets: String },
    /// The fuzzer is partly C++, and nothing here compiles that.
    NoCompiler,
    /// A folder could not be made.
    NoFolder { path: String, source: io::Error },
    /// What was measured could not be read, or not be written down.
    Figures { file: PathBuf, source: io::Error },
    /// A chart could not be drawn.
    Chart { file: String, reason: String },
    /// Some of the wanted Postgres versions failed a test, or could not be had.
    Versions { failed: Vec<u32>, missing: Vec<u32> },
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
            Self::Server(error) => f.write_str(&error.report()),
            Self::NoTarget { name, targets } => {
                write!(f, "there is no target `{name}` to be fuzzed; there are {targets}")
            }
            Self::NoCompiler => {
                f.write_str("fuzzing takes a C++ compiler; install one, g++ for instance")
            }
            Self::NoFolder { path, source } => write!(f, "{path} cannot be made: {source}"),
            Self::Figures { file, source } => write!(f, "{}: {source}", file.display()),
            Self::Chart { file, reason } => write!(f, "{file} could not be drawn: {reason}"),
            Self::Versions { failed, missing } => {
                let failed = (!failed.is_empty())
                    .then(|| format!("tests failed on Postgres {}", list(failed)));
                let missing = (!missing.is_empty())
                    .then(|| format!("Postgres {} could not be had", list(missing)));
                f.write_str(&failed.into_iter().chain(missing).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

impl Error for Failure {}

impl From<annals_test_server::Error> for Failure {
    fn from(error: annals_test_server::Error) -> Self {
        Self::Server(error)
    }
}

fn list(versions: &[u32]) -> String {
    versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_version_that_is_not_right() {
        let text = |failed: &[u32], missing: &[u32]| {
            Failure::Versions { failed: failed.to_vec(), missing: missing.to_vec() }.to_string()
        };
        assert_eq!(text(&[13, 15], &[]), "tests failed on Postgres 13, 15");
        assert_eq!(text(&[], &[18]), "Postgres 18 could not be had");
        let both = "tests failed on Postgres 13; Postgres 18 could not be had";
        assert_eq!(text(&[13], &[18]), both);
    }
}
