use super::*;

/// What does not hold of `appends`, or cannot happen although it should.
fn fallen(appends: Appends) -> Vec<&'static str> {
    let checker = appends.checker().spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    let found = checker.discoveries();
    for (name, path) in &found {
        println!("{name}: {:#?}", path.clone().into_actions());
    }
    let properties = checker.model().properties();
    let is_fallen = |property: &&Property<Appends>| {
        property.expectation.discovery_is_failure() == found.contains_key(property.name)
    };
    properties.iter().filter(is_fallen).map(|property| property.name).collect()
}

/// Appends that wait for each other, one of them for two.
fn in_turn() -> Appends {
    Appends::new(&[&["a-1"], &["b-1"], &["a-1", "b-1"], &["a-1"]], 2)
}

/// More appends than are sent at once, each of which needs a statement of its own.
fn crowd() -> Appends {
    let pairs: [&[&str]; 5] =
        [&["a-1", "a-2"], &["b-1", "b-2"], &["c-1", "c-2"], &["d-1", "d-2"], &["e-1", "e-2"]];
    Appends::new(&pairs, 2)
}

#[test]
fn appends_to_the_same_streams() {
    assert_eq!(fallen(Appends { fails: true, ..in_turn() }), [""; 0]);
}

#[test]
fn more_appends_than_are_sent_at_once() {
    assert_eq!(fallen(crowd()), [""; 0]);
}

#[test]
fn what_was_settled_outside_of_a_lane_lets_others_go_on() {
    let fallen = fallen(Appends { fails: true, flaw: Some(Flaw::NobodyGoesOn), ..in_turn() });
    assert!(fallen.contains(&SEEN) && fallen.contains(&NOT_STUCK), "{fallen:?}");
}

#[test]
fn those_that_gather_need_somebody_who_watches() {
    let fallen = fallen(Appends { flaw: Some(Flaw::NobodyWatches), ..crowd() });
    assert_eq!(fallen, [SEEN]);
}

#[test]
fn a_lane_that_has_found_work_calls_another() {
    let apart = Appends::new(&[&["a-1", "b-1"], &["c-1"]], 2);
    assert_eq!(fallen(Appends { flaw: Some(Flaw::NobodyElseIsCalled), ..apart }), [DUE]);
}

#[test]
fn streams_are_not_let_go_before_the_answer() {
    let fallen = fallen(Appends { flaw: Some(Flaw::LetsGoAtOnce), ..in_turn() });
    assert!(fallen.contains(&IN_TURN), "{fallen:?}");
}
