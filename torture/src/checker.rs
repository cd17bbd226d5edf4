//! Holds what was recorded against the log: pure functions, each for one law.

mod asked;
mod causality;
mod effects;
mod once;
mod order;
mod streams;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use annals::StreamId;
use uuid::Uuid;

pub(crate) use self::{
    asked::{Asked, Attempt, Fate},
    streams::outcomes,
};
use crate::{
    record::{Line, Met, Read},
    views::Views,
};

/// What can fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// Streams are dense, conflicts are true, appends are all or nothing.
    I1,
    /// What a reader has passed never changes.
    I2,
    /// What begins after an answer has higher positions.
    I3,
    /// The database refuses to change what happened.
    I4,
    /// What is sent again is stored once and answered alike.
    I5,
    /// Each event takes effect once.
    I6,
    /// What was acknowledged is there, and nothing is there that nobody sent.
    Lost,
    /// No answer comes that is not promised.
    Told,
    /// Everybody gets on, and nobody ends by itself.
    Hangs,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I1 => "I1 streams",
            Self::I2 => "I2 global order",
            Self::I3 => "I3 causality",
            Self::I4 => "I4 immutability",
            Self::I5 => "I5 idempotence",
            Self::I6 => "I6 exactly-once effect",
            Self::Lost => "nothing lost, nothing invented",
            Self::Told => "answers are those that are promised",
            Self::Hangs => "everybody gets on",
        })
    }
}

/// A law that has fallen, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) law: Law,
    pub(crate) what: String,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) position: i64,
    pub(crate) version: u64,
    pub(crate) stream: StreamId,
    pub(crate) id: Uuid,
    pub(crate) tag: Uuid,
    pub(crate) cents: i64,
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, version, stream, id, .. } = self;
        write!(f, "event {id}, version {version} of {stream} at position {position}")
    }
}

/// All that was recorded of a round, and the log as it was in the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) log: Vec<Logged>,
    /// What each process that wrote has written down.
    pub(crate) writers: BTreeMap<String, Vec<Line>>,
    pub(crate) readers: BTreeMap<String, Vec<Read>>,
    /// Looks at followers; the last one is from when all had been handled.
    pub(crate) views: Vec<Views>,
    pub(crate) met: Vec<Met>,
}

/// How much was held against each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checked {
    pub(crate) findings: Vec<Finding>,
    pub(crate) checks: u64,
    pub(crate) asked: Vec<Asked>,
}

impl Checked {
    /// One more check; what it finds is told by `what`.
    fn that(&mut self, holds: bool, law: Law, what: impl FnOnce() -> String) -> bool {
        self.checks += 1;
        if !holds {
            self.findings.push(Finding { law, what: what() });
        }
        holds
    }
}

/// The log by what its events are looked for.
pub(crate) struct Index<'a> {
    by_stream: BTreeMap<&'a StreamId, Vec<&'a Logged>>,
    by_tag: BTreeMap<Uuid, Vec<&'a Logged>>,
    by_id: BTreeMap<Uuid, &'a Logged>,
}

impl<'a> Index<'a> {
    fn of(log: &'a [Logged]) -> Self {
        let (mut by_stream, mut by_tag) =
            (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        let mut by_id = BTreeMap::new();
        for event in log {
            by_stream.entry(&event.stream).or_default().push(event);
            by_tag.entry(event.tag).or_default().push(event);
            by_id.entry(event.id).or_insert(event);
        }
        Self { by_stream, by_tag, by_id }
    }

    fn of_stream(&self, stream: &StreamId) -> &[&'a Logged] {
        self.by_stream.get(stream).map_or(&[], Vec::as_slice)
    }

    fn of_tag(&self, tag: Uuid) -> &[&'a Logged] {
        self.by_tag.get(&tag).map_or(&[], Vec::as_slice)
    }
}

/// Checks everything.
pub(crate) fn check(evidence: &Evidence) -> Checked {
    let mut checked = Checked::default();
    let index = Index::of(&evidence.log);
    let asked = asked::gather(&evidence.writers);
    streams::check(&evidence.log, &index, &asked, &mut checked);
    order::check(evidence, &mut checked);
    causality::check(&index, &asked, &mut checked);
    once::check(&evidence.log, &index, &asked, &mut checked);
    effects::check(evidence, &index, &mut checked);
    checked.asked = asked;
    checked
}
