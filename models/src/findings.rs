//! What is found of a model once all its states were looked at.

use std::{collections::BTreeMap, fmt::Debug, hash::Hash};

use stateright::{Checker, Expectation, Model};

/// What a model must be to be looked at.
pub trait Explorable:
    Model<State: Debug + Hash + Clone + PartialEq + Send + Sync, Action: Debug + Clone + PartialEq>
    + Send
    + Sync
    + 'static
{
}

impl<M> Explorable for M where
    M: Model<
            State: Debug + Hash + Clone + PartialEq + Send + Sync,
            Action: Debug + Clone + PartialEq,
        > + Send
        + Sync
        + 'static
{
}

/// Demands that everything holds of `model`, and that all can happen that should be possible.
///
/// # Panics
/// If not; it says how it comes to that.
#[track_caller]
pub fn holds(model: impl Explorable) {
    let findings = Findings::of(model);
    assert!(findings.fallen.is_empty(), "{findings:#?}");
    assert!(findings.unseen.is_empty(), "{findings:#?}");
}

/// Demands that just these properties of `model` fall, and prints how.
///
/// # Panics
/// If others do, or not all of them.
#[track_caller]
pub fn falls(model: impl Explorable, properties: &[&str]) {
    let findings = Findings::of(model);
    println!("{findings:#?}");
    let fallen: Vec<_> = findings.fallen.keys().copied().collect();
    let mut expected = properties.to_vec();
    expected.sort_unstable();
    assert_eq!(fallen, expected, "{findings:#?}");
}

#[derive(Debug)]
#[expect(dead_code, reason = "for whoever reads that a test has failed")]
struct Findings {
    states: usize,
    /// What does not hold, and a way there.
    fallen: BTreeMap<&'static str, Vec<String>>,
    /// What should be possible, and is not.
    unseen: Vec<&'static str>,
}

impl Findings {
    fn of(model: impl Explorable) -> Self {
        let checker = model.checker().spawn_bfs().join();
        let mut discoveries = checker.discoveries();
        let (mut fallen, mut unseen) = (BTreeMap::new(), Vec::new());
        for property in checker.model().properties() {
            let way = discoveries.remove(property.name).map(|path| {
                path.into_actions().iter().map(|action| format!("{action:?}")).collect()
            });
            match (property.expectation, way) {
                (Expectation::Sometimes, None) => unseen.push(property.name),
                (Expectation::Always | Expectation::Eventually, Some(way)) => {
                    fallen.insert(property.name, way);
                }
                _ => {}
            }
        }
        Self { states: checker.unique_state_count(), fallen, unseen }
    }
}
