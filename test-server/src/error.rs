//! Why there is no server.

use std::{io, path::PathBuf, time::Duration};

/// Why a server could not be found, started or stopped: what happened, and what to do where something can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This operating system has none of what servers are run with.
    #[error(
        "throwaway Postgres servers need Linux or macOS; here, set ANNALS_TEST_DATABASE_URL to a server of your own"
    )]
    Unsupported,

    /// A folder is not what it was said to be.
    #[error(
        "no Postgres server in {}: {reason}; name a folder with `initdb` and `postgres` in ANNALS_TEST_POSTGRES_BIN, \
         or unset it",
        folder.display()
    )]
    NotAServer {
        /// Where `initdb` and `postgres` were expected.
        folder: PathBuf,
        /// What is missing or does not run.
        reason: String,
    },

    /// There is no server on this machine, and each way to get one failed.
    #[error(
        "there is no Postgres server on this machine, and none could be installed ({}); install one (Debian and \
         Ubuntu: `apt-get install postgresql`, Fedora: `dnf install postgresql-server`, Alpine: `apk add \
         postgresql`, macOS: `brew install postgresql@17`), or set ANNALS_TEST_POSTGRES_BIN to a folder with \
         `initdb` and `postgres`",
        attempts.join("; ")
    )]
    NoServer {
        /// What was tried, and how it failed.
        attempts: Vec<String>,
    },

    /// There is no server of the wanted major version on this machine, and none could be downloaded.
    #[error(
        "Postgres {major} is not on this machine, and could not be downloaded: {reason}; install it, or set \
         ANNALS_TEST_POSTGRES_BIN to the folder with its `initdb` and `postgres`"
    )]
    NoVersion {
        /// The wanted major version.
        major: u32,
        /// Why the download failed.
        reason: String,
    },

    /// Servers are here, and none of them with all the programs that are wanted.
    #[error(
        "no Postgres installation on this machine has `{programs}` beside its server; install the client programs of \
         one (Debian and Ubuntu: `apt-get install postgresql`, Fedora: `dnf install postgresql-server`, Alpine: `apk add \
         postgresql postgresql-client`, macOS: `brew install postgresql@17`)"
    )]
    NoPrograms {
        /// What is wanted, joined by quotes.
        programs: String,
    },

    /// There is no pooler on this machine that knows prepared statements, and each way to get one failed.
    #[error(
        "there is no PgBouncer of version 1.21 or later on this machine, and none could be had ({}); install one \
         (`apt-get install pgbouncer` on Debian 13 or Ubuntu 24.04 and later, `dnf install pgbouncer`, `apk add \
         pgbouncer`, `brew install pgbouncer`), or name the program in ANNALS_TEST_PGBOUNCER",
        attempts.join("; ")
    )]
    NoPooler {
        /// What was tried, and how it failed.
        attempts: Vec<String>,
    },

    /// A program that servers need could not be started.
    #[error("`{program}` could not be started")]
    NotStarted {
        /// The program as it was called.
        program: String,
        /// Why not.
        source: io::Error,
    },

    /// The operating system refused something servers need.
    #[error("could not {what}")]
    Io {
        /// What was refused.
        what: String,
        /// Why.
        source: io::Error,
    },

    /// The supervisor or one of its programs said no.
    #[error("the test server could not {what}; the end of its log:\n{log}")]
    Failed {
        /// What was to be done.
        what: &'static str,
        /// The end of the server's log.
        log: String,
    },

    /// The server did not do in time what it was told to.
    #[error("the test server did not {what} within {} seconds; the end of its log:\n{log}", limit.as_secs())]
    TooSlow {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
        /// The end of the server's log.
        log: String,
    },
}

impl Error {
    /// The error and its causes on one line, for whoever prints no chains.
    pub fn report(&self) -> String {
        let mut report = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            report.push_str(": ");
            report.push_str(&error.to_string());
            cause = error.source();
        }
        report
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { what: what.into(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_the_causes() {
        let error = Error::io("find it")(io::Error::other("it is lost"));
        assert_eq!(error.to_string(), "could not find it");
        assert_eq!(error.report(), "could not find it: it is lost");
    }

    #[test]
    fn who_has_no_server_is_told_what_was_tried_and_what_to_do() {
        let attempts = vec!["`apt-get` works for root only".to_owned(), "no npm".to_owned()];
        let text = Error::NoServer { attempts }.to_string();
        assert!(text.contains("(`apt-get` works for root only; no npm)"), "{text}");
        assert!(text.contains("apt-get install postgresql"), "{text}");
        assert!(text.contains("ANNALS_TEST_POSTGRES_BIN"), "{text}");
    }
}
