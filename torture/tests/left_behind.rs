//! However a torture is ended, nothing of it goes on, not even what was frozen at the time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../../test-server/tests/processes/mod.rs"]
mod processes;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use processes::{any_runs_in, signal, until};

/// The tortured processes that have their records in `folder`.
fn tortured(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let is_one = |process: &fs::DirEntry| {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        words.contains("--job") && words.contains(folder)
    };
    all.filter(is_one).map(|process| process.file_name().into_string().unwrap()).collect()
}

#[test]
fn nothing_is_left_of_a_torture_that_was_ended() {
    for (name, is_frozen) in [("KILL", false), ("TERM", true)] {
        let temporary = tempfile::tempdir().unwrap();
        // The user that servers run as creates their folders in here.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let mut torture = Command::new(env!("CARGO_BIN_EXE_annals-torture"));
        torture.args(["--minutes", "5"]).env("TMPDIR", temporary.path());
        let mut torture = torture.stdout(Stdio::null()).spawn().unwrap();
        until("all are there", || tortured(temporary.path()).len() >= 5);
        for pid in tortured(temporary.path()).iter().filter(|_| is_frozen) {
            signal("STOP", pid);
        }
        signal(name, &torture.id().to_string());
        torture.wait().unwrap();
        until("nothing is left", || !any_runs_in(temporary.path()));
    }
}
