//! Every input that is kept, once more: seeds, and what has once made a target panic.

use std::{fs, path::Path};

use annals_fuzz::TARGETS;

#[test]
fn every_target_has_inputs_and_takes_them() {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        let inputs: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert!(inputs.len() > 2, "{} has seeds", target.name);
        for input in inputs {
            println!("{}", input.display());
            (target.run)(&fs::read(&input).expect("a file"));
        }
    }
}

#[test]
fn no_input_is_kept_for_a_target_that_is_gone() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        assert!(TARGETS.iter().any(|target| *target.name == *name), "{}", name.display());
    }
}
