//! Acknowledged appends, and the history that a reader was given.

use std::{
    collections::{HashMap, HashSet},
    time::SystemTime,
};

use annals::{EventData, TryStreamExt};
use annals::{EventId, EventStoreExt, Position, PostgresStore, RecordedEvent, StreamId, Version};
use serde::{Deserialize, Serialize};

/// What a writer was told of one stream's part of an append, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) stream: StreamId,
    /// Of the last event.
    pub(crate) version: Version,
    /// Of the last event.
    pub(crate) position: Position,
    pub(crate) ids: Vec<EventId>,
    pub(crate) began: SystemTime,
    pub(crate) ended: SystemTime,
}

/// The global stream as one reader was given it. Whatever breaks its order fails at once.
#[derive(Debug, Default)]
pub(crate) struct History {
    places: HashMap<EventId, Place>,
    order: Vec<(Position, EventId)>,
    versions: HashMap<StreamId, Version>,
}

#[derive(Debug, Clone)]
struct Place {
    stream: StreamId,
    version: Version,
    position: Position,
    given: SystemTime,
}

impl History {
    /// What a reader finds that begins now.
    pub(crate) async fn read(store: &PostgresStore) -> Self {
        let mut history = Self::default();
        let mut events = store.events_after::<EventData>(Position::START);
        while let Some(event) = events.try_next().await.unwrap() {
            history.take(&event);
        }
        history
    }

    /// The next event: its position is higher than the last one, its version the next of its stream, its id new.
    pub(crate) fn take(&mut self, event: &RecordedEvent) {
        let RecordedEvent { id, ref stream, version, position, .. } = *event;
        assert!(position > self.last(), "{stream} {version} at {position} after {}", self.last());
        let before = self.versions.insert(stream.clone(), version).unwrap_or_default();
        assert_eq!(version, before.next(), "{stream} at {position}");
        let place = Place { stream: stream.clone(), version, position, given: SystemTime::now() };
        let known = self.places.insert(id, place);
        assert!(known.is_none(), "event {id} is there twice: {known:?} and at {position}");
        self.order.push((position, id));
    }

    /// The position of the last event.
    pub(crate) fn last(&self) -> Position {
        self.order.last().map_or(Position::START, |(position, _)| *position)
    }

    /// Every event, with its position.
    pub(crate) fn order(&self) -> &[(Position, EventId)] {
        &self.order
    }

    /// Every acknowledged event is there, once, where the acknowledgement says, and in the order of the
    /// acknowledgements: what was appended later is later.
    pub(crate) fn holds(&self, acknowledged: &[Acknowledged]) {
        let mut seen = HashSet::new();
        let mut ended = Vec::new();
        for append in acknowledged {
            let count = append.ids.len() as u64;
            for (id, version) in append.ids.iter().zip(append.version.get() + 1 - count..) {
                let place = self.places.get(id);
                let place = place.unwrap_or_else(|| panic!("{id} is missing: {append:?}"));
                assert_eq!(place.stream, append.stream, "{append:?}");
                assert_eq!(place.version.get(), version, "{append:?}");
                assert!(seen.insert(id), "{id} was acknowledged twice");
            }
            let last = append.ids.last().and_then(|id| self.places.get(id));
            assert_eq!(last.map(|last| last.position), Some(append.position), "{append:?}");
            ended.push((append.ended, append.position));
        }
        ended.sort_unstable();
        let mut highest = Position::START;
        for (_, position) in &mut ended {
            highest = highest.max(*position);
            *position = highest;
        }
        for append in acknowledged {
            let before = ended.partition_point(|(ended, _)| *ended < append.began);
            let highest = before.checked_sub(1).map_or(Position::START, |last| ended[last].1);
            let first = append.ids.first().map(|id| self.places[id].position);
            assert!(first > Some(highest), "{highest} was acknowledged before {append:?} began");
        }
    }

    /// It holds these events and no others.
    pub(crate) fn is_exactly(&self, ids: impl IntoIterator<Item = EventId>) {
        let ids: HashSet<_> = ids.into_iter().collect();
        let strange: Vec<_> = self.order.iter().filter(|(_, id)| !ids.contains(id)).collect();
        assert!(strange.is_empty(), "nobody was told of these: {strange:?}");
        assert_eq!(self.order.len(), ids.len(), "some are missing");
    }

    /// When the reader was given the event.
    pub(crate) fn given(&self, id: EventId) -> SystemTime {
        self.places[&id].given
    }
}
