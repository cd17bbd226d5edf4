//! Snapshots: where loading begins, and how they come to be.
//!
//! A snapshot is never trusted further than it can be checked: it counts if the stream still has its event, its fold is of this
//! version, and its JSON is a state. Otherwise it is as if there were none. It is written by a task of its own, after what it
//! has in it was answered, so no command and no reading waits for it, or fails with it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::TryStreamExt;
use tokio::runtime::Handle;

use super::{
    entity::Entity,
    load::{Shared, fold, load},
};
use crate::{
    Aggregate, EventId, EventStore, InvalidPayload, Payload, ReadStream, RecordedEvents, Snapshot,
    SnapshotPolicy, SnapshotStore, StoreError, StoredSnapshot, StreamId, Version,
    observe::{ObservedSnapshot, snapshot_ignored},
};

/// The snapshots of one kind of entity, if there are any.
pub(super) struct Snapshots<A>(Option<Arc<Kept<A>>>);

struct Kept<A> {
    store: Arc<dyn SnapshotStore>,
    fold_version: u32,
    policy: SnapshotPolicy,
    encode: fn(&A) -> Result<Payload, InvalidPayload>,
    decode: fn(&Payload) -> serde_json::Result<A>,
    /// The streams of those that are being written.
    writing: Mutex<HashSet<StreamId>>,
}

impl<A> Clone for Snapshots<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Why a snapshot counts as none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ignored {
    #[error("the snapshot is not of this stream: it does not have the event that it rests on")]
    Stray,
    #[error("the snapshot cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("the snapshot cannot be had")]
    Store(#[source] StoreError),
}

impl<A: Aggregate> Snapshots<A> {
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn kept_in(store: Arc<dyn SnapshotStore>) -> Self
    where
        A: Snapshot,
    {
        Self(Some(Arc::new(Kept {
            store,
            fold_version: A::VERSION,
            policy: A::POLICY,
            encode: Payload::encode::<A>,
            decode: Payload::decode::<A>,
            writing: Mutex::default(),
        })))
    }

    /// The entity as it is now: `from`, and what comes after it; from a snapshot on, if nothing is known.
    pub(super) async fn load(
        &self,
        store: &dyn EventStore,
        stream: &StreamId,
        entity: &Entity<A>,
        from: Shared<A>,
    ) -> Result<Shared<A>, StoreError> {
        let Some(kept) = &self.0 else { return load(store, stream.clone(), from, None).await };
        let began = Instant::now();
        let loaded = if from.version == Version::NONE {
            let (snapshot, loaded) = kept.load(stream).await?;
            entity.has_snapshot(snapshot);
            loaded
        } else {
            load(store, stream.clone(), from, None).await?
        };
        kept.consider(stream, entity, &loaded, began.elapsed());
        Ok(loaded)
    }

    /// The entity as it is now, if its stream does not have the event `id`; none if it does, or if it takes the reading of all
    /// events to find out.
    pub(super) async fn load_without(
        &self,
        id: EventId,
        store: &dyn EventStore,
        stream: &StreamId,
        entity: &Entity<A>,
    ) -> Result<Option<Shared<A>>, StoreError> {
        let Some(kept) = &self.0 else { return Ok(None) };
        // In this order: what is not there now was not there before.
        let loaded = self.load(store, stream, entity, entity.stored()).await?;
        let version = kept.store.version_of(stream, id).await?;
        Ok(version.is_none().then_some(loaded))
    }

    /// Takes a snapshot of `stored`, which is in the store, if one is due.
    pub(super) fn consider(&self, stream: &StreamId, entity: &Entity<A>, stored: &Shared<A>) {
        if let Some(kept) = &self.0 {
            kept.consider(stream, entity, stored, Duration::ZERO);
        }
    }
}

impl<A: Aggregate> Kept<A> {
    /// The entity as it is now, and the version of its snapshot.
    async fn load(&self, stream: &StreamId) -> Result<(Version, Shared<A>), StoreError> {
        let ignored = |reason| snapshot_ignored(A::CATEGORY, stream, &reason);
        let read = self.store.read_from_snapshot(stream, self.fold_version).await;
        let loaded = match read {
            Ok((None, events)) => Some((Shared::nothing(), events)),
            Ok((Some(snapshot), events)) => match restore(&snapshot, events, self.decode).await? {
                Ok(loaded) => Some(loaded),
                Err(reason) => {
                    ignored(reason);
                    None
                }
            },
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                ignored(Ignored::Store(error));
                None
            }
        };
        let (mut loaded, events) = loaded.unwrap_or_else(|| {
            (Shared::nothing(), self.store.read_stream(ReadStream::forwards(stream.clone())))
        });
        let snapshot = loaded.version;
        fold(events, &mut loaded, None).await?;
        Ok((snapshot, loaded))
    }

    fn consider(
        self: &Arc<Self>,
        stream: &StreamId,
        entity: &Entity<A>,
        stored: &Shared<A>,
        loading: Duration,
    ) {
        let events = stored.version.get().saturating_sub(entity.snapshot().get());
        if !self.policy.is_due(events, loading) {
            return;
        }
        let (Ok(runtime), Some(turn)) = (Handle::try_current(), self.turn(stream)) else { return };
        // If it fails, it is not tried again before the next one is due.
        entity.has_snapshot(stored.version);
        runtime.spawn(turn.take(stored.clone()));
    }

    /// The turn to write a snapshot of `stream`; none while another one is being written.
    fn turn(self: &Arc<Self>, stream: &StreamId) -> Option<Turn<A>> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = writing.insert(stream.clone());
        is_free.then(|| Turn { kept: Arc::clone(self), stream: stream.clone() })
    }
}

/// What a snapshot says, with the events after it; or why it does not count.
pub(crate) async fn restore<A: Aggregate>(
    snapshot: &StoredSnapshot,
    mut events: RecordedEvents,
    decode: fn(&Payload) -> serde_json::Result<A>,
) -> Result<Result<(Shared<A>, RecordedEvents), Ignored>, StoreError> {
    let (version, position) = (snapshot.version, snapshot.position);
    let rests_on = events.try_next().await?;
    if rests_on.is_none_or(|event| (event.version, event.position) != (version, position)) {
        return Ok(Err(Ignored::Stray));
    }
    let restored = decode(&snapshot.state).map_err(Ignored::Unreadable);
    Ok(restored.map(|state| (Shared { state: Arc::new(state), version, position }, events)))
}

/// The right to write a snapshot of a stream, until it is dropped.
struct Turn<A> {
    kept: Arc<Kept<A>>,
    stream: StreamId,
}

impl<A: Aggregate> Turn<A> {
    async fn take(self, stored: Shared<A>) {
        let Self { kept, stream } = &self;
        let Shared { state, version, position } = stored;
        let observed = ObservedSnapshot::begin(A::CATEGORY, stream.clone(), version);
        let state = match (kept.encode)(&state) {
            Ok(state) => state,
            Err(invalid) => return observed.failed(&invalid),
        };
        let (stream, fold_version) = (stream.clone(), kept.fold_version);
        let snapshot = StoredSnapshot { stream, fold_version, version, position, state };
        match kept.store.save_snapshot(&snapshot).await {
            Ok(true) => observed.taken(),
            Ok(false) => observed.passed_over(),
            Err(error) => observed.failed(&error),
        }
    }
}

impl<A> Drop for Turn<A> {
    fn drop(&mut self) {
        self.kept.writing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.stream);
    }
}
