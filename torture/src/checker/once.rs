//! I5: what is sent again is stored once, and answered like the first time.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Asked, Checked, Index, Law, Logged};
use crate::record::{Answer, Request};

pub(super) fn check(log: &[Logged], index: &Index<'_>, asked: &[Asked], checked: &mut Checked) {
    let mut places = HashMap::new();
    for event in log {
        let before = places.insert(event.id, event);
        checked.that(before.is_none(), Law::I5, || {
            before
                .map(|before| format!("{before} is there again at position {}", event.position))
                .unwrap_or_default()
        });
    }
    for asked in asked {
        if let Request::Command { tag, is_keyed, .. } = asked.request {
            let there = index.of_tag(tag);
            checked.that(there.len() <= 1, Law::I5, || {
                let how = if is_keyed { "under its key" } else { "once" };
                let times = asked.attempts.len();
                let places: Vec<_> = there.iter().map(ToString::to_string).collect();
                format!(
                    "command {tag} was sent {times} times {how}, and has run {} times: {}",
                    there.len(),
                    places.join("; ")
                )
            });
        }
        let mut acknowledged =
            asked.attempts.iter().filter_map(|attempt| Some((attempt, attempt.answer()?)));
        let Some((first, said)) = acknowledged.find(|(_, answer)| answer.is_acknowledgement())
        else {
            continue;
        };
        for (later, answer) in acknowledged {
            let is_alike = match answer {
                Answer::Stored(_) => answer == said,
                Answer::Executed { .. } => led_to(answer) == led_to(said),
                Answer::Nothing(_) | Answer::Unknown(_) => true,
                _ => false,
            };
            checked.that(is_alike, Law::I5, || {
                format!(
                    "{} was sent again: {} was told {said:?}, then {} was told {answer:?}",
                    asked.request.tag(),
                    first.by,
                    later.by
                )
            });
        }
    }
}

/// What a command has led to. Its position may be that of a later event, where commands were appended together.
fn led_to(answer: &Answer) -> Option<(u64, &[Uuid], i64)> {
    match answer {
        Answer::Executed { at, ids, balance } => Some((at.version, ids, *balance)),
        _ => None,
    }
}
