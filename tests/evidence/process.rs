//! A process of its own: this test binary, started again for one ignored test in it.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write, stdin, stdout},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

/// How long the next word of a process may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A running process that says `T`s. It ends with this.
pub(crate) struct Process<T> {
    process: Child,
    said: Receiver<T>,
}

impl<T: DeserializeOwned + Send + 'static> Process<T> {
    /// Starts the test `name` of this binary.
    pub(crate) fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=2"]);
        command.envs(environment.iter().copied());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, said) = mpsc::channel();
        // Ends with the process.
        thread::spawn(move || {
            // The other lines are those of the test harness.
            for line in lines.map_while(Result::ok).filter(|line| line.starts_with('{')) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { process, said }
    }

    /// What it says next.
    pub(crate) fn hear(&self) -> T {
        self.said.recv_timeout(LIMIT).expect("the process should go on")
    }

    /// Ends it in order, and gives what it said that was not heard yet.
    pub(crate) fn end(mut self) -> Vec<T> {
        drop(self.process.stdin.take());
        let said = self.said.iter().collect();
        assert!(self.process.wait().unwrap().success(), "the process failed");
        said
    }

    /// What it has said and nobody has heard, if anything.
    pub(crate) fn heard(&self) -> Option<T> {
        self.said.try_recv().ok()
    }

    /// Freezes it as it is, with `SIGSTOP`.
    pub(crate) fn freeze(&self) {
        signal(self.process.id(), "STOP");
    }

    /// Lets it go on, after it was frozen.
    pub(crate) fn thaw(&self) {
        signal(self.process.id(), "CONT");
    }

    /// Ends it with `SIGKILL`, and gives what it said that was not heard yet. It must not have ended by itself.
    pub(crate) fn kill(mut self) -> Vec<T> {
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), None, "the process has failed");
        self.said.iter().collect()
    }
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        drop(self.process.kill()); // it may have ended already
        drop(self.process.wait());
    }
}

/// Sends a signal, by its name without `SIG`.
pub(crate) fn signal(process: u32, name: &str) {
    let kill = format!("kill -s {name} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// In the process itself: says something to whoever started it. A line is whole, or not there.
pub(crate) fn say(word: &impl Serialize) {
    let line = serde_json::to_string(word).unwrap() + "\n";
    stdout().write_all(line.as_bytes()).unwrap();
}

/// In the process itself: turns true when it shall end, also because whoever started it has ended.
pub(crate) fn until_told_to_end() -> watch::Receiver<bool> {
    let (sender, is_over) = watch::channel(false);
    thread::spawn(move || {
        let _ = stdin().read(&mut [0]);
        let _ = sender.send(true);
    });
    is_over
}
