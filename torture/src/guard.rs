//! Takes the tortured processes along when this one ends, however it ends: one that is frozen cannot do that itself.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
};

/// What the guard does: nothing for as long as its input is open, then its whole group is killed. What reaches a terminal is
/// the affair of whoever holds the input.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; cat; kill -KILL 0";

/// A shell that leads the process group of the tortured processes. It lives as long as whoever started it, and no longer.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    alive: Option<ChildStdin>,
}

impl Guard {
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        let mut shell = command.spawn()?;
        let alive = shell.stdin.take();
        Ok(Self { shell, alive })
    }

    /// The process group that those belong in that shall not outlive this process.
    pub(crate) fn group(&self) -> i32 {
        self.shell.id().cast_signed()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.shell.wait();
    }
}
