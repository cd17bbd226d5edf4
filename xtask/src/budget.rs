//! The dependency budget: how many crates a user of the default features compiles.

use std::collections::BTreeSet;

use crate::{command::CommandLine, failure::Failure};

/// Counts the library's own crates too. Raising it is a decision, to be made in a commit of its own.
const LIMIT: usize = 45;

pub(crate) fn check() -> Result<(), Failure> {
    let command = CommandLine::cargo("tree --edges normal --prefix none --package annals --locked");
    eprintln!("$ {command}");
    let crates = distinct(&command.output()?);
    if crates.len() > LIMIT {
        let crates = crates.into_iter().collect();
        return Err(Failure::OverBudget { command: command.to_string(), limit: LIMIT, crates });
    }
    eprintln!("{} crates of {LIMIT}", crates.len());
    Ok(())
}

/// The crates in the answer of `cargo tree --prefix none`, each version once: `name v1.2.3`.
fn distinct(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(format!("{} {}", words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_crate_once_and_two_versions_twice() {
        let tree = "annals v0.1.0 (/somewhere)\n\
                    serde_derive v1.0.229 (proc-macro)\n\
                    syn v2.0.1\n\
                    serde_derive v1.0.229 (proc-macro) (*)\n\
                    \n\
                    syn v3.0.9\n";
        let names: Vec<_> = distinct(tree).into_iter().collect();
        assert_eq!(names, ["annals v0.1.0", "serde_derive v1.0.229", "syn v2.0.1", "syn v3.0.9"]);
    }

    #[test]
    fn a_failure_lists_the_crates() {
        let crates = vec!["a v1.0.0".to_owned(), "b v2.0.0".to_owned()];
        let failure = Failure::OverBudget { command: "cargo tree".to_owned(), limit: 1, crates };
        let expected = "`cargo tree` lists 2 crates, the budget is 1:\n    a v1.0.0\n    b v2.0.0";
        assert_eq!(failure.to_string(), expected);
    }
}
