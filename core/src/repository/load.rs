use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;

use crate::{
    Aggregate, EventStore, Position, ReadStream, RecordedEvent, RecordedEvents, StoreError,
    StreamId, Unreadable, Version,
};

/// An entity's state, and how far into its history it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded<A> {
    /// The fold of the entity's events.
    pub state: A,
    /// The version of the last of them; [`Version::NONE`] if there are none.
    pub version: Version,
    /// The position of the last of them; [`Position::START`] if there are none.
    pub position: Position,
}

/// A state that is shared, with the cache for instance: it is copied once an event is to change it.
pub(crate) type Shared<A> = Loaded<Arc<A>>;

impl<A: Aggregate> Shared<A> {
    /// The entity before anything happened to it.
    pub(crate) fn nothing() -> Self {
        Self { state: Arc::default(), version: Version::NONE, position: Position::START }
    }

    /// Takes in the next record, whose events are added to `events`.
    pub(super) fn take(
        &mut self,
        record: &RecordedEvent,
        events: &mut Vec<A::Event>,
    ) -> Result<(), Unreadable> {
        let taken = events.len();
        record.decode_into::<A::Event>(events)?;
        let state = Arc::make_mut(&mut self.state);
        events.iter().skip(taken).for_each(|event| state.apply(event));
        self.version = record.version;
        self.position = record.position;
        Ok(())
    }

    pub(super) fn into_owned(self) -> Loaded<A> {
        let Self { state, version, position } = self;
        Loaded { state: Arc::unwrap_or_clone(state), version, position }
    }
}

/// A point in an entity's history: a version or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// With the event of this version, and none after it.
    Version(Version),
    /// Before the first event that the store recorded after this time.
    Time(DateTime<Utc>),
}

impl From<Version> for AsOf {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<DateTime<Utc>> for AsOf {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

/// What comes after `loaded`, up to the point `as_of` or the end, folded into it.
pub(crate) async fn load<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
    mut loaded: Shared<A>,
    as_of: Option<AsOf>,
) -> Result<Shared<A>, StoreError> {
    let mut read = ReadStream::forwards(stream).starting_at(loaded.version.next());
    if let Some(AsOf::Version(version)) = as_of {
        read = read.with_limit(version.get());
    }
    fold(store.read_stream(read), &mut loaded, as_of).await?;
    Ok(loaded)
}

/// Takes `records` into `loaded`, up to the point `as_of` or the end.
pub(super) async fn fold<A: Aggregate>(
    mut records: RecordedEvents,
    loaded: &mut Shared<A>,
    as_of: Option<AsOf>,
) -> Result<(), StoreError> {
    let mut events = Vec::with_capacity(1);
    while let Some(record) = records.try_next().await? {
        if let Some(AsOf::Time(time)) = as_of
            && record.recorded_at > time
        {
            break;
        }
        events.clear();
        loaded.take(&record, &mut events)?;
    }
    Ok(())
}
