//! The Postgres server that the tests use.

use annals_test_server::{Binaries, Server};

use crate::{command::CommandLine, failure::Failure};

const URL: &str = "ANNALS_TEST_DATABASE_URL";
const PROGRAMS: &str = "ANNALS_TEST_POSTGRES_BIN";

/// The tests kill servers of their own; this one is never killed, so it need not wait for the disk.
const SETTINGS: [(&str, &str); 1] = [("fsync", "off")];

/// A server to connect to, and the programs for servers that tests start by themselves. Dropped, a server that was
/// started for it is gone; so it is when this process ends in any other way.
#[derive(Debug)]
pub(crate) struct Database {
    binaries: Binaries,
    /// None when the environment names one.
    server: Option<Server>,
}

impl Database {
    /// The server the environment names, or else a new one.
    pub(crate) fn of_environment() -> Result<Self, Failure> {
        let binaries = Binaries::find()?;
        if std::env::var_os(URL).is_some() {
            eprintln!("the server at {URL}");
            return Ok(Self { binaries, server: None });
        }
        Self::start(binaries)
    }

    /// A new server.
    pub(crate) fn start(binaries: Binaries) -> Result<Self, Failure> {
        let server = Server::with_settings(&binaries, &SETTINGS)?;
        eprintln!("Postgres {} at {}", binaries.version(), server.url());
        Ok(Self { binaries, server: Some(server) })
    }

    /// The command with all that tests need to know.
    pub(crate) fn given_to(&self, command: CommandLine) -> CommandLine {
        let folder = self.binaries.folder().to_string_lossy();
        let command = command.with_env(PROGRAMS, folder);
        match &self.server {
            Some(server) => command.with_env(URL, server.url()),
            None => command,
        }
    }
}

/// How a terminal is told of a server.
pub(crate) fn exports(server: &Server) -> String {
    let folder = server.binaries().folder().display();
    format!("export {URL}='{}'\nexport {PROGRAMS}='{folder}'", server.url())
}
