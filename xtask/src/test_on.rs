//! `cargo xtask test --postgres 13..18`: the tests that need a server, on a server of each version.

use annals_test_server::Binaries;

use crate::{
    command::CommandLine,
    database::Database,
    failure::Failure,
    manifest::Manifest,
    step::{command_step, step},
};

/// A version that fails does not keep the others from being tested. One that could not be had is a failure, too: it
/// was asked for, and nothing is known about it.
pub(crate) fn run(versions: &[u32]) -> Result<(), Failure> {
    let commands = commands(&Manifest::read()?);
    let (mut failed, mut missing, mut summary) = (Vec::new(), Vec::new(), Vec::new());
    for &version in versions {
        let heading = format!("Postgres {version}");
        match step(&heading, || Ok(Binaries::find_major(version)?)) {
            Err(failure) => {
                missing.push(version);
                summary.push(format!("{version}: could not be had: {failure}"));
            }
            Ok(binaries) => {
                let full = binaries.version().to_owned();
                summary.push(match on(binaries, &heading, &commands) {
                    Ok(()) => format!("{version}: passed on {full}"),
                    Err(failure) => {
                        failed.push(version);
                        format!("{version}: failed on {full}: {failure}")
                    }
                });
            }
        }
    }
    eprintln!("\n=== Postgres, version by version\n{}", summary.join("\n"));
    if failed.is_empty() && missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::Versions { failed, missing })
    }
}

fn on(binaries: Binaries, heading: &str, commands: &[CommandLine]) -> Result<(), Failure> {
    let database = Database::start(binaries)?;
    commands.iter().try_for_each(|command| {
        command_step(&format!("{heading}: {command}"), &database.given_to(command.clone()))
    })
}

/// The tests of the servers themselves, of the Postgres store, and the facade's tests named `postgres…`.
fn commands(manifest: &Manifest) -> Vec<CommandLine> {
    let packages = ["annals-test-server", "annals-postgres-store"];
    let packages = packages.iter().filter(|name| manifest.packages.iter().any(|n| n == *name));
    let mut commands: Vec<_> = packages
        .map(|name| CommandLine::cargo(&format!("test --package {name} --all-features --locked")))
        .collect();
    // Cargo knows `--test 'postgres*'`, and fails when there is none.
    let tests = manifest.tests.iter().filter(|name| name.starts_with("postgres"));
    let tests: String = tests.map(|name| format!(" --test {name}")).collect();
    if !tests.is_empty() {
        let arguments = format!("test --package annals --all-features --locked{tests}");
        commands.push(CommandLine::cargo(&arguments));
    }
    if manifest.tests.iter().any(|name| name == "followers") {
        let arguments =
            "test --package annals --all-features --locked --test followers on_postgres";
        commands.push(CommandLine::cargo(arguments));
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(packages: &[&str], tests: &[&str]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let manifest = Manifest {
            packages: owned(packages),
            tests: owned(tests),
            features: Vec::new(),
            examples: Vec::new(),
            rust_version: String::new(),
        };
        commands(&manifest).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_needs_a_server_is_run_and_nothing_else() {
        let commands = shown(
            &["annals", "annals-postgres-store", "annals-test-server", "xtask"],
            &["followers", "model", "postgres", "postgres_kill"],
        );
        assert_eq!(
            commands,
            [
                "cargo test --package annals-test-server --all-features --locked",
                "cargo test --package annals-postgres-store --all-features --locked",
                "cargo test --package annals --all-features --locked --test postgres --test postgres_kill",
                "cargo test --package annals --all-features --locked --test followers on_postgres",
            ]
        );
    }

    #[test]
    fn what_does_not_exist_is_not_asked_for() {
        let only = ["cargo test --package annals-test-server --all-features --locked"];
        assert_eq!(shown(&["annals", "annals-test-server"], &["model"]), only);
    }
}
