//! `cargo xtask lint`: what can be said about the code without running it.

use crate::{
    budget,
    command::CommandLine,
    failure::Failure,
    manifest::Manifest,
    msrv,
    step::{command_step, step},
};

pub(crate) fn run() -> Result<(), Failure> {
    let manifest = Manifest::read()?;
    command_step("format", &CommandLine::cargo("fmt --all --check"))?;
    command_step(
        "clippy",
        &CommandLine::cargo(
            "clippy --workspace --all-targets --all-features --locked -- -D warnings",
        ),
    )?;
    command_step(
        "docs",
        &CommandLine::cargo("doc --no-deps --all-features --workspace --locked")
            .with_env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    command_step("no feature", &feature_alone(""))?;
    for feature in &manifest.features {
        let command = feature_alone(&format!("--features {feature}"));
        command_step(&format!("feature {feature} alone"), &command)?;
    }
    step(&format!("minimum Rust version {}", manifest.rust_version), || {
        msrv::check(&manifest.rust_version)
    })?;
    step("dependency budget", budget::check)
}

/// Clippy rather than check: it covers the crates behind the facade too, and an import that only
/// another feature uses is a failure, where check would print a warning and pass.
fn feature_alone(feature: &str) -> CommandLine {
    CommandLine::cargo(&format!(
        "clippy --package annals --no-default-features {feature} --locked -- -D warnings"
    ))
}
