//! A step: announced by a heading, timed, and over at its first failure.

use std::time::Instant;

use crate::{command::CommandLine, failure::Failure};

/// Runs `work` under `heading` and says how long it took, whatever its outcome.
pub(crate) fn step<T>(
    heading: &str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    eprintln!("\n=== {heading}");
    let start = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() { "done in" } else { "failed after" };
    eprintln!("=== {heading}: {verdict} {:.1} s", start.elapsed().as_secs_f64());
    outcome
}

/// A step that is one command.
pub(crate) fn command_step(heading: &str, command: &CommandLine) -> Result<(), Failure> {
    step(heading, || command.run())
}
