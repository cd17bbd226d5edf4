//! What can be asked for on the command line.

use crate::{
    bench::Bench,
    versions::{self, major},
};

pub(crate) const USAGE: &str = "\
usage: cargo xtask <task>

  test                 every test of the workspace, and every example
  test --postgres 15   only the tests that need a Postgres server, on version 15; also 13..18, or 13,15,17
  fuzz [TARGET]        looks for inputs that make what parses panic, a minute for each target, or --seconds N
  lint                 format, clippy, docs, each feature alone, minimum Rust version, dependency budget
  ci                   lint, then test
  bench [PART...]      measures annals beside sqlx by hand, on a Postgres server of its own, and draws charts of it;
                       --quick in a few minutes, --json FILE for a file other than target/bench/figures.json, --docs
                       for the figures that the docs show; other options as `bench --help` says
  charts               the charts and tables of the docs again, from docs/performance/figures.json
  torture --minutes 5  processes and a server, killed, frozen and cut off at random; --help says what else it takes
  postgres [15]        a throwaway Postgres server for tests by hand, until Ctrl-C or the end of input

The tests use the Postgres server at ANNALS_TEST_DATABASE_URL; without that, one is started for them. Its programs
are taken from the folder ANNALS_TEST_POSTGRES_BIN, or found, or installed.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Test,
    TestOn(Vec<u32>),
    Fuzz {
        /// All of them, if none is named.
        target: Option<String>,
        seconds: u64,
    },
    Lint,
    Ci,
    Bench(Bench),
    Charts,
    /// With arguments for the torture itself.
    Torture(String),
    Postgres(Option<u32>),
    Help,
}

impl Task {
    /// The task, or what is wrong with the arguments; nothing but the usage when there are none.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, String> {
        match *arguments {
            [] => Err(String::new()),
            ["test"] => Ok(Self::Test),
            ["test", "--postgres", versions] => versions::parse(versions).map(Self::TestOn),
            ["test", "--postgres"] => Err("which versions of Postgres?".to_owned()),
            ["fuzz", ref options @ ..] => fuzz(options),
            ["lint"] => Ok(Self::Lint),
            ["ci"] => Ok(Self::Ci),
            ["bench", ref arguments @ ..] => Bench::parse(arguments).map(Self::Bench),
            ["charts"] => Ok(Self::Charts),
            ["torture", ref arguments @ ..] => Ok(Self::Torture(arguments.join(" "))),
            ["postgres"] => Ok(Self::Postgres(None)),
            ["postgres", version] => major(version).map(|version| Self::Postgres(Some(version))),
            ["help" | "--help" | "-h"] => Ok(Self::Help),
            ref other => Err(format!("there is no task `{}`", other.join(" "))),
        }
    }
}

fn fuzz(options: &[&str]) -> Result<Task, String> {
    let (target, seconds) = match *options {
        [] => (None, "60"),
        ["--seconds", seconds] => (None, seconds),
        [target] => (Some(target), "60"),
        [target, "--seconds", seconds] => (Some(target), seconds),
        _ => return Err(format!("there is no task `fuzz {}`", options.join(" "))),
    };
    let seconds = seconds.parse().map_err(|_| format!("`{seconds}` is no number of seconds"))?;
    Ok(Task::Fuzz { target: target.map(str::to_owned), seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_understood() {
        for (arguments, task) in [
            ("test", Task::Test),
            ("test --postgres 13..15", Task::TestOn(vec![13, 14, 15])),
            ("fuzz", Task::Fuzz { target: None, seconds: 60 }),
            ("fuzz names --seconds 9", Task::Fuzz { target: Some("names".to_owned()), seconds: 9 }),
            ("lint", Task::Lint),
            ("ci", Task::Ci),
            ("charts", Task::Charts),
            ("torture", Task::Torture(String::new())),
            ("torture --minutes 5", Task::Torture("--minutes 5".to_owned())),
            ("torture --help", Task::Torture("--help".to_owned())),
            ("postgres", Task::Postgres(None)),
            ("postgres 15", Task::Postgres(Some(15))),
            ("help", Task::Help),
            ("--help", Task::Help),
        ] {
            let words: Vec<_> = arguments.split(' ').collect();
            assert_eq!(Task::parse(&words), Ok(task), "{arguments}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for arguments in
            ["tset", "test 15", "test --postgres 13 14", "lint test", "test lint", "fuzz a b c"]
        {
            let words: Vec<_> = arguments.split(' ').collect();
            assert_eq!(Task::parse(&words), Err(format!("there is no task `{arguments}`")));
        }
        assert!(Task::parse(&["postgres", "new"]).unwrap_err().contains("`new`"));
        assert!(Task::parse(&["test", "--postgres", "new"]).unwrap_err().contains("`new`"));
        assert_eq!(Task::parse(&[]), Err(String::new()));
    }
}
