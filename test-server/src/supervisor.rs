//! The shell that keeps a server: it lives as long as the pipe to it is open, and takes the server with it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::{Binaries, Error, account::Account};

const SCRIPT: &str = include_str!("supervise.sh");

#[derive(Debug)]
pub(crate) struct Supervisor {
    shell: Child,
    commands: Option<ChildStdin>,
    /// In a mutex, so that a server can be shared between threads.
    answers: Mutex<Receiver<Answer>>,
}

/// What the shell says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Folder(PathBuf),
    Initialised,
    Failed,
    Started(u32),
    Gone,
}

/// What comes when an answer is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Answer(Answer),
    /// Nothing in time.
    Nothing,
    /// The shell has ended.
    End,
}

impl Supervisor {
    pub(crate) fn spawn(binaries: &Binaries) -> Result<Self, Error> {
        let mut command = Account::for_servers()?.command("sh");
        command.args(["-c", SCRIPT, "annals-test-server"]).arg(binaries.folder());
        command.arg(env::temp_dir());
        command.env("LC_ALL", "C").env_remove("PGDATA");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        {
            // Ctrl-C in a terminal reaches the owner's process group, and the server only through the owner.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let not_started = |source| Error::NotStarted { program: "sh".to_owned(), source };
        let mut shell = command.spawn().map_err(not_started)?;
        let commands = shell.stdin.take();
        let (sender, answers) = mpsc::channel();
        if let Some(output) = shell.stdout.take() {
            // Ends with the shell, which ends when `commands` is dropped.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if Answer::parse(&line).is_some_and(|answer| sender.send(answer).is_err()) {
                        break;
                    }
                }
            });
        }
        Ok(Self { shell, commands, answers: Mutex::new(answers) })
    }

    pub(crate) fn tell(&mut self, command: &str) -> Result<(), Error> {
        let said = self.commands.as_mut().map_or(Ok(()), |shell| writeln!(shell, "{command}"));
        said.map_err(Error::io("speak to the shell that keeps the test server"))
    }

    pub(crate) fn hear(&mut self, limit: Duration) -> Heard {
        let answers = self.answers.get_mut().unwrap_or_else(PoisonError::into_inner);
        match answers.recv_timeout(limit) {
            Ok(answer) => Heard::Answer(answer),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.shell.wait();
    }
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "folder" => Some(Self::Folder(Path::new(rest).to_owned())),
            "initialised" => Some(Self::Initialised),
            "failed" => Some(Self::Failed),
            "started" => rest.parse().ok().map(Self::Started),
            "gone" => Some(Self::Gone),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let folder = Answer::Folder("/tmp/a b".into());
        assert_eq!(Answer::parse("folder /tmp/a b"), Some(folder));
        assert_eq!(Answer::parse("started 17"), Some(Answer::Started(17)));
        assert_eq!(Answer::parse("started"), None);
        assert_eq!(Answer::parse("gone"), Some(Answer::Gone));
        assert_eq!(Answer::parse("sh: something else"), None);
    }
}
