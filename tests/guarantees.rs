//! What `docs/guarantees.md` names is there.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path};

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let named = page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    let named: Vec<_> = named.filter_map(|name| name.split_once("::")).collect();
    assert!(named.len() > 40, "{}", named.len());
    for (file, name) in named {
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        let is_there = [format!("fn {name}("), format!("fn {name}<")];
        assert!(is_there.iter().any(|it| source.contains(it)), "{file} has no {name}");
    }
}
