//! `cargo xtask fuzz`: looks for inputs that make what parses panic.

use std::{fs, path::Path};

use crate::{
    ROOT,
    command::CommandLine,
    failure::Failure,
    step::{command_step, step},
};

/// How long each target runs as a part of the tests.
pub(crate) const SHORTLY: u64 = 5;

/// What tells the fuzzer where an input has led, on any toolchain.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// Runs the target of this name, or each of them, for so many seconds.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<(), Failure> {
    step("C++ compiler", find_compiler)?;
    let host = CommandLine::new("rustc", "--print host-tuple").output()?;
    let host = host.trim();
    // With a host named, the flags are not given to build scripts and macros.
    let build = format!(
        "build --package annals-fuzz --release --locked --target {host} --target-dir target/fuzz"
    );
    command_step("fuzzer", &CommandLine::cargo(&build).with_env("RUSTFLAGS", FLAGS))?;
    let targets = CommandLine::cargo("run --quiet --package annals-fuzz --locked").output()?;
    let targets: Vec<_> = targets.lines().collect();
    if let Some(unknown) = target.filter(|name| !targets.contains(name)) {
        return Err(Failure::NoTarget { name: unknown.to_owned(), targets: targets.join(", ") });
    }
    for name in targets.iter().filter(|name| target.is_none_or(|target| **name == target)) {
        let found = format!("target/fuzz/corpus/{name}");
        let kept = format!("fuzz/corpus/{name}");
        fs::create_dir_all(Path::new(ROOT).join(&found))
            .map_err(|source| Failure::NoFolder { path: found.clone(), source })?;
        // What makes a target panic is kept with its seeds, so that every test run meets it from then on.
        let arguments = format!(
            "-max_total_time={seconds} -timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=0 -print_funcs=0 \
             -print_final_stats=1 -artifact_prefix={kept}/ {found} {kept}"
        );
        let program = format!("target/fuzz/{host}/release/annals-fuzz");
        let command = CommandLine::new(program, &arguments).with_env("ANNALS_FUZZ_TARGET", *name);
        command_step(&format!("{name}, {seconds} s"), &command)?;
    }
    Ok(())
}

/// libFuzzer is C++.
fn find_compiler() -> Result<(), Failure> {
    if CommandLine::new("c++", "--version").output().is_ok() {
        return Ok(());
    }
    let install = "install --yes --no-install-recommends g++";
    ["update", install]
        .iter()
        .try_for_each(|arguments| CommandLine::new("apt-get", arguments).run())
        .map_err(|_| Failure::NoCompiler)
}
