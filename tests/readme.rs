//! The README shows the example `bank`, to the letter.

#[test]
fn the_readme_shows_the_example_bank() {
    let program = include_str!("../examples/bank.rs");
    assert!(include_str!("../README.md").contains(&format!("```rust\n{program}```\n")));
}
