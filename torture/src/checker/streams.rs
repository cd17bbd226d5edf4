//! I1, and that nothing is lost or invented.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::{Asked, Attempt, Checked, Fate, Index, Law, Logged};
use crate::record::{Answer, Moment, Part, Place, Request};

pub(super) fn check(log: &[Logged], index: &Index<'_>, asked: &[Asked], checked: &mut Checked) {
    are_dense(index, checked);
    are_never_overdrawn(index, checked);
    is_all_asked_for(log, asked, checked);
    let acknowledged = Moments::of(asked);
    for asked in asked {
        is_whole_or_not_there(asked, index, checked);
        for attempt in &asked.attempts {
            let Some((at, answer)) = &attempt.answered else { continue };
            match answer {
                Answer::Stored(places) => {
                    is_where_it_was_told(asked, attempt, places, index, checked)
                }
                Answer::Executed { at, ids, balance } => {
                    is_what_it_was_told(asked, attempt, (*at, ids, *balance), index, checked);
                }
                Answer::Conflict { .. } => {
                    is_a_true_conflict(asked, attempt, *at, index, &acknowledged, checked);
                }
                Answer::Wrong(error) => {
                    checked.that(false, Law::Told, || {
                        format!("{} was told of {}: {error}", attempt.by, asked.request.tag())
                    });
                }
                _ => {}
            }
        }
    }
}

fn are_dense(index: &Index<'_>, checked: &mut Checked) {
    for (stream, events) in &index.by_stream {
        for (expected, event) in (1..).zip(events) {
            let is_next = checked.that(event.version == expected, Law::I1, || {
                format!("in the order of positions, {stream} goes on with {event} where version {expected} is due")
            });
            if !is_next {
                break;
            }
        }
    }
}

/// Whoever withdraws has looked at the account before, under the version that was expected.
fn are_never_overdrawn(index: &Index<'_>, checked: &mut Checked) {
    for (stream, events) in &index.by_stream {
        let mut balance = 0;
        for event in events {
            balance += event.cents;
            let is_covered = checked.that(balance >= 0, Law::I1, || {
                format!("{stream} is overdrawn by {balance} with {event}: who withdrew had seen another version")
            });
            if !is_covered {
                break;
            }
        }
    }
}

/// Letters come from the reactor, which has its own check.
fn is_all_asked_for(log: &[Logged], asked: &[Asked], checked: &mut Checked) {
    let tags: HashMap<_, _> = asked.iter().map(|asked| (asked.request.tag(), asked)).collect();
    for event in log.iter().filter(|event| event.stream.category() != "letter") {
        checked.that(tags.contains_key(&event.tag), Law::Lost, || {
            format!("{event} is in the log, and nobody sent it")
        });
    }
}

/// The events of one part that are in the log, in order.
fn stored<'a>(part: &Part, index: &Index<'a>) -> Vec<&'a Logged> {
    part.ids.iter().filter_map(|id| index.by_id.get(id).copied()).collect()
}

fn is_whole_or_not_there(asked: &Asked, index: &Index<'_>, checked: &mut Checked) {
    let (tag, fate) = (asked.request.tag(), asked.fate());
    let there = index.of_tag(tag);
    let told = || {
        let told = asked.attempts.iter().map(|attempt| match &attempt.answered {
            Some((_, answer)) => format!("{} was told {answer:?}", attempt.by),
            None => format!("{} was killed before it was answered", attempt.by),
        });
        told.collect::<Vec<_>>().join(", then ")
    };
    match fate {
        Fate::Stored => {
            // A command that changes nothing leads to no event.
            checked.that(!there.is_empty(), Law::Lost, || {
                format!("nothing of {tag} is in the log: {}", told())
            });
        }
        Fate::Nothing => {
            checked.that(there.is_empty(), Law::I1, || {
                format!("{} is in the log, which it must not be: {}", list(there), told())
            });
        }
        Fate::Open => {}
    }
    let Request::Append { parts, .. } = &asked.request else { return };
    let wanted: usize = parts.iter().map(|part| part.ids.len()).sum();
    let found: Vec<_> = parts.iter().flat_map(|part| stored(part, index)).collect();
    checked.that(found.is_empty() || found.len() == wanted, Law::I1, || {
        format!(
            "of the {wanted} events of append {tag} to {} streams only these are in the log: {}; {}",
            parts.len(),
            list(&found),
            told()
        )
    });
    for part in parts {
        let events = stored(part, index);
        let Some(first) = events.first() else { continue };
        checked.that(part.expected.is_met(first.version - 1), Law::I1, || {
            format!("{first} was appended under {:?}, by append {tag}", part.expected)
        });
        let is_in_a_row = (first.version..).zip(&events).all(|(version, event)| {
            event.version == version && event.stream == part.stream && event.tag == tag
        });
        checked.that(is_in_a_row, Law::I1, || {
            format!("the events of append {tag} are not side by side: {}", list(&events))
        });
    }
}

fn is_where_it_was_told(
    asked: &Asked,
    attempt: &Attempt,
    places: &[Place],
    index: &Index<'_>,
    checked: &mut Checked,
) {
    let Request::Append { parts, tag, .. } = &asked.request else { return };
    checked.that(parts.len() == places.len(), Law::I1, || {
        format!(
            "{} was given {} answers to the {} parts of {tag}",
            attempt.by,
            places.len(),
            parts.len()
        )
    });
    for (part, place) in parts.iter().zip(places) {
        let last = part.ids.last().and_then(|id| index.by_id.get(id));
        let is_there = last
            .is_some_and(|last| (last.version, last.position) == (place.version, place.position));
        checked.that(is_there, Law::Lost, || {
            let Place { version, position } = place;
            let found = last
                .map_or("it is not in the log".to_owned(), |last| format!("the log has {last}"));
            format!(
                "{} was told that {tag} is version {version} of {} at position {position}: {found}",
                attempt.by, part.stream
            )
        });
    }
}

fn is_what_it_was_told(
    asked: &Asked,
    attempt: &Attempt,
    (place, ids, balance): (Place, &[Uuid], i64),
    index: &Index<'_>,
    checked: &mut Checked,
) {
    let Request::Command { tag, stream, .. } = &asked.request else { return };
    let events = index.of_stream(stream);
    let last = ids.last().and_then(|id| index.by_id.get(id));
    // The position is that of a later event where commands on one entity were appended together.
    let is_there = last.is_some_and(|last| {
        let is_its = last.tag == *tag && last.stream == *stream && last.version == place.version;
        is_its
            && events
                .iter()
                .any(|event| event.position == place.position && event.version >= last.version)
    });
    checked.that(is_there, Law::Lost, || {
        let Place { version, position } = place;
        let found = last.map_or("it is not in the log".to_owned(), |last| format!("the log has {last}"));
        format!("{} was told that command {tag} led to version {version} of {stream} at position {position}: {found}", attempt.by)
    });
    let folded: i64 =
        events.iter().filter(|event| event.version <= place.version).map(|event| event.cents).sum();
    checked.that(folded == balance, Law::I1, || {
        format!(
            "{} was told that {stream} is at {balance} at version {}; by the log it is at {folded}",
            attempt.by, place.version
        )
    });
}

/// When each version of each stream could be there first, and had to be there at the latest.
struct Moments {
    first: HashMap<Uuid, Moment>,
    last: HashMap<Uuid, Moment>,
}

impl Moments {
    fn of(asked: &[Asked]) -> Self {
        let (mut first, mut last) = (HashMap::new(), HashMap::new());
        for asked in asked {
            let tag = asked.request.tag();
            first.extend(asked.first_sent().map(|sent| (tag, sent)));
            last.extend(
                asked.attempts.iter().filter_map(Attempt::acknowledged).min().map(|at| (tag, at)),
            );
        }
        Self { first, last }
    }
}

/// At some moment between question and answer the stream was at the version that is told, and that does not meet
/// what was expected.
fn is_a_true_conflict(
    asked: &Asked,
    attempt: &Attempt,
    answered: Moment,
    index: &Index<'_>,
    moments: &Moments,
    checked: &mut Checked,
) {
    let Some(Answer::Conflict { stream, expected, actual }) = attempt.answer() else { return };
    let told = || {
        format!("{} was told that {stream} is at version {actual}, not {expected:?}", attempt.by)
    };
    if let Request::Append { parts, .. } = &asked.request {
        let is_asked =
            parts.iter().any(|part| part.stream == *stream && part.expected == *expected);
        checked.that(is_asked, Law::I1, || format!("{}: that was not asked", told()));
    }
    checked.that(!expected.is_met(*actual), Law::I1, || format!("{}: that is no conflict", told()));
    let events = index.of_stream(stream);
    let at = |version: u64| events.iter().find(|event| event.version == version);
    if *actual > 0 {
        let event = at(*actual);
        checked.that(event.is_some(), Law::I1, || format!("{}: it never was", told()));
        if let Some(sent) = event.and_then(|event| moments.first.get(&event.tag)) {
            checked.that(*sent < answered, Law::I1, || format!("{}: it was not there yet", told()));
        }
    }
    let next = at(actual + 1).and_then(|event| moments.last.get(&event.tag));
    if let Some(acknowledged) = next {
        checked.that(*acknowledged > attempt.sent, Law::I1, || {
            format!("{}: version {} was acknowledged before it asked", told(), actual + 1)
        });
    }
}

fn list(events: &[&Logged]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// How many requests ended how.
pub(crate) fn outcomes(asked: &[Asked], log: &[Logged]) -> BTreeMap<&'static str, u64> {
    let index = Index::of(log);
    let mut outcomes = BTreeMap::new();
    for asked in asked {
        let is_there = !index.of_tag(asked.request.tag()).is_empty();
        let outcome = match (asked.was_open(), asked.fate(), is_there) {
            (true, Fate::Stored, _) => "settled: stored",
            (true, Fate::Nothing, _) => "settled: nothing stored",
            (true, Fate::Open, true) => "never settled: stored",
            (true, Fate::Open, false) => "never settled: nothing stored",
            (false, Fate::Stored, _) => "acknowledged",
            (false, ..) => "refused",
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    outcomes
}
