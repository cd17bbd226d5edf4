//! A server from the system's package manager, where it may be had without a question.

use std::process::{Command, Stdio};

use crate::account::Account;

/// A package manager, whether it wants root, and the commands that install a server.
struct Manager {
    program: &'static str,
    as_root: bool,
    commands: &'static [&'static str],
}

const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        as_root: true,
        commands: &["update", "install --yes --no-install-recommends postgresql"],
    },
    Manager { program: "dnf", as_root: true, commands: &["install --assumeyes postgresql-server"] },
    Manager { program: "apk", as_root: true, commands: &["add postgresql"] },
    Manager { program: "brew", as_root: false, commands: &["install postgresql@17"] },
];

/// Installs a server, or says why not.
pub(crate) fn with_package_manager() -> Result<(), String> {
    let root = Account::for_servers().map_err(|error| error.to_string())? != Account::Own;
    let mut unasked = Vec::new();
    for manager in &MANAGERS {
        if !is_present(manager.program) {
            continue;
        }
        if manager.as_root != root {
            unasked.push(manager.program);
            continue;
        }
        return manager.commands.iter().try_for_each(|arguments| run(manager.program, arguments));
    }
    Err(match unasked.as_slice() {
        [] => "no package manager that this knows".to_owned(),
        [program, ..] if root => format!("`{program}` refuses to work for root"),
        [program, ..] => format!("`{program}` works for root only"),
    })
}

fn is_present(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Its output goes to where errors go, so that nothing mixes with what the caller prints.
fn run(program: &str, arguments: &str) -> Result<(), String> {
    let command = format!("{program} {arguments}");
    eprintln!("$ {command}");
    let mut process = Command::new(program);
    process.args(arguments.split_whitespace()).env("DEBIAN_FRONTEND", "noninteractive");
    process.stdin(Stdio::null()).stdout(std::io::stderr());
    match process.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{command}` failed ({status})")),
        Err(source) => Err(format!("`{command}` could not be started: {source}")),
    }
}
