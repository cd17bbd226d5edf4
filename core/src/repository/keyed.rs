//! A command that has an idempotency key: whether it has run is read from the entity's stream.

use std::time::Duration;

use futures_util::TryStreamExt;

use super::{Executed, entity::Entity, flight::Route, load::Shared, retry::pause};
use crate::{
    Aggregate, EventStore, IdempotencyKey, Loaded, Metadata, ReadStream, Refusal, StoreError,
    StreamId, Version,
};

/// What the stream of an entity holds.
pub(super) enum Found<A: Aggregate> {
    /// No event of the key: the entity as it is now.
    Entity(Shared<A>),
    /// The command has run: its answer, as of then.
    Answer(Executed<A>),
}

/// What the stream holds after `from`, where the command of `key` is not before. Where there are snapshots, the stream is not
/// read from its first event on to look for the command: the store is asked for its first event by its id.
pub(super) async fn search<A: Aggregate>(
    route: &Route<A>,
    entity: &Entity<A>,
    from: &Shared<A>,
    key: IdempotencyKey,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Found<A>, StoreError> {
    if from.version == Version::NONE
        && let Some(loaded) = load_without(route, entity, key, pauses).await?
    {
        return Ok(Found::Entity(loaded));
    }
    find(&*route.store, &route.stream, from, key, pauses).await
}

async fn load_without<A: Aggregate>(
    route: &Route<A>,
    entity: &Entity<A>,
    key: IdempotencyKey,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Option<Shared<A>>, StoreError> {
    let Route { store, stream, snapshots, .. } = route;
    loop {
        match snapshots.load_without(key.event_id(0), &**store, stream, entity).await {
            Err(error) if error.is_transient() => pause(pauses, error).await?,
            loaded => return loaded,
        }
    }
}

/// Reads what comes after `from`, until it meets the command of `key` or the end; again, if the store is lost for
/// a moment.
pub(super) async fn find<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    from: &Shared<A>,
    key: IdempotencyKey,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Found<A>, StoreError> {
    loop {
        match find_once(store, stream.clone(), from.clone(), key).await {
            Err(error) if error.is_transient() => pause(pauses, error).await?,
            found => return found,
        }
    }
}

/// The command's events are one append, so they are consecutive, and the first other event after them ends the reading.
async fn find_once<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
    mut loaded: Shared<A>,
    key: IdempotencyKey,
) -> Result<Found<A>, StoreError> {
    let mut events = Vec::with_capacity(1);
    let mut event_ids = Vec::new();
    let mut metadata = Metadata::default();
    let mut next = key.event_id(0);
    let after = ReadStream::forwards(stream).starting_at(loaded.version.next());
    let mut records = store.read_stream(after);
    while let Some(record) = records.try_next().await? {
        let is_of_key = next == record.id;
        let has_begun = !event_ids.is_empty();
        if has_begun && !is_of_key {
            break;
        }
        if !has_begun {
            events.clear();
        }
        loaded.take(&record, &mut events)?;
        if is_of_key {
            if !has_begun {
                metadata = record.metadata;
            }
            event_ids.push(record.id);
            next = key.event_id(event_ids.len());
        }
    }
    if event_ids.is_empty() {
        return Ok(Found::Entity(loaded));
    }
    let Loaded { state, version, position } = loaded.into_owned();
    Ok(Found::Answer(Executed { state, version, position, events, event_ids, metadata }))
}

/// The answer to a command of `key`, of which `before` holds nothing, and whose events are `stored` unless another try
/// under the same key was faster.
///
/// That try may have been decided differently: at another time, or by another version of the program. A store that knows
/// the ids takes ours for the first ones sent again if there are as many or fewer, and says no more. So what is stored
/// is read. When that fails, it may be stored all the same.
pub(super) async fn settle<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamId,
    before: &Shared<A>,
    key: IdempotencyKey,
    stored: Result<(), StoreError>,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Executed<A>, StoreError> {
    let (from, otherwise) = match stored {
        Ok(()) => {
            let otherwise = "the store does not show the events that it answered for";
            (before.clone(), StoreError::OutcomeUnknown(otherwise.into()))
        }
        Err(StoreError::Refused(Refusal::EventIdTaken { stream: other, version, .. }))
            if other != *stream =>
        {
            return Err(Refusal::IdempotencyKeyTaken { key, stream: other, version }.into());
        }
        Err(taken @ StoreError::Refused(Refusal::EventIdTaken { .. })) => {
            (Shared::nothing(), taken)
        }
        Err(error) => return Err(error),
    };
    match find(store, stream, &from, key, pauses).await {
        Ok(Found::Answer(answer)) => Ok(answer),
        Ok(Found::Entity(_)) => Err(otherwise),
        Err(StoreError::Unavailable(source) | StoreError::Failed(source)) => {
            Err(StoreError::OutcomeUnknown(source))
        }
        Err(error) => Err(StoreError::OutcomeUnknown(error.into())),
    }
}
