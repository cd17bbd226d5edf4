//! A short torture, as it is run with the other tests; `cargo xtask torture` is the long one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::{Command, Output};

fn torture(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_annals-torture")).args(arguments).output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn nothing_is_found_in_half_a_minute() {
    assert!(torture(&["--minutes", "0.5"]).status.success());
}
