//! The tortured processes: this program, started again.

use std::{
    env,
    fs::File,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::{Trouble, job::Job};

/// A process in the life it is in.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) job: Job,
    /// The process group that it is in.
    group: i32,
    child: Child,
    /// It shall end when this is closed.
    until: Option<ChildStdin>,
}

impl Process {
    pub(crate) fn start(job: Job, group: i32) -> Result<Self, Trouble> {
        let log = File::options().create(true).append(true).open(said(&job.folder))?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("--job").arg(serde_json::to_string(&job)?).kill_on_drop(true);
        command.process_group(group);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn()?;
        let until = child.stdin.take();
        Ok(Self { job, group, child, until })
    }

    /// Ends it with SIGKILL, and starts it again for its next life. It must not have ended by itself.
    pub(crate) async fn kill(mut self, seed: u64) -> Result<Self, Trouble> {
        if let Some(status) = self.child.try_wait()? {
            return Err(self.ended(status));
        }
        self.child.kill().await?;
        Self::start(Job { life: self.job.life + 1, seed, ..self.job }, self.group)
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.child.id().map(u32::cast_signed)
    }

    /// Tells it to end.
    pub(crate) fn tell_to_end(&mut self) {
        self.until.take();
    }

    /// Waits for it to end, as it was told to; false if it does not.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> Result<bool, Trouble> {
        match timeout(limit, self.child.wait()).await {
            Err(_) => Ok(false),
            Ok(status) => match status? {
                status if status.success() => Ok(true),
                status => Err(self.ended(status)),
            },
        }
    }

    fn ended(&self, status: ExitStatus) -> Trouble {
        let (name, said) = (self.job.name(), said(&self.job.folder));
        format!("{name} has ended by itself ({status}); what it said is in {}", said.display())
            .into()
    }
}

/// Sends a signal to a process, which may have ended.
pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
}

fn said(folder: &Path) -> std::path::PathBuf {
    folder.join("said")
}
