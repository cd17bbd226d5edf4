//! Packages from the system's package manager, where they may be had without a question.

use std::process::{Command, Stdio};

use crate::account::Account;

/// What may be installed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Package {
    Server,
    PgBouncer,
}

/// A package manager, and whether it wants root.
struct Manager {
    program: &'static str,
    as_root: bool,
    /// What comes before an installation.
    update: Option<&'static str>,
    install: &'static str,
    /// The package with a server.
    server: &'static str,
}

const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        as_root: true,
        update: Some("update"),
        install: "install --yes --no-install-recommends",
        server: "postgresql",
    },
    Manager {
        program: "dnf",
        as_root: true,
        update: None,
        install: "install --assumeyes",
        server: "postgresql-server",
    },
    Manager { program: "apk", as_root: true, update: None, install: "add", server: "postgresql" },
    Manager {
        program: "brew",
        as_root: false,
        update: None,
        install: "install",
        server: "postgresql@17",
    },
];

/// Installs a package, or says why not.
pub(crate) fn with_package_manager(package: Package) -> Result<(), String> {
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
        let name = match package {
            Package::Server => manager.server,
            Package::PgBouncer => "pgbouncer",
        };
        let install = format!("{} {name}", manager.install);
        let commands = manager.update.into_iter().chain([&*install]);
        return commands.into_iter().try_for_each(|command| run(manager.program, command));
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
