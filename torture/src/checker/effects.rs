//! I6: what followers show equals the fold of the log up to their checkpoints, and a reactor's commands have run once.

use std::collections::{BTreeMap, HashMap};

use super::{Checked, Evidence, Index, Law, Logged};
use crate::{
    domain::Tally,
    follower::volume,
    views::{Sum, Views},
};

pub(super) fn check(evidence: &Evidence, index: &Index<'_>, checked: &mut Checked) {
    let last = evidence.views.len().saturating_sub(1);
    for (nth, views) in evidence.views.iter().enumerate() {
        equal_the_fold(views, &evidence.log, nth == last, checked);
    }
    if !evidence.views.is_empty() {
        has_reacted_once(evidence, index, checked);
    }
}

/// One checkpoint for all parts, if they are at the same one.
fn checkpoint(views: &Views, follower: &str) -> Option<i64> {
    let parts = views.checkpoints.get(follower)?;
    let first = parts.first()?;
    parts.iter().all(|part| part == first).then_some(*first)
}

fn equal_the_fold(views: &Views, log: &[Logged], is_last: bool, checked: &mut Checked) {
    // A checkpoint stays where the last event was that was of interest; in the end all have been handled.
    let head = log.last().map_or(0, |event| event.position);
    let checkpoint = |follower| if is_last { Some(head) } else { checkpoint(views, follower) };
    if let Some(to) = checkpoint("balances") {
        let fold = tallies(log, to, |event| event.stream.entity_id().to_owned());
        equal("balances", to, &views.balances, &fold, checked);
    }
    if let Some(to) = checkpoint("volumes") {
        let fold = tallies(log, to, |event| volume(event.cents));
        equal("volumes", to, &views.volumes, &fold, checked);
    }
    if let Some(to) = checkpoint("ledger") {
        let fold = tallies(log, to, |event| event.stream.entity_id().to_owned());
        let sum = |Tally { events, cents, last, .. }| Sum { events, cents, last, disorder: 0 };
        let fold = fold.into_iter().map(|(key, tally)| (key, sum(tally))).collect();
        equal("ledger", to, &views.ledger, &fold, checked);
    }
}

fn tallies(log: &[Logged], to: i64, key: impl Fn(&Logged) -> String) -> BTreeMap<String, Tally> {
    let mut tallies = BTreeMap::<_, Tally>::new();
    let up_to = log.iter().take_while(|event| event.position <= to);
    for event in up_to.filter(|event| event.stream.category() == "account") {
        tallies.entry(key(event)).or_default().add(event.position, event.cents);
    }
    tallies
}

fn equal<R: PartialEq + std::fmt::Debug>(
    name: &str,
    checkpoint: i64,
    rows: &BTreeMap<String, R>,
    fold: &BTreeMap<String, R>,
    checked: &mut Checked,
) {
    let keys = rows.keys().chain(fold.keys());
    let differs = keys.clone().find(|key| rows.get(*key) != fold.get(*key));
    checked.checks += fold.len() as u64;
    checked.that(differs.is_none(), Law::I6, || {
        let Some(key) = differs else { return String::new() };
        format!(
            "{name} with its checkpoint at {checkpoint} has {:?} for {key}; the fold of the log up to there is {:?}",
            rows.get(key), fold.get(key)
        )
    });
}

/// Each order was met, one that came again by its id, and led to one letter.
fn has_reacted_once(evidence: &Evidence, index: &Index<'_>, checked: &mut Checked) {
    let mut met = HashMap::<_, u64>::new();
    for one in &evidence.met {
        *met.entry(one.id).or_default() += 1;
        let event = index.by_id.get(&one.id);
        checked.that(event.is_some_and(|event| event.position == one.position), Law::I6, || {
            format!(
                "{} was given event {} at {}, which the log does not have there",
                one.by, one.id, one.position
            )
        });
    }
    let of = |category: &'static str| {
        evidence.log.iter().filter(move |event| event.stream.category() == category)
    };
    for order in of("order") {
        let letters = index.of_tag(order.id);
        checked
            .that(met.contains_key(&order.id), Law::I6, || format!("no reactor was given {order}"));
        checked.that(letters.len() == 1, Law::I6, || {
            let letters: Vec<_> = letters.iter().map(ToString::to_string).collect();
            let times = met.get(&order.id).copied().unwrap_or_default();
            format!(
                "a reactor was given {order} {times} times, and its command has run {} times: {}",
                letters.len(),
                letters.join("; ")
            )
        });
    }
    for letter in of("letter") {
        checked.that(index.by_id.contains_key(&letter.tag), Law::Lost, || {
            format!("{letter} is about an order that is not in the log")
        });
    }
}
