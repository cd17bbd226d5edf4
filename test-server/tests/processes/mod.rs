//! The processes of this machine.

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Whether the process runs; one that has ended and was not yet collected by its parent does not.
pub(crate) fn is_alive(pid: &str) -> bool {
    state_and_group(pid).is_some_and(|(state, _)| !state.starts_with('Z'))
}

/// The process group, which a terminal's Ctrl-C reaches as a whole.
pub(crate) fn group(pid: &str) -> String {
    state_and_group(pid).unwrap().1
}

fn state_and_group(pid: &str) -> Option<(String, String)> {
    if Path::new("/proc/self/stat").exists() {
        // After the name, which is in parentheses and may hold some: state, parent, group.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut words = stat.rsplit(") ").next()?.split(' ');
        Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
    } else {
        let ps = Command::new("ps").args(["-o", "stat=,pgid=", "-p", pid]).output().unwrap();
        let text = String::from_utf8(ps.stdout).unwrap();
        let mut words = text.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    }
}

/// Whether a process has this folder in its command line: a server has, and so has `initdb`.
pub(crate) fn any_runs_in(folder: &Path) -> bool {
    let folder = folder.to_str().unwrap();
    if Path::new("/proc/self/stat").exists() {
        let all = fs::read_dir("/proc").unwrap().flatten();
        all.into_iter().any(|process| {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(folder)
        })
    } else {
        let ps = Command::new("ps").args(["-A", "-o", "args="]).output().unwrap();
        String::from_utf8_lossy(&ps.stdout).contains(folder)
    }
}

/// Sends a signal, to a process group when the receiver begins with a minus.
pub(crate) fn signal(name: &str, receiver: &str) {
    let script = format!("kill -s {name} -- {receiver}");
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

/// Returns once the condition holds, and fails when it does not within a minute.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
