//! I2: what a reader was handed is the log from where it began, whole and in order.

use super::{Checked, Evidence, Law, Logged};
use crate::record::Read;

pub(super) fn check(evidence: &Evidence, checked: &mut Checked) {
    for (name, lines) in &evidence.readers {
        let mut readers: Vec<u64> = lines.iter().map(Read::reader).collect();
        readers.sort_unstable();
        readers.dedup();
        for reader in readers {
            let lines = lines.iter().filter(|line| line.reader() == reader);
            was_handed_all(&format!("reader {reader} of {name}"), lines, &evidence.log, checked);
        }
    }
}

impl Read {
    fn reader(&self) -> u64 {
        match self {
            Self::Begins { reader, .. }
            | Self::Handed { reader, .. }
            | Self::Passed { reader, .. } => *reader,
        }
    }
}

fn was_handed_all<'a>(
    name: &str,
    lines: impl Iterator<Item = &'a Read>,
    log: &[Logged],
    checked: &mut Checked,
) {
    let mut due = [].iter().peekable();
    let mut wanted: Option<&str> = None;
    let is_wanted = |event: &Logged, wanted: Option<&str>| {
        wanted.is_none_or(|category| event.stream.category() == category)
    };
    for line in lines {
        let up_to = match line {
            Read::Begins { after, category, .. } => {
                wanted = category.as_deref();
                let from = log.partition_point(|event| event.position <= *after);
                due = log.get(from..).unwrap_or_default().iter().peekable();
                continue;
            }
            Read::Handed { position, .. } => position - 1,
            Read::Passed { position, .. } => *position,
        };
        while let Some(missed) = due.next_if(|event| event.position <= up_to) {
            let holds = checked.that(!is_wanted(missed, wanted), Law::I2, || {
                let how = match line {
                    Read::Handed { position, .. } => format!("was handed position {position}"),
                    _ => format!("had passed position {up_to}"),
                };
                format!("{name} {how}, and had not been given {missed}, which became visible later")
            });
            if !holds {
                return;
            }
        }
        let Read::Handed { position, id, .. } = line else { continue };
        let next = due.next_if(|event| event.position == *position);
        let is_next = next.is_some_and(|event| event.id == *id && is_wanted(event, wanted));
        let holds = checked.that(is_next, Law::I2, || {
            match log.iter().find(|event| event.position == *position) {
                Some(event) if event.id == *id => {
                    format!("{name} was handed {event} again, or out of its order")
                }
                Some(event) => format!(
                    "{name} was handed event {id} at position {position}, where the log has {event}"
                ),
                None => format!(
                    "{name} was handed event {id} at position {position}, where the log has nothing"
                ),
            }
        });
        if !holds {
            return;
        }
    }
}
