//! The ways in which the same events are followed.

use std::fmt;

use super::super::faulty::{CrashPoint, Faulty};

/// One way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    kind: Kind,
    /// Each step has one event, instead of all that there are.
    one_by_one: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Each step fails once within, and so does the making of tables.
    Undone,
    /// The answer to each step is lost, and to the making of tables.
    Unanswered,
    Rebuilt,
    /// The process dies at the point, once in each place.
    Crashing(CrashPoint),
}

impl Way {
    pub(super) fn plain() -> Self {
        Self { kind: Kind::Plain, one_by_one: false }
    }

    pub(super) fn repeated() -> Vec<Self> {
        let one_by_one = |kind| Self { kind, one_by_one: true };
        vec![
            Self::plain(),
            one_by_one(Kind::Plain),
            Self { kind: Kind::Undone, one_by_one: false },
            one_by_one(Kind::Undone),
            Self { kind: Kind::Unanswered, one_by_one: false },
            one_by_one(Kind::Unanswered),
            one_by_one(Kind::Rebuilt),
        ]
    }

    pub(super) fn crashing(point: CrashPoint) -> Self {
        Self { kind: Kind::Crashing(point), one_by_one: true }
    }

    /// The store as the first process of the run has it.
    pub(super) fn plan<S>(self, store: Faulty<S>) -> Faulty<S> {
        match self.kind {
            Kind::Plain | Kind::Rebuilt => {}
            Kind::Undone => {
                store.fail_at_each(CrashPoint::WithinMake);
                store.fail_at_each(CrashPoint::WithinStep);
            }
            Kind::Unanswered => {
                store.fail_at_each(CrashPoint::AfterMake);
                store.fail_at_each(CrashPoint::AfterStep);
            }
            Kind::Crashing(point) => store.crash_at_each(point),
        }
        store.with_page(self.one_by_one.then_some(1))
    }

    pub(super) fn has_rebuild(self) -> bool {
        matches!(self.kind, Kind::Rebuilt | Kind::Crashing(_))
    }
}

/// `each step was undone and done again, one event at a time`
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Plain => f.write_str("all was followed")?,
            Kind::Undone => f.write_str("each step was undone and done again")?,
            Kind::Unanswered => f.write_str("the answer to each step was lost")?,
            Kind::Rebuilt => f.write_str("all was followed and rebuilt")?,
            Kind::Crashing(point) => write!(f, "the process died {point}")?,
        }
        f.write_str(if self.one_by_one { ", one event at a time" } else { "" })
    }
}
