//! What an append need not look up, because nothing has happened since.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use annals_core::{Appended, ExpectedVersion, Position, StreamAppend, StreamId, Version};

use crate::kinds::Owner;

/// How many streams are remembered at the most.
const MOST: usize = 10_000;

/// Where this process's appends have left streams, for as long as nobody else has appended.
///
/// Positions are taken one by one. An append that got the one right after this process's last one shows that nobody has
/// appended in between. And as long as the last position that was taken is this process's own, each of these streams is
/// where it was left. The database looks at that under the lock of the stream; until then, it is a guess.
#[derive(Debug, Default)]
pub(crate) struct Unchanged(Mutex<Run>);

/// Appends of this process that follow each other.
#[derive(Debug, Default)]
struct Run {
    /// The schema and the server that they are in.
    owner: Owner,
    last: Position,
    streams: HashMap<StreamId, Version>,
}

impl Unchanged {
    /// The position since which none may be taken if the stream is to be where `append` expects it; none if that is not
    /// known.
    pub(super) fn since(&self, append: &StreamAppend, owner: Owner) -> Option<i64> {
        let ExpectedVersion::Exact(expected) = append.expected else { return None };
        let run = self.run();
        let is_known = run.owner == owner && run.streams.get(&append.stream) == Some(&expected);
        is_known.then(|| run.last.get().cast_signed())
    }

    /// An append of one event is stored, and no crash takes it back.
    pub(super) fn learn(&self, stream: &StreamId, appended: Appended, owner: Owner) {
        let mut run = self.run();
        let goes_on = run.owner == owner && appended.position.get() == run.last.get() + 1;
        if !goes_on || run.streams.len() >= MOST {
            run.streams.clear();
        }
        (run.owner, run.last) = (owner, appended.position);
        run.streams.insert(stream.clone(), appended.version);
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Owner = (1, None);

    fn learn(unchanged: &Unchanged, stream: &str, version: u64, position: u64) {
        let appended =
            Appended { version: Version::new(version), position: Position::new(position) };
        unchanged.learn(&stream.parse().unwrap(), appended, HERE);
    }

    fn since(
        unchanged: &Unchanged,
        stream: &str,
        expected: impl Into<ExpectedVersion>,
    ) -> Option<i64> {
        let append = StreamAppend::new(stream.parse().unwrap(), expected, Vec::new());
        unchanged.since(&append, HERE)
    }

    #[test]
    fn streams_are_known_while_appends_follow_each_other() {
        let unchanged = Unchanged::default();
        learn(&unchanged, "a-1", 3, 7);
        learn(&unchanged, "b-1", 1, 8);
        learn(&unchanged, "a-1", 4, 9);
        assert_eq!(since(&unchanged, "a-1", Version::new(4)), Some(9));
        assert_eq!(since(&unchanged, "b-1", Version::new(1)), Some(9));
        for expected in [
            ExpectedVersion::Exact(Version::new(3)),
            ExpectedVersion::NoStream,
            ExpectedVersion::Exists,
            ExpectedVersion::Any,
        ] {
            assert_eq!(since(&unchanged, "a-1", expected), None);
        }
        assert_eq!(since(&unchanged, "c-1", Version::new(1)), None);
    }

    #[test]
    fn a_position_of_somebody_else_ends_it() {
        let unchanged = Unchanged::default();
        learn(&unchanged, "a-1", 1, 1);
        learn(&unchanged, "b-1", 1, 3);
        assert_eq!(since(&unchanged, "a-1", Version::new(1)), None);
        assert_eq!(since(&unchanged, "b-1", Version::new(1)), Some(3));
    }

    /// Two lanes, of which the later one is answered first.
    #[test]
    fn answers_out_of_order_end_it() {
        let unchanged = Unchanged::default();
        learn(&unchanged, "a-1", 1, 1);
        learn(&unchanged, "c-1", 1, 3);
        learn(&unchanged, "b-1", 1, 2);
        assert_eq!(since(&unchanged, "a-1", Version::new(1)), None);
        assert_eq!(since(&unchanged, "c-1", Version::new(1)), None);
    }

    #[test]
    fn another_schema_or_server_ends_it() {
        let unchanged = Unchanged::default();
        learn(&unchanged, "a-1", 1, 1);
        let append = StreamAppend::new("a-1".parse().unwrap(), Version::new(1), Vec::new());
        assert_eq!(unchanged.since(&append, (2, None)), None);
        let appended = Appended { version: Version::new(1), position: Position::new(2) };
        unchanged.learn(&"b-1".parse().unwrap(), appended, (2, None));
        assert_eq!(unchanged.since(&append, (2, None)), None);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let unchanged = Unchanged::default();
        for nth in 1..=MOST as u64 + 1 {
            learn(&unchanged, &format!("a-{nth}"), 1, nth);
        }
        assert_eq!(unchanged.run().streams.len(), 1);
    }
}
