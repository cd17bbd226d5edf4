//! The one entry for developers and CI: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`, and a Postgres
//! server to try things on, `cargo xtask postgres`; and `cargo xtask torture`.

mod budget;
mod command;
mod database;
mod failure;
mod lint;
mod manifest;
mod msrv;
mod postgres;
mod step;
mod task;
mod test;
mod test_on;
mod torture;
mod versions;

use std::{env, process::ExitCode};

use task::{Task, USAGE};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() -> ExitCode {
    let arguments: Vec<_> =
        env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match Task::parse(&arguments) {
        Ok(Task::Test) => test::run(),
        Ok(Task::TestOn(versions)) => test_on::run(&versions),
        Ok(Task::Lint) => lint::run(),
        Ok(Task::Ci) => lint::run().and_then(|()| test::run()),
        Ok(Task::Torture(arguments)) => torture::run(&arguments),
        Ok(Task::Postgres(major)) => postgres::run(major),
        Ok(Task::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            if !reason.is_empty() {
                eprintln!("error: {reason}\n");
            }
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}
