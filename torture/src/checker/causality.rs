//! I3: what begins after an answer has higher positions, whichever process was answered.

use super::{Asked, Checked, Index, Law};

pub(super) fn check(index: &Index<'_>, asked: &[Asked], checked: &mut Checked) {
    // The highest position that was acknowledged by each moment.
    let mut answers = Vec::new();
    for asked in asked {
        let highest = index.of_tag(asked.request.tag()).iter().max_by_key(|event| event.position);
        let acknowledged =
            asked.attempts.iter().find_map(|attempt| Some((attempt.acknowledged()?, &attempt.by)));
        if let (Some(highest), Some((at, by))) = (highest, acknowledged) {
            answers.push((at, *highest, by));
        }
    }
    answers.sort_by_key(|(at, ..)| *at);
    for nth in 1..answers.len() {
        if let Some([before, now]) = answers.get_mut(nth - 1..=nth)
            && before.1.position > now.1.position
        {
            (now.1, now.2) = (before.1, before.2);
        }
    }
    for asked in asked {
        let Some(sent) = asked.first_sent() else { continue };
        let lowest = index.of_tag(asked.request.tag()).iter().min_by_key(|event| event.position);
        let before = answers.partition_point(|(at, ..)| *at < sent);
        let highest = before.checked_sub(1).and_then(|last| answers.get(last));
        if let (Some(lowest), Some((_, highest, by))) = (lowest, highest) {
            checked.that(lowest.position > highest.position, Law::I3, || {
                format!("{lowest} was sent after {by} was told of {highest}")
            });
        }
    }
}
