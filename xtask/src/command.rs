//! One command line, shown as a person would type it: before it runs, and again when it fails.

use std::{
    env,
    ffi::OsString,
    fmt,
    process::{Command, Stdio},
};

use crate::{ROOT, failure::Failure};

/// A command that runs in the root of the repository, with nothing to read on its input.
#[derive(Debug, Clone)]
pub(crate) struct CommandLine {
    executable: OsString,
    name: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl CommandLine {
    /// `program` by its path, or as found on the search path; `arguments` are separated by white space.
    pub(crate) fn new(program: impl Into<String>, arguments: &str) -> Self {
        let name = program.into();
        Self {
            executable: name.clone().into(),
            name,
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            environment: Vec::new(),
        }
    }

    /// The cargo that runs this program, so `cargo +nightly xtask lint` stays on nightly.
    pub(crate) fn cargo(arguments: &str) -> Self {
        let executable = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self { executable, ..Self::new("cargo", arguments) }
    }

    /// The same command with more arguments, as they are.
    #[must_use]
    pub(crate) fn with_arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// The same command with one environment variable set.
    #[must_use]
    pub(crate) fn with_env(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((key, value.into()));
        self
    }

    /// Shows the command and runs it; its output goes straight through.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        eprintln!("$ {self}");
        let status = self.command().status().map_err(|source| self.not_started(source))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Command { command: self.to_string(), status })
        }
    }

    /// Runs the command and returns what it printed; its errors are shown when it fails.
    pub(crate) fn output(&self) -> Result<String, Failure> {
        let output = self.command().output().map_err(|source| self.not_started(source))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        Err(Failure::Command { command: self.to_string(), status: output.status })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.current_dir(ROOT).stdin(Stdio::null());
        command
    }

    fn not_started(&self, source: std::io::Error) -> Failure {
        Failure::NotStarted { command: self.to_string(), source }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.environment {
            write!(f, "{key}='{value}' ")?;
        }
        f.write_str(&self.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_typed() {
        let command =
            CommandLine::cargo("doc --no-deps  --locked").with_env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(command.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked");
    }

    #[test]
    fn returns_what_was_printed() {
        let version = CommandLine::new("rustc", "--version").output().unwrap();
        assert!(version.starts_with("rustc "), "{version}");
    }

    #[test]
    fn names_the_command_that_failed() {
        let failure = CommandLine::new("rustc", "--no-such-option").output().unwrap_err();
        assert!(failure.to_string().starts_with("`rustc --no-such-option` failed"), "{failure}");
    }

    #[test]
    fn names_the_program_that_is_missing() {
        let failure = CommandLine::new("no-such-program-anywhere", "").run().unwrap_err();
        assert!(matches!(failure, Failure::NotStarted { .. }), "{failure}");
    }
}
