//! `cargo xtask test`: everything that has to pass, on any machine that has a Postgres server or may get one.

use crate::{
    command::CommandLine,
    database::Database,
    failure::Failure,
    fuzz,
    manifest::Manifest,
    step::{command_step, step},
};

pub(crate) fn run() -> Result<(), Failure> {
    let database = step("Postgres server", Database::of_environment)?;
    let cargo = |arguments: &str| database.given_to(CommandLine::cargo(arguments));
    command_step("tests", &cargo("test --workspace --all-features --locked"))?;
    // `cargo test` compiles the tests inside examples, and runs them only when asked to.
    let command = cargo("test --workspace --all-features --locked --examples");
    command_step("tests in examples", &command)?;
    for name in Manifest::read()?.examples {
        let command = cargo(&format!(
            "run --quiet --package annals --all-features --locked --example {name}"
        ));
        command_step(&format!("example {name}"), &command)?;
    }
    fuzz::run(None, fuzz::SHORTLY)
}
