//! The README's program is a doc test; here its own test runs, too.
#![cfg(all(feature = "macros", feature = "memory"))]

include!("readme/program.rs");

#[test]
fn the_readme_shows_this_very_program() {
    let program = include_str!("readme/program.rs");
    assert!(include_str!("../README.md").contains(&format!("```rust\n{program}```\n")));
}

#[test]
fn the_readmes_program_runs() {
    main().unwrap();
}
