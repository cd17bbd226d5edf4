//! What annals parses, given anything at all: it never panics, and what it takes it gives back.
//!
//! Each target is a function of bytes. `cargo xtask fuzz` looks for bytes that make one panic; `tests/corpus.rs` runs
//! them all over the inputs kept in `corpus/`, as every test run does.

mod targets;

pub use targets::TARGETS;

/// What is given anything at all.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line, and the folder of its inputs.
    pub name: &'static str,
    /// Panics when it finds something.
    pub run: fn(&[u8]),
}
