//! However the process that owns a server ends, the server and its folder go with it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod processes;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use processes::{any_runs_in, group, is_alive, signal, until};

/// A process of its own, in a process group of its own, that holds a server.
struct Owner {
    process: Child,
    port: u16,
    pid: String,
    folder: PathBuf,
}

impl Owner {
    fn start() -> Self {
        Self::of(&mut Command::new(env!("CARGO_BIN_EXE_hold-server")))
    }

    fn of(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let (port, pid, folder) = (line().parse().unwrap(), line(), line().into());
        let owner = Self { process, port, pid, folder };
        assert!(owner.accepts_connections() && owner.folder.is_dir() && is_alive(&owner.pid));
        assert!(any_runs_in(&owner.folder));
        owner
    }

    fn accepts_connections(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// The folder is removed last, by a process that ends then.
    fn leaves_nothing(mut self) {
        self.process.wait().unwrap();
        until("the folder is removed", || !self.folder.exists());
        assert!(!self.accepts_connections());
        assert!(!is_alive(&self.pid));
        until("whoever removed it has ended", || !any_runs_in(&self.folder));
    }
}

#[test]
fn killed() {
    let owner = Owner::start();
    signal("KILL", &owner.process.id().to_string());
    owner.leaves_nothing();
}

#[test]
fn terminated() {
    let owner = Owner::start();
    signal("TERM", &owner.process.id().to_string());
    owner.leaves_nothing();
}

#[test]
fn aborted_as_by_a_panic() {
    let owner = Owner::start();
    signal("ABRT", &owner.process.id().to_string());
    owner.leaves_nothing();
}

/// Ctrl-C and a closed terminal reach the whole process group; the server ends with its owner, and not before.
#[test]
fn interrupted_at_the_terminal() {
    for name in ["INT", "HUP"] {
        let owner = Owner::start();
        assert_ne!(group(&owner.pid), owner.process.id().to_string());
        signal(name, &format!("-{}", owner.process.id()));
        owner.leaves_nothing();
    }
}

#[test]
fn ended_in_order() {
    let mut owner = Owner::start();
    drop(owner.process.stdin.take());
    owner.leaves_nothing();
}

/// A debugger, or a test of a server that hangs, may have stopped it.
#[test]
fn killed_while_the_server_is_paused() {
    let owner = Owner::start();
    signal("STOP", &owner.pid);
    signal("KILL", &owner.process.id().to_string());
    owner.leaves_nothing();
}

/// At any moment of the start: before there is a folder, while it is filled, while the server begins.
#[test]
fn killed_while_the_server_starts() {
    let temporary = tempfile::tempdir().unwrap();
    // The user that servers run as creates their folders in here.
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    for step in 0..12 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hold-server"));
        command.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().unwrap();
        // Nothing is waited for: these are the moments to try.
        thread::sleep(Duration::from_millis(step * 100));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    until("nothing is left", || {
        !any_runs_in(temporary.path()) && temporary.path().read_dir().unwrap().next().is_none()
    });
}

/// In the moment before the server listens to signals, it ignores some of them.
#[test]
fn killed_when_the_server_has_only_just_begun() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = "[ $1 != --version ] || exec echo 'postgres (PostgreSQL) 15.0'\n\
                  echo $$ >\"$2/../begun\"\nexec sleep 600";
    for (name, script) in [("initdb", "mkdir $2; touch $2/postgresql.conf"), ("postgres", server)] {
        // Another process writes it: what is open for writing in this one cannot be started.
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"";
        let mut writing = Command::new("sh");
        writing.args(["-c", write]).arg(folder.join(name)).arg(script);
        assert!(writing.status().unwrap().success());
    }
    let temporary = folder.join("temporary");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o1777)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hold-server"));
    command.env("TMPDIR", &temporary).env("ANNALS_TEST_POSTGRES_BIN", folder);
    let mut owner = command.stdin(Stdio::piped()).spawn().unwrap();
    let begun = || {
        let entry = temporary.read_dir().unwrap().flatten().next()?;
        fs::read_to_string(entry.path().join("begun")).ok().filter(|pid| pid.ends_with('\n'))
    };
    until("the server has begun", || begun().is_some());
    let pid = begun().unwrap().trim().to_owned();
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("nothing is left", || temporary.read_dir().unwrap().next().is_none());
    assert!(!is_alive(&pid));
}

#[test]
fn a_temporary_folder_that_cannot_be_written_is_not_used() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hold-server"));
    let owner = Owner::of(command.env("TMPDIR", "/no/such/folder"));
    assert!(owner.folder.starts_with("/tmp"), "{}", owner.folder.display());
}
