//! `cargo xtask test`: everything that has to pass on a machine with nothing but a Rust toolchain.

use crate::{command::CommandLine, failure::Failure, manifest::Manifest, step::command_step};

pub(crate) fn run() -> Result<(), Failure> {
    command_step("tests", &CommandLine::cargo("test --workspace --all-features --locked"))?;
    // `cargo test` compiles the tests inside examples, and runs them only when asked to.
    let command = CommandLine::cargo("test --workspace --all-features --locked --examples");
    command_step("tests in examples", &command)?;
    for name in Manifest::read()?.examples {
        let command = CommandLine::cargo(&format!(
            "run --quiet --package annals --all-features --locked --example {name}"
        ));
        command_step(&format!("example {name}"), &command)?;
    }
    Ok(())
}
