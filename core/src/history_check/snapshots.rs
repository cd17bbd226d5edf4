//! Whether snapshots say what the events say.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};

use super::HistoryReport;
use crate::{
    AsOf, EventStore, Payload, Snapshot, SnapshotStore, StoreError, StreamId, panic,
    report::report,
    repository::{Shared, load, restore},
};

/// Snapshots of one category that are not what this build makes of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongSnapshots {
    /// Their category.
    pub category: &'static str,
    /// How many there are.
    pub count: u64,
    /// The stream of the first of them.
    pub stream: StreamId,
    /// What is wrong with it.
    pub reason: String,
}

/// Compares the snapshots of one kind of entity.
pub(super) struct Comparer {
    pub(super) category: &'static str,
    snapshots: Arc<dyn SnapshotStore>,
    compare: Compare,
}

type Compare = for<'a> fn(
    &'a dyn EventStore,
    &'a dyn SnapshotStore,
    StreamId,
) -> BoxFuture<'a, Result<Compared, StoreError>>;

enum Compared {
    Nothing,
    Same,
    Wrong(String),
}

impl Comparer {
    pub(super) fn of<A: Snapshot + PartialEq>(snapshots: Arc<dyn SnapshotStore>) -> Self {
        let compare: Compare =
            |store, snapshots, stream| compare::<A>(store, snapshots, stream).boxed();
        Self { category: A::CATEGORY, snapshots, compare }
    }

    /// Adds to `report` what comes of the snapshot of `stream`, if it has one of this fold.
    pub(super) async fn run(
        &self,
        store: &dyn EventStore,
        stream: &StreamId,
        report: &mut HistoryReport,
    ) -> Result<(), StoreError> {
        let compared = (self.compare)(store, &*self.snapshots, stream.clone());
        let reason = match AssertUnwindSafe(compared).catch_unwind().await {
            // Its event is reported by itself.
            Ok(Ok(Compared::Nothing) | Err(StoreError::Unreadable(_))) => return Ok(()),
            Ok(Ok(Compared::Same)) => None,
            Ok(Ok(Compared::Wrong(reason))) => Some(reason),
            Ok(Err(error)) => return Err(error),
            Err(panic) => Some(panic::message(&*panic)),
        };
        report.snapshots += 1;
        let Some(reason) = reason else { return Ok(()) };
        let category = self.category;
        match report.wrong_snapshots.iter_mut().find(|wrong| wrong.category == category) {
            Some(wrong) => wrong.count += 1,
            None => {
                let stream = stream.clone();
                report.wrong_snapshots.push(WrongSnapshots { category, count: 1, stream, reason });
            }
        }
        Ok(())
    }
}

async fn compare<A: Snapshot + PartialEq>(
    store: &dyn EventStore,
    snapshots: &dyn SnapshotStore,
    stream: StreamId,
) -> Result<Compared, StoreError> {
    let (snapshot, events) = snapshots.read_from_snapshot(&stream, A::VERSION).await?;
    let Some(snapshot) = snapshot else { return Ok(Compared::Nothing) };
    let kept = match restore(&snapshot, events, Payload::decode::<A>).await? {
        Ok((kept, _)) => kept,
        Err(ignored) => return Ok(Compared::Wrong(report(&ignored))),
    };
    let at = kept.version;
    let folded = load::<A>(store, stream, Shared::nothing(), Some(AsOf::Version(at))).await?;
    let wrong = || Compared::Wrong(format!("up to version {at} the events give another state"));
    Ok(if kept.state == folded.state { Compared::Same } else { wrong() })
}

impl fmt::Debug for Comparer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparer").field("category", &self.category).finish_non_exhaustive()
    }
}
