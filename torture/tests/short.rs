//! A short torture, as it is run with the other tests; `cargo xtask torture` is the long one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{process::Command, sync::Mutex};

/// One at a time: each has processes enough.
static ALONE: Mutex<()> = Mutex::new(());

#[track_caller]
fn torture(arguments: &[&str]) {
    let _alone = ALONE.lock();
    let output = Command::new(env!("CARGO_BIN_EXE_annals-torture")).args(arguments).output();
    let output = output.unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
}

#[test]
fn nothing_is_found_in_half_a_minute() {
    torture(&["--minutes", "0.5"]);
}

/// Those that are found within seconds; `cargo xtask torture --break-all` has them all.
#[test]
fn what_is_done_wrong_on_purpose_is_found() {
    for broken in ["mark-in-reading-statement", "version-check-after-nextval", "ids-not-looked-up"]
    {
        torture(&["--minutes", "2", "--break", broken]);
    }
}
