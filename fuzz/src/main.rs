//! The target that `ANNALS_FUZZ_TARGET` names, for libFuzzer: start it by `cargo xtask fuzz`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static TARGET: std::sync::LazyLock<annals_fuzz::Target> = std::sync::LazyLock::new(|| {
        let name = std::env::var("ANNALS_FUZZ_TARGET").expect("ANNALS_FUZZ_TARGET names a target");
        let target = annals_fuzz::TARGETS.iter().find(|target| target.name == name);
        *target.unwrap_or_else(|| panic!("there is no target {name}"))
    });
    (TARGET.run)(bytes);
});

#[cfg(not(fuzzing))]
fn main() {
    for target in annals_fuzz::TARGETS {
        println!("{}", target.name);
    }
}
