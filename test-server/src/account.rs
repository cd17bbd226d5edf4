//! The user that servers run as: Postgres refuses to run as root.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use crate::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// Whoever runs this process.
    Own,
    /// This process is root, and gives its rights away.
    Other { user: u32, group: u32 },
}

impl Account {
    /// The own account; for root that of `postgres` if there is one, or else `nobody`.
    pub(crate) fn for_servers() -> Result<Self, Error> {
        if id(&["-u"])? != Some(0) {
            return Ok(Self::Own);
        }
        for name in ["postgres", "nobody"] {
            if let (Some(user), Some(group)) = (id(&["-u", name])?, id(&["-g", name])?) {
                return Ok(Self::Other { user, group });
            }
        }
        Err(Error::NoServer {
            attempts: vec![
                "root must not run Postgres, and there is neither a user `postgres` nor `nobody`"
                    .to_owned(),
            ],
        })
    }

    /// A command with this account's rights, in a folder it can reach, with nothing to read.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        #[cfg(unix)]
        if let Self::Other { user, group } = self {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
        command
    }
}

/// What the program `id` says, as a number; nothing where it says no.
fn id(arguments: &[&str]) -> Result<Option<u32>, Error> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output();
    let output = output.map_err(|source| Error::NotStarted { program: "id".to_owned(), source })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_runs_as_root() {
        let account = Account::for_servers().unwrap();
        let output = account.command("id").arg("-u").output().unwrap();
        assert_ne!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    }

    #[test]
    fn an_unknown_user_has_no_id() {
        assert_eq!(id(&["-u", "no-such-user-anywhere"]).unwrap(), None);
    }
}
