//! The one entry for developers and CI: `cargo xtask test`, `cargo xtask lint`, `cargo xtask ci`.

mod budget;
mod command;
mod failure;
mod lint;
mod manifest;
mod msrv;
mod step;
mod test;

use std::{env, process::ExitCode};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const USAGE: &str = "\
usage: cargo xtask <task>

  test   every test of the workspace, and every example
  lint   format, clippy, docs, each feature alone, minimum Rust version, dependency budget
  ci     lint, then test
";

fn main() -> ExitCode {
    let arguments: Vec<_> =
        env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments {
        ["test"] => test::run(),
        ["lint"] => lint::run(),
        ["ci"] => lint::run().and_then(|()| test::run()),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ref other => {
            if !other.is_empty() {
                eprintln!("error: there is no task `{}`\n", other.join(" "));
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
