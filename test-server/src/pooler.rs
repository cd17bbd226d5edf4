//! A pooler in front of a server.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Error, Server, account::Account, pgbouncer, port};

/// Far more than it takes to start, on a busy machine as well.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the state of a starting pooler is looked at.
const PAUSE: Duration = Duration::from_millis(10);

const SCRIPT: &str = include_str!("pooler.sh");

/// A running PgBouncer in transaction mode, on a port of 127.0.0.1, in front of a server: each transaction gets one of a few
/// sessions of the server, and clients keep none. It lets everybody in.
///
/// Dropping it ends it. The same happens when the process ends in any other way.
#[derive(Debug)]
pub struct Pooler {
    shell: Child,
    port: u16,
}

impl Pooler {
    /// Starts a pooler that uses up to so many sessions of the server; on return it accepts connections. It is the one that
    /// `ANNALS_TEST_PGBOUNCER` names, or else one of version 1.21 or later on this machine, or else a new one, from the
    /// system's packages.
    ///
    /// Of `settings`, in the form of `pgbouncer.ini`, those of the owner count before those that it has by itself, as
    /// `ignore_startup_parameters = extra_float_digits`, which clients of sqlx need.
    ///
    /// # Errors
    ///
    /// [`Error::NoPooler`] when there is none to be had, which says what to do; also when it does not start, with its
    /// log.
    pub fn in_front_of(
        server: &Server,
        sessions: u32,
        settings: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let program = pgbouncer::find()?;
        let sessions = sessions.to_string();
        let own = [
            ("listen_addr", "127.0.0.1"),
            ("unix_socket_dir", ""),
            ("auth_type", "any"),
            ("pool_mode", "transaction"),
            ("max_client_conn", "500"),
            ("max_prepared_statements", "200"),
            ("ignore_startup_parameters", "extra_float_digits"),
            ("default_pool_size", &sessions),
        ];
        let lines: String = own
            .iter()
            .chain(settings)
            .map(|(setting, value)| format!("{setting} = {value}\n"))
            .collect();
        let deadline = Instant::now() + LIMIT;
        // Somebody else may take a port between the moment it was free and the start.
        loop {
            let port = port::free().ok_or_else(|| {
                Error::io("find a free port")(std::io::ErrorKind::AddrInUse.into())
            })?;
            let config = format!(
                "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\n{lines}listen_port = {port}\n",
                server.port()
            );
            if let Some(pooler) = Self::start(&program, port, &config, deadline)? {
                return Ok(pooler);
            }
        }
    }

    /// Where to connect: `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Nothing when its port was taken.
    fn start(
        program: &Path,
        port: u16,
        config: &str,
        deadline: Instant,
    ) -> Result<Option<Self>, Error> {
        let mut command = Account::for_servers()?.command("sh");
        command.args(["-c", SCRIPT, "annals-test-pooler"]).arg(program).arg(env::temp_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        {
            // Ctrl-C in a terminal reaches the owner's process group, and the pooler only through the owner.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let shell = command
            .spawn()
            .map_err(|source| Error::NotStarted { program: "sh".to_owned(), source })?;
        let mut pooler = Self { shell, port };
        let folder = pooler
            .configure(config)
            .map_err(Error::io("speak to the shell that keeps the pooler"))?;
        loop {
            let log = fs::read(folder.join("log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            if log.contains("Address already in use") {
                return Ok(None);
            }
            if log.contains("process up") {
                return Ok(Some(pooler));
            }
            if log.contains("FATAL") {
                return Err(Error::Failed { what: "start its pooler", log });
            }
            if Instant::now() > deadline {
                return Err(Error::TooSlow { what: "start its pooler", limit: LIMIT, log });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Its folder, which is there once it has its settings.
    fn configure(&mut self, config: &str) -> std::io::Result<PathBuf> {
        let mut folder = String::new();
        if let (Some(input), Some(output)) = (&mut self.shell.stdin, &mut self.shell.stdout) {
            input.write_all(format!("{config}start\n").as_bytes())?;
            BufReader::new(output).read_line(&mut folder)?;
        }
        Ok(PathBuf::from(folder.trim_end()))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
