//! The one entry for developers and CI: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`; `cargo xtask fuzz` and
//! `cargo xtask torture`; what annals costs, `cargo xtask bench`; and a Postgres server to try things on, `cargo xtask postgres`.

mod bench;
mod budget;
mod charts;
mod command;
mod database;
mod failure;
mod fuzz;
mod lint;
mod manifest;
mod msrv;
mod performance;
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
        Ok(Task::Fuzz { target, seconds }) => fuzz::run(target.as_deref(), seconds),
        Ok(Task::Lint) => lint::run(),
        Ok(Task::Ci) => lint::run().and_then(|()| test::run()),
        Ok(Task::Bench(bench)) => bench::run(&bench),
        Ok(Task::Charts) => performance::draw_again(),
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
