//! What the lint steps need to know from the root `Cargo.toml`.
//!
//! This reads the few lines it needs and refuses whatever it does not understand, so a feature
//! written in another way stops the run instead of going unchecked.

use std::{fs, path::Path};

use crate::{ROOT, failure::Failure};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The features of the facade, without `default`, in the order of the file.
    pub(crate) features: Vec<String>,
    /// The minimum Rust version: `1.95` or `1.95.1`.
    pub(crate) rust_version: String,
}

impl Manifest {
    pub(crate) fn read() -> Result<Self, Failure> {
        let path = Path::new(ROOT).join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|source| Failure::Unreadable { path, source })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        Ok(Self { features: features(text)?, rust_version: rust_version(text)? })
    }
}

fn features(text: &str) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut inside_list = false;
    for line in section(text, "[features]")? {
        if inside_list {
            inside_list = !line.contains(']');
            continue;
        }
        let entry = line.split_once('=').map(|(name, list)| (name.trim(), list.trim()));
        match entry {
            Some((name, list)) if is_plain(name) && list.starts_with('[') => {
                inside_list = !list.contains(']');
                names.push(name.to_owned());
            }
            _ => return Err(refused(format!("`{line}` under [features] should read `name = [...]`"))),
        }
    }
    names.retain(|name| name != "default");
    Ok(names)
}

fn rust_version(text: &str) -> Result<String, Failure> {
    section(text, "[workspace.package]")?
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "rust-version")
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|version| version.split('.').all(|part| part.parse::<u32>().is_ok()))
        .ok_or_else(|| refused("[workspace.package] should have a line `rust-version = \"1.2\"`".to_owned()))
}

/// The lines of one section, without comments and blank lines.
fn section<'a>(text: &'a str, header: &str) -> Result<impl Iterator<Item = &'a str> + use<'a>, Failure> {
    let mut lines = text.lines().map(|line| line.split_once('#').map_or(line, |(code, _)| code).trim());
    if !lines.any(|line| line == header) {
        return Err(refused(format!("there is no section {header}")));
    }
    Ok(lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty()))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn refused(problem: String) -> Failure {
    Failure::Manifest { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[workspace.package]
version = "0.1.0"
rust-version = "1.95" # promised

[package]
rust-version.workspace = true

[features]
default = ["macros"]
# The derives.
macros = ["dep:annals-macros"] # = not this
bare = []
long-one = [
    "bare",
    "macros",
]
last = ["bare"]

[dependencies]
serde = "1"
"#;

    #[test]
    fn knows_every_feature_but_default() {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        assert_eq!(manifest.features, ["macros", "bare", "long-one", "last"]);
    }

    #[test]
    fn knows_the_minimum_rust_version() {
        assert_eq!(Manifest::parse(MANIFEST).unwrap().rust_version, "1.95");
    }

    #[test]
    fn refuses_a_feature_it_cannot_read() {
        for line in ["\"quoted\" = []", "a.b = []", "name", "name = true"] {
            let failure = Manifest::parse(&MANIFEST.replace("bare = []", line)).unwrap_err();
            assert!(failure.to_string().contains(line), "{failure}");
        }
    }

    #[test]
    fn refuses_a_manifest_without_the_sections_it_reads() {
        for header in ["[features]", "[workspace.package]"] {
            let failure = Manifest::parse(&MANIFEST.replace(header, "[other]")).unwrap_err();
            assert!(failure.to_string().contains(header), "{failure}");
        }
    }

    #[test]
    fn refuses_a_version_that_is_none() {
        for version in ["", "latest", "1.", "1.95-beta"] {
            assert!(Manifest::parse(&MANIFEST.replace("1.95", version)).is_err(), "{version}");
        }
    }

    #[test]
    fn reads_the_manifest_of_this_workspace() {
        let manifest = Manifest::read().unwrap();
        assert_eq!(manifest.rust_version, env!("CARGO_PKG_RUST_VERSION"));
        assert!(!manifest.features.is_empty());
    }
}
