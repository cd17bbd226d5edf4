//! `cargo xtask torture`: a crate of its own, since it needs what it tortures.

use crate::{command::CommandLine, failure::Failure};

/// The arguments are those of the crate's program, which explains them.
pub(crate) fn run(arguments: &str) -> Result<(), Failure> {
    let run = "run --quiet --package annals-torture --locked --";
    CommandLine::cargo(&format!("{run} {arguments}")).run()
}
