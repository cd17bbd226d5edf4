use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::Aggregate;

/// An aggregate whose state is kept from time to time, so that its entities are loaded without all of their events:
/// by [`Repository::with_snapshots`](crate::Repository::with_snapshots).
///
/// A snapshot is the state as JSON, as serde writes it. It must come back equal: what serde leaves out (`#[serde(skip)]`) is
/// lost with it. [`HistoryCheck::snapshots`](crate::HistoryCheck::snapshots) compares what is kept with the events.
#[doc = include_str!("docs/snapshot.md")]
pub trait Snapshot: Aggregate + Serialize + DeserializeOwned {
    /// Raise it whenever [`apply`](Aggregate::apply) comes to another state for the same events: for a new field, a rule
    /// that was corrected, an upcaster that tells more. Snapshots of other versions are ignored and replaced.
    ///
    /// While processes of two versions run, each replaces the snapshots of the other, which costs time and nothing else.
    const VERSION: u32 = 1;

    /// When a snapshot is taken.
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(100);
}

/// When the state of an entity is kept.
///
/// ```
/// use std::time::Duration;
/// use annals::SnapshotPolicy;
///
/// const OFTEN: SnapshotPolicy = SnapshotPolicy::every(20);
/// const WHERE_IT_HELPS: SnapshotPolicy = SnapshotPolicy::when_loading_takes(Duration::from_millis(10));
/// const EITHER: SnapshotPolicy = SnapshotPolicy::every(1_000).or_when_loading_takes(Duration::from_millis(10));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    events: Option<u64>,
    loading: Option<Duration>,
}

impl SnapshotPolicy {
    /// As soon as there are `events` events since the last one: who loads the entity reads the snapshot, and about as many events
    /// after it at the most.
    ///
    /// # Panics
    /// If that is 0; in a constant, it does not compile.
    #[must_use]
    pub const fn every(events: u64) -> Self {
        assert!(events > 0, "a snapshot is of one event or more");
        Self { events: Some(events), loading: None }
    }

    /// When loading an entity has taken longer than `duration`, and there were events since the last one.
    #[must_use]
    pub const fn when_loading_takes(duration: Duration) -> Self {
        Self { events: None, loading: Some(duration) }
    }

    /// Also when loading an entity has taken longer than `duration`.
    #[must_use]
    pub const fn or_when_loading_takes(self, duration: Duration) -> Self {
        Self { loading: Some(duration), ..self }
    }

    /// Whether one is due with so many events since the last one, if loading took so long.
    pub(crate) fn is_due(&self, events: u64, loading: Duration) -> bool {
        let is_long = self.events.is_some_and(|most| events >= most);
        let is_slow = self.loading.is_some_and(|longest| loading > longest);
        events > 0 && (is_long || is_slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_after_so_many_events_or_so_long() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_millis(3));
        let longest = Duration::from_millis(2);
        let every = SnapshotPolicy::every(3);
        let when = SnapshotPolicy::when_loading_takes(longest);
        let either = every.or_when_loading_takes(longest);
        for (events, loading, due) in [
            (0, slow, [false, false, false]),
            (1, quick, [false, false, false]),
            (1, slow, [false, true, true]),
            (2, longest, [false, false, false]),
            (3, quick, [true, false, true]),
            (4, slow, [true, true, true]),
        ] {
            assert_eq!([every, when, either].map(|policy| policy.is_due(events, loading)), due);
        }
    }
}
