//! However the process that owns a server ends, the server and its folder go with it.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A process of its own, in a process group of its own, that holds a server.
struct Owner {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Owner {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hold-server"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let (port, _pid, folder) = (line().parse().unwrap(), line(), line().into());
        let owner = Self { process, port, folder };
        assert!(owner.accepts_connections() && owner.folder.is_dir());
        owner
    }

    fn accepts_connections(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    fn signal(&self, name: &str, receiver: &str) {
        let sent = Command::new("kill").args(["-s", name, "--", receiver]).status().unwrap();
        assert!(sent.success());
    }

    /// The folder is removed last.
    fn leaves_nothing(mut self) {
        let ended = self.process.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.folder.exists() {
            assert!(Instant::now() < deadline, "{} is left ({ended})", self.folder.display());
            std::thread::yield_now();
        }
        assert!(!self.accepts_connections(), "the server is left ({ended})");
        assert!(!runs_in(&self.folder), "processes are left ({ended})");
    }
}

/// Whether a server's first process or its supervisor is still there: both are called with their folder, or
/// report it.
fn runs_in(folder: &std::path::Path) -> bool {
    let all = Command::new("ps").args(["-A", "-o", "args="]).output().unwrap();
    String::from_utf8_lossy(&all.stdout).contains(&*folder.to_string_lossy())
}

#[test]
fn killed() {
    let owner = Owner::start();
    assert!(runs_in(&owner.folder));
    owner.signal("KILL", &owner.process.id().to_string());
    owner.leaves_nothing();
}

#[test]
fn terminated() {
    let owner = Owner::start();
    owner.signal("TERM", &owner.process.id().to_string());
    owner.leaves_nothing();
}

#[test]
fn aborted_as_by_a_panic() {
    let owner = Owner::start();
    owner.signal("ABRT", &owner.process.id().to_string());
    owner.leaves_nothing();
}

/// Ctrl-C and a closed terminal reach the whole process group.
#[test]
fn interrupted_at_the_terminal() {
    for name in ["INT", "HUP"] {
        let owner = Owner::start();
        owner.signal(name, &format!("-{}", owner.process.id()));
        owner.leaves_nothing();
    }
}

#[test]
fn ended_in_order() {
    let mut owner = Owner::start();
    drop(owner.process.stdin.take());
    owner.leaves_nothing();
}

/// At any moment of the start: before there is a folder, while it is filled, while the server begins.
#[test]
fn killed_while_the_server_starts() {
    let temporary = tempfile::tempdir().unwrap();
    open_to_all(temporary.path());
    for step in 0..12 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hold-server"));
        command.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().unwrap();
        // Not a wait for something: the moments to try.
        std::thread::sleep(Duration::from_millis(step * 100));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs_in(temporary.path()) || temporary.path().read_dir().unwrap().next().is_some() {
        assert!(Instant::now() < deadline, "something is left in {}", temporary.path().display());
        std::thread::yield_now();
    }
}

/// The user that servers run as creates their folders in here.
fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777)).unwrap();
}
