//! What the steps need to know of the workspace, as cargo tells it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{command::CommandLine, failure::Failure};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The packages of the workspace.
    pub(crate) packages: Vec<String>,
    /// The features of the facade, without `default`.
    pub(crate) features: Vec<String>,
    /// The facade's examples, so that none can be forgotten.
    pub(crate) examples: Vec<String>,
    /// The facade's integration tests.
    pub(crate) tests: Vec<String>,
    /// The minimum Rust version: `1.95` or `1.95.1`.
    pub(crate) rust_version: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    rust_version: String,
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Manifest {
    pub(crate) fn read() -> Result<Self, Failure> {
        let command = CommandLine::cargo("metadata --no-deps --format-version 1 --locked");
        Self::parse(&command.output()?)
    }

    fn parse(metadata: &str) -> Result<Self, Failure> {
        let metadata: Metadata = serde_json::from_str(metadata).map_err(Failure::Metadata)?;
        let packages = metadata.packages.iter().map(|package| package.name.clone()).collect();
        let facade = metadata.packages.into_iter().find(|package| package.name == "annals");
        let Package { rust_version, features, targets, .. } = facade.ok_or(Failure::NoFacade)?;
        let named = |wanted: &str| {
            let of_kind = |target: &&Target| target.kind.iter().any(|kind| kind == wanted);
            targets.iter().filter(of_kind).map(|target| target.name.clone()).collect()
        };
        Ok(Self {
            features: features.into_keys().filter(|feature| feature != "default").collect(),
            examples: named("example"),
            tests: named("test"),
            packages,
            rust_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facade_is_read_and_of_other_packages_the_name() {
        let metadata = r#"{"packages": [
            {"name": "xtask", "rust_version": "1.2", "features": {"no": []}, "targets": []},
            {"name": "annals", "rust_version": "1.95", "features": {"memory": [], "default": ["memory"]}, "targets": [
                {"name": "annals", "kind": ["lib"]}, {"name": "bank", "kind": ["example"]}, {"name": "model", "kind": ["test"]}]}
        ]}"#;
        let manifest = Manifest::parse(metadata).unwrap();
        assert_eq!(manifest.features, ["memory"]);
        assert_eq!(manifest.examples, ["bank"]);
        assert_eq!(manifest.tests, ["model"]);
        assert_eq!(manifest.packages, ["xtask", "annals"]);
        assert_eq!(manifest.rust_version, "1.95");
    }

    #[test]
    fn what_is_missing_is_a_failure() {
        assert!(matches!(Manifest::parse(r#"{"packages": []}"#), Err(Failure::NoFacade)));
        assert!(matches!(Manifest::parse("{}"), Err(Failure::Metadata(_))));
    }
}
