//! A server: started, killed, started again, and gone with its owner.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    Binaries, Error, port,
    supervisor::{Answer, Heard, Supervisor},
};

/// Far more than any of these steps takes: a machine may be busy, and recovery after a kill has work to do.
const LIMIT: Duration = Duration::from_secs(120);
/// How often the state of a starting server is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Settings of every server, before those of its owner. What is flushed and synced is what Postgres does by itself,
/// so that a killed server loses nothing it has confirmed.
const SETTINGS: [(&str, &str); 6] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "200"),
    ("max_prepared_transactions", "16"),
    // In the server's folder, so that it goes with it; and `/dev/shm` is small in containers.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] "),
];

/// A running Postgres server in a temporary folder, on a port of 127.0.0.1.
///
/// The only superuser is `postgres`, without a password; text is UTF-8, sorted by its bytes. Up to 200 connections and
/// 16 prepared transactions are allowed; everything else is as Postgres has it, `fsync` above all.
///
/// Dropping it stops the server and removes its folder. The same happens when the process ends in any other way.
#[derive(Debug)]
pub struct Server {
    supervisor: Supervisor,
    binaries: Binaries,
    folder: PathBuf,
    port: u16,
    pid: u32,
    running: bool,
}

impl Server {
    /// Creates an empty server and starts it; on return it accepts connections.
    ///
    /// # Errors
    ///
    /// When it does not start, with the end of its log.
    pub fn start(binaries: &Binaries) -> Result<Self, Error> {
        Self::with_settings(binaries, &[])
    }

    /// The same with settings of `postgresql.conf`, such as `("fsync", "off")` for tests that kill nothing.
    ///
    /// # Errors
    ///
    /// When it does not start, with the end of its log; also when Postgres does not know a setting.
    pub fn with_settings(binaries: &Binaries, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let mut server = Self::create(binaries, "initdb")?;
        configure(&server.folder, SETTINGS.iter().chain(settings))?;
        server.launch_on_a_free_port()?;
        Ok(server)
    }

    /// A standby that follows this server from now on, and takes over when it is told to (`SELECT pg_promote()`). On
    /// return both accept connections. This server is stopped meanwhile, so that the standby can begin as a copy of its
    /// data; it is a server like any other otherwise, and may outlive this one.
    ///
    /// # Errors
    ///
    /// When one of them does not stop or start, with the end of its log.
    pub fn standby(&mut self) -> Result<Self, Error> {
        self.stop()?;
        let data = self.folder.join("data");
        let mut standby = Self::create(&self.binaries, &format!("standby {}", data.display()))?;
        self.restart()?;
        let primary = format!("host=127.0.0.1 port={} user=postgres", self.port);
        configure(&standby.folder, &[("primary_conninfo", &*primary)])?;
        standby.launch_on_a_free_port()?;
        Ok(standby)
    }

    /// A server that has its data by this command, and was never started.
    fn create(binaries: &Binaries, command: &str) -> Result<Self, Error> {
        let mut supervisor = Supervisor::spawn(binaries)?;
        let Heard::Answer(Answer::Folder(folder)) = supervisor.hear(LIMIT) else {
            return Err(failed("create its folder", Path::new("")));
        };
        supervisor.tell(command)?;
        match supervisor.hear(LIMIT) {
            Heard::Answer(Answer::Initialised) => {}
            Heard::Nothing => return Err(too_slow("create its database", &folder)),
            _ => return Err(failed("create its database", &folder)),
        }
        let binaries = binaries.clone();
        Ok(Self { supervisor, binaries, folder, port: 0, pid: 0, running: false })
    }

    /// Where to connect: `postgres://postgres@127.0.0.1:PORT/postgres`. It stays the same over restarts.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same for another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server's first process, the postmaster, as of the last start.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The temporary folder: `data` is the server's, `log` what it has to say.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The programs this server runs on.
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// What the server has logged in its life.
    pub fn log(&self) -> String {
        read_log(&self.folder)
    }

    /// Ends all processes of the server with `SIGKILL`, as a crash would, and returns when each of them has let go of
    /// memory, files and connections. Nothing happens when it does not run.
    ///
    /// # Errors
    ///
    /// When a process is still there after two minutes.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.end("kill", "end when it was killed")
    }

    /// Stops the server as an operator would (fast: connections are closed, data is flushed), and returns when none
    /// of its processes is left. Nothing happens when it does not run.
    ///
    /// # Errors
    ///
    /// When a process is still there after two minutes.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.end("stop", "stop")
    }

    /// Starts the server again after a [`kill`](Self::kill) or [`stop`](Self::stop), on the same data and the same
    /// port; one that still runs is stopped first. On return it accepts connections.
    ///
    /// # Errors
    ///
    /// When it does not start, with the end of its log; also when somebody else keeps its port for two minutes.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop()?;
        let deadline = Instant::now() + LIMIT;
        while let Launch::PortTaken = self.launch(deadline)? {}
        Ok(())
    }

    /// Somebody else may take a port between the moment it was free and the start.
    fn launch_on_a_free_port(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.port = port::free().ok_or_else(|| {
                Error::io("find a free port")(std::io::ErrorKind::AddrInUse.into())
            })?;
            match self.launch(deadline)? {
                Launch::Ready => return Ok(()),
                Launch::PortTaken => {}
            }
        }
    }

    fn launch(&mut self, deadline: Instant) -> Result<Launch, Error> {
        let logged = self.log().len();
        self.supervisor.tell(&format!("start {}", self.port))?;
        let Heard::Answer(Answer::Started(pid)) = self.supervisor.hear(LIMIT) else {
            return Err(failed("start", &self.folder));
        };
        self.pid = pid;
        self.running = true;
        while Instant::now() < deadline {
            match self.supervisor.hear(PAUSE) {
                Heard::Nothing if self.is_ready() => return Ok(Launch::Ready),
                Heard::Nothing => {}
                Heard::Answer(_) | Heard::End => {
                    self.running = false;
                    let log = self.log();
                    let taken =
                        log.get(logged..).is_some_and(|log| log.contains("Address already in use"));
                    return if taken {
                        Ok(Launch::PortTaken)
                    } else {
                        Err(failed("start", &self.folder))
                    };
                }
            }
        }
        Err(too_slow("start", &self.folder))
    }

    /// Postgres writes its state into the eighth line of this file, for `pg_ctl` to read.
    fn is_ready(&self) -> bool {
        let state = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        let mut lines = state.lines();
        lines.next() == Some(self.pid.to_string().as_str())
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn end(&mut self, command: &str, what: &'static str) -> Result<(), Error> {
        // It may have ended by itself.
        if self.running && self.supervisor.hear(Duration::ZERO) == Heard::Nothing {
            self.supervisor.tell(command)?;
            if self.supervisor.hear(LIMIT) == Heard::Nothing {
                return Err(too_slow(what, &self.folder));
            }
        }
        self.running = false;
        Ok(())
    }
}

/// How the start of a server ended, if not in an error.
enum Launch {
    Ready,
    PortTaken,
}

fn configure<'a>(
    folder: &Path,
    settings: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) -> Result<(), Error> {
    let file = folder.join("data/postgresql.conf");
    let text: String = settings.into_iter().map(|setting| line(*setting)).collect();
    let file = OpenOptions::new().append(true).open(file);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::io("write the settings of the test server"))
}

/// A line of `postgresql.conf`; of two for the same setting the later one counts.
fn line((name, value): (&str, &str)) -> String {
    format!("{name} = '{}'\n", value.replace('\\', "\\\\").replace('\'', "''"))
}

fn read_log(folder: &Path) -> String {
    let log = fs::read(folder.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

/// The last lines are about the end.
fn end_of_log(folder: &Path) -> String {
    let log = read_log(folder);
    let lines: Vec<_> = log.lines().collect();
    lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
}

fn failed(what: &'static str, folder: &Path) -> Error {
    Error::Failed { what, log: end_of_log(folder) }
}

fn too_slow(what: &'static str, folder: &Path) -> Error {
    Error::TooSlow { what, limit: LIMIT, log: end_of_log(folder) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_quoted() {
        assert_eq!(line(("fsync", "off")), "fsync = 'off'\n");
        assert_eq!(line(("log_line_prefix", r"it's \d ")), "log_line_prefix = 'it''s \\\\d '\n");
    }
}
