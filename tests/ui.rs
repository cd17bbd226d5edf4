//! What the derive says about mistakes: one in each file, the answer beside it.
//!
//! Only what the derive itself says stands here: the words of rustc change from release to release.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
