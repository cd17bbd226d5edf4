//! Each law is found fallen in records that were forged for it, and in no others.

mod records;

use self::records::{and_told, append, conflict, id, logged, part, place, right, transfer, views};
use super::{Evidence, Law, Logged, check};
use crate::{
    domain::Tally,
    record::{Answer, Expected, Line, Moment, Read, Request},
    views::{Sum, Views},
};

/// The laws that fall, each once, and what is said of the first.
fn falls(evidence: &Evidence) -> (Vec<Law>, String) {
    let findings = check(evidence).findings;
    let mut laws: Vec<_> = findings.iter().map(|finding| finding.law).collect();
    laws.sort_unstable();
    laws.dedup();
    let what = findings.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join("\n");
    (laws, what)
}

/// It is found, and these words are in what is said of it.
#[track_caller]
fn found(forge: impl FnOnce(&mut Evidence), law: Law, words: &str) {
    let mut evidence = right();
    forge(&mut evidence);
    let (laws, what) = falls(&evidence);
    assert!(laws.contains(&law), "{laws:?}: {what}");
    assert!(what.contains(words), "{what}");
}

#[test]
fn nothing_is_found_where_all_is_right() {
    let checked = check(&right());
    assert_eq!(checked.findings, []);
    assert!(checked.checks > 50, "{}", checked.checks);
}

#[test]
fn i1_a_hole_in_a_stream() {
    found(|it| it.log[2].version = 4, Law::I1, "where version 3 is due");
}

#[test]
fn i1_versions_that_are_not_in_the_order_of_positions() {
    found(
        |it| (it.log[0].version, it.log[1].version) = (2, 1),
        Law::I1,
        "account-anna goes on with event",
    );
}

#[test]
fn i1_an_append_in_part() {
    found(|it| drop(it.log.remove(3)), Law::I1, "of the 3 events of append");
}

#[test]
fn i1_an_append_under_another_version_than_expected() {
    let stale = append(4, vec![part("account-bob", Expected::Exact(0), &[40], 1)]);
    found(
        |it| {
            it.log.push(logged(8, "account-bob", 2, 40, 1));
            and_told(it, 9, &stale, Answer::Stored(vec![place(2, 8)]));
        },
        Law::I1,
        "was appended under Exact(0)",
    );
}

#[test]
fn i1_an_account_that_is_overdrawn() {
    found(|it| it.log[2].cents = -130, Law::I1, "account-anna is overdrawn by -30");
}

#[test]
fn i1_what_conflicted_is_stored() {
    found(|it| it.log.push(logged(8, "account-anna", 4, 30, 1)), Law::I1, "which it must not be");
}

#[test]
fn i1_a_conflict_that_is_none() {
    let asked = append(4, vec![part("account-anna", Expected::Exact(3), &[40], 1)]);
    let answer = conflict("account-anna", Expected::Exact(3), 3);
    found(|it| and_told(it, 9, &asked, answer), Law::I1, "that is no conflict");
}

#[test]
fn i1_a_conflict_with_a_version_that_never_was() {
    let asked = append(4, vec![part("account-anna", Expected::Exact(3), &[40], 1)]);
    let answer = conflict("account-anna", Expected::Exact(3), 9);
    found(|it| and_told(it, 9, &asked, answer), Law::I1, "it never was");
}

#[test]
fn i1_a_conflict_with_a_version_that_was_passed_before() {
    let asked = append(4, vec![part("account-anna", Expected::Exact(1), &[40], 1)]);
    let answer = conflict("account-anna", Expected::Exact(1), 2);
    found(
        |it| and_told(it, 9, &asked, answer),
        Law::I1,
        "version 3 was acknowledged before it asked",
    );
}

#[test]
fn i1_a_conflict_with_a_version_that_was_not_there_yet() {
    let asked = append(4, vec![part("account-anna", Expected::Exact(1), &[40], 1)]);
    let answer = conflict("account-anna", Expected::Exact(1), 3);
    found(|it| and_told(it, 1, &asked, answer), Law::I1, "it was not there yet");
}

#[test]
fn i1_a_command_that_was_answered_with_another_state() {
    let command = |tag| {
        let stream = "account-bob".parse().unwrap();
        Request::Command { tag, stream, cents: 1, is_keyed: false }
    };
    let answer = Answer::Executed { at: place(2, 8), ids: vec![id(40)], balance: 30 };
    found(
        |it| {
            it.log.push(logged(8, "account-bob", 2, 40, 1));
            and_told(it, 9, &command(id(4000)), answer);
        },
        Law::I1,
        "by the log it is at 31",
    );
}

#[test]
fn i2_an_event_that_became_visible_later() {
    found(
        |it| drop(it.readers.get_mut("reader").unwrap().remove(2)),
        Law::I2,
        "was handed position 4, and had not been given event",
    );
}

#[test]
fn i2_an_event_that_was_not_there_at_the_end() {
    found(
        |it| drop(it.readers.get_mut("reader").unwrap().remove(6)),
        Law::I2,
        "had passed position 7",
    );
}

#[test]
fn i2_an_event_that_comes_again_and_one_that_is_gone() {
    let again = |it: &mut Evidence| {
        let read = it.readers.get_mut("reader").unwrap();
        let line = read[1].clone();
        read.insert(3, line);
    };
    found(again, Law::I2, "again, or out of its order");
    let ghost = |it: &mut Evidence| {
        let ghost = Read::Handed { reader: 0, position: 3, id: id(99) };
        it.readers.get_mut("reader").unwrap().insert(3, ghost);
    };
    found(ghost, Law::I2, "where the log has nothing");
}

#[test]
fn i2_a_reader_of_one_category_wants_that_one_only() {
    let mut evidence = right();
    let begins =
        |category: &str| Read::Begins { reader: 1, after: 2, category: Some(category.to_owned()) };
    let order = Read::Handed { reader: 1, position: 6, id: id(22) };
    let passed = Read::Passed { reader: 1, position: 7 };
    let read = evidence.readers.get_mut("reader").unwrap();
    read.extend([begins("order"), order.clone(), passed.clone()]);
    assert_eq!(falls(&evidence).0, []);
    let read = evidence.readers.get_mut("reader").unwrap();
    read.extend([begins("letter"), order, passed]);
    assert_eq!(falls(&evidence).0, [Law::I2]);
}

#[test]
fn i3_a_lower_position_for_what_began_after_an_answer() {
    let late = append(4, vec![part("account-carl", Expected::None, &[40], 1)]);
    found(
        |it| {
            it.log.insert(2, logged(3, "account-carl", 1, 40, 1));
            and_told(it, 9, &late, Answer::Stored(vec![place(1, 3)]));
        },
        Law::I3,
        "was sent after writer was told of event",
    );
}

#[test]
fn i5_an_event_that_is_there_twice() {
    found(
        |it| it.log.push(Logged { id: id(21), ..logged(8, "account-bob", 2, 21, 30) }),
        Law::I5,
        "is there again at position 8",
    );
}

#[test]
fn i5_another_answer_when_it_was_sent_again() {
    let again = |it: &mut Evidence| {
        and_told(it, 9, &transfer(), conflict("account-anna", Expected::Exact(2), 3))
    };
    found(again, Law::I5, "was sent again");
}

#[test]
fn i5_a_command_that_has_run_twice_under_its_key() {
    let stream = "account-bob".parse().unwrap();
    let command = Request::Command { tag: id(4000), stream, cents: 1, is_keyed: true };
    found(
        |it| {
            it.log.push(logged(8, "account-bob", 2, 40, 1));
            it.log.push(logged(9, "account-bob", 3, 41, 1));
            and_told(it, 9, &command, Answer::Unknown("lost".to_owned()));
        },
        Law::I5,
        "has run 2 times",
    );
}

#[test]
fn i6_a_read_model_that_is_not_the_fold_of_the_log() {
    let miss = |it: &mut Evidence| it.views[0].balances.retain(|name, _| name != "bob");
    found(miss, Law::I6, "balances with its checkpoint at");
    let double = |it: &mut Evidence| it.views[0].volumes.get_mut("4").unwrap().add(5, 30);
    found(double, Law::I6, "volumes with its checkpoint at");
    let disorder = |it: &mut Evidence| it.views[0].ledger.get_mut("bob").unwrap().disorder = 1;
    found(disorder, Law::I6, "ledger with its checkpoint at");
}

#[test]
fn i6_a_checkpoint_that_is_ahead_of_what_it_stands_for() {
    let early = |checkpoint: i64| Views {
        checkpoints: [("ledger".to_owned(), vec![checkpoint])].into(),
        ledger: [("anna".to_owned(), Sum { events: 2, cents: 100, last: 2, disorder: 0 })].into(),
        ..Views::default()
    };
    let mut evidence = right();
    evidence.views.insert(0, early(3));
    assert_eq!(falls(&evidence).0, []);
    evidence.views[0] = early(4);
    assert_eq!(falls(&evidence).0, [Law::I6]);
}

#[test]
fn i6_a_reactor_that_was_not_given_an_order_or_wrote_twice() {
    found(|it| it.met.clear(), Law::I6, "no reactor was given event");
    let twice = Logged { tag: id(22), ..logged(8, "letter-7", 2, 91, 0) };
    found(|it| it.log.push(twice), Law::I6, "its command has run 2 times");
    found(|it| drop(it.log.pop()), Law::I6, "its command has run 0 times");
}

#[test]
fn an_acknowledged_append_that_is_gone() {
    found(
        |it| it.log.truncate(2),
        Law::Lost,
        "nothing of 00000000-0000-0000-0000-0000000007d0 is in the log",
    );
}

#[test]
fn an_acknowledged_append_that_is_elsewhere() {
    found(|it| it.log[4].position = 8, Law::Lost, "the log has event");
}

#[test]
fn an_answer_that_must_not_come() {
    let asked = append(4, vec![part("account-bob", Expected::Any, &[40], 1)]);
    let answer = Answer::Wrong("the event store failed".to_owned());
    found(|it| and_told(it, 9, &asked, answer), Law::Told, "the event store failed");
}

#[test]
fn an_event_that_nobody_sent() {
    found(
        |it| it.log.push(logged(8, "account-dora", 1, 50, 1)),
        Law::Lost,
        "is in the log, and nobody sent it",
    );
}

#[test]
fn what_nobody_was_told_of_may_be_there_or_not() {
    for is_there in [true, false] {
        let mut evidence = right();
        let request = append(4, vec![part("account-carl", Expected::None, &[40], 1)]);
        let lines = evidence.writers.get_mut("writer").unwrap();
        lines.push(Line::Sent { attempt: 99, at: Moment(9), request });
        if is_there {
            evidence.log.push(logged(8, "account-carl", 1, 40, 1));
            let mut views = views();
            let mut tally = Tally::default();
            tally.add(8, 1);
            views.balances.insert("carl".to_owned(), tally.clone());
            views.volumes.insert("1".to_owned(), tally);
            let sum = Sum { events: 1, cents: 1, last: 8, disorder: 0 };
            views.ledger.insert("carl".to_owned(), sum);
            evidence.views = vec![views];
        }
        assert_eq!(falls(&evidence).0, [], "{is_there}");
    }
}
