//! The minimum Rust version: the workspace compiles on the `rust-version` it promises.

use crate::{command::CommandLine, failure::Failure};

const CHECK: &str = "check --workspace --all-features --locked";

pub(crate) fn check(minimum: &str) -> Result<(), Failure> {
    let active = CommandLine::new("rustc", "--version").output()?;
    if is_version(&active, minimum) {
        return CommandLine::cargo(CHECK).run();
    }
    let toolchains = CommandLine::new("rustup", "toolchain list").output().unwrap_or_default();
    match installed(&toolchains, minimum) {
        // `+` is understood by the cargo on the path, rustup's, and not by that of a toolchain.
        Some(toolchain) => CommandLine::new("cargo", &format!("+{toolchain} {CHECK}")).run(),
        None => Err(Failure::NoToolchain { version: minimum.to_owned() }),
    }
}

/// Whether the answer of `rustc --version` is `minimum`, in any patch release it leaves open.
fn is_version(answer: &str, minimum: &str) -> bool {
    answer.split_whitespace().nth(1).is_some_and(|version| covers(minimum, version))
}

/// The toolchain in the answer of `rustup toolchain list` that is `minimum`.
fn installed<'a>(list: &'a str, minimum: &str) -> Option<&'a str> {
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names
        .into_iter()
        .find(|name| name.split('-').next().is_some_and(|version| covers(minimum, version)))
}

/// `1.95` covers `1.95` and `1.95.3`; it covers neither `1.9` nor `1.950` nor `1.95.0-nightly`.
fn covers(minimum: &str, version: &str) -> bool {
    let patch = version.strip_prefix(minimum);
    patch.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|patch| patch.parse::<u32>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_release_is_the_version() {
        assert!(is_version("rustc 1.95.0 (59807616e 2026-04-14)", "1.95"));
        assert!(is_version("rustc 1.95.2 (59807616e 2026-04-14)", "1.95.2"));
    }

    #[test]
    fn another_release_is_not() {
        for answer in [
            "rustc 1.96.0 (x)",
            "rustc 1.9.0",
            "rustc 1.950.0",
            "rustc 1.95.0-nightly (x)",
            "",
            "1.95",
        ] {
            assert!(!is_version(answer, "1.95"), "{answer}");
        }
        assert!(!is_version("rustc 1.95.0", "1.95.2"));
    }

    #[test]
    fn finds_the_toolchain_by_its_version() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n\
                    1.9-x86_64-unknown-linux-gnu\n\
                    1.95.0-x86_64-unknown-linux-gnu\n";
        assert_eq!(installed(list, "1.95"), Some("1.95.0-x86_64-unknown-linux-gnu"));
        assert_eq!(installed(list, "1.96"), None);
        assert_eq!(installed("", "1.95"), None);
    }

    #[test]
    fn says_how_to_install_what_is_missing() {
        let failure = Failure::NoToolchain { version: "1.95".to_owned() };
        assert!(failure.to_string().contains("rustup toolchain install 1.95"), "{failure}");
    }
}
