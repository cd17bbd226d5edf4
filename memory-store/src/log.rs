use annals_core::{
    AppendError, Appended, Direction, EventId, Filter, NewEvent, Position, Recorded, RecordedEvent,
    Refusal, StreamAppend, StreamId, Version,
};
use chrono::{DateTime, Utc};
use foldhash::HashMap; // the standard hasher costs a tenth to a fifth of an append

/// How many events one page holds at the most.
const PAGE: usize = 256;

/// How many events a reader looks at, at the most, while it keeps writers waiting.
const SCAN: usize = 16 * PAGE;

/// All events in order, and where to find each stream and each id. The event at index i has position i + 1.
#[derive(Debug, Default)]
pub(crate) struct Log {
    events: Vec<RecordedEvent>,
    streams: HashMap<StreamId, Vec<usize>>,
    ids: HashMap<EventId, usize>,
}

impl Log {
    pub(crate) fn head(&self) -> Position {
        Position::new(self.events.len() as u64)
    }

    /// Everything is checked before anything is changed, so an append is all or nothing.
    pub(crate) fn append(
        &mut self,
        appends: Vec<StreamAppend>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Appended>, AppendError> {
        if let Some(answers) = self.answers_of_first_time(&appends)? {
            return Ok(answers);
        }
        for append in &appends {
            append.expected.check(&append.stream, self.version(&append.stream))?;
        }
        Ok(appends.into_iter().map(|append| self.store(append, now)).collect())
    }

    fn store(&mut self, append: StreamAppend, now: DateTime<Utc>) -> Appended {
        let StreamAppend { stream, events, .. } = append;
        if events.is_empty() {
            return Appended { version: self.version(&stream), position: Position::START };
        }
        let indices = self.streams.entry(stream.clone()).or_default();
        for NewEvent { id, event, metadata } in events {
            let index = self.events.len();
            indices.push(index);
            self.ids.insert(id, index);
            self.events.push(Recorded {
                id,
                stream: stream.clone(),
                version: Version::new(indices.len() as u64),
                position: Position::new(index as u64 + 1),
                recorded_at: now,
                event,
                metadata,
            });
        }
        Appended { version: Version::new(indices.len() as u64), position: self.head() }
    }

    /// The answers, if all of these events are stored already; none if none is.
    fn answers_of_first_time(
        &self,
        appends: &[StreamAppend],
    ) -> Result<Option<Vec<Appended>>, Refusal> {
        let Some(known) = appends.iter().flat_map(|a| &a.events).find_map(|e| self.by_id(e.id))
        else {
            return Ok(None);
        };
        let answers: Option<_> =
            appends.iter().map(|append| self.answer_of_first_time(append)).collect();
        let taken = Refusal::EventIdTaken {
            id: known.id,
            stream: known.stream.clone(),
            version: known.version,
        };
        answers.map(Some).ok_or(taken)
    }

    fn answer_of_first_time(&self, append: &StreamAppend) -> Option<Appended> {
        let (Some(first), Some(last)) = (append.events.first(), append.events.last()) else {
            return Some(Appended {
                version: self.version(&append.stream),
                position: Position::START,
            });
        };
        let (first, last) = (self.by_id(first.id)?, self.by_id(last.id)?);
        let stored = self.indices(&append.stream).iter().skip(first.version.get() as usize - 1);
        let stored = stored.filter_map(|index| self.events.get(*index)).map(|event| event.id);
        let same = stored.take(append.events.len()).eq(append.events.iter().map(|event| event.id));
        same.then_some(Appended { version: last.version, position: last.position })
    }

    /// Up to `limit` events of `stream`, `from` on in this direction.
    pub(crate) fn stream_page(
        &self,
        stream: &StreamId,
        direction: Direction,
        from: Version,
        limit: u64,
    ) -> Vec<RecordedEvent> {
        let indices = self.indices(stream);
        let size = usize::try_from(limit).map_or(PAGE, |limit| limit.min(PAGE));
        let from = usize::try_from(from.get()).unwrap_or(usize::MAX);
        let pick = |index: &usize| self.events.get(*index).cloned();
        match direction {
            Direction::Forwards => {
                indices.iter().skip(from.saturating_sub(1)).take(size).filter_map(pick).collect()
            }
            Direction::Backwards => {
                indices.iter().take(from).rev().take(size).filter_map(pick).collect()
            }
        }
    }

    /// Up to `limit` matching events after the position `after`, which moves past all that was looked at, and up
    /// to `end`.
    pub(crate) fn page(
        &self,
        after: &mut Position,
        end: Position,
        filter: &Filter,
        limit: u64,
    ) -> Vec<RecordedEvent> {
        let size = usize::try_from(limit).map_or(PAGE, |limit| limit.min(PAGE));
        let mut page = Vec::new();
        let from = usize::try_from(after.get()).unwrap_or(usize::MAX);
        for event in self.events.iter().skip(from).take(SCAN) {
            if page.len() == size || event.position > end {
                break;
            }
            *after = event.position;
            if filter.matches(event) {
                page.push(event.clone());
            }
        }
        page
    }

    pub(crate) fn position_of(&self, stream: &StreamId, version: Version) -> Option<Position> {
        let nth = usize::try_from(version.get().checked_sub(1)?).ok()?;
        self.indices(stream).get(nth).map(|index| Position::new(*index as u64 + 1))
    }

    pub(crate) fn version_of(&self, stream: &StreamId, id: EventId) -> Option<Version> {
        self.by_id(id).filter(|event| event.stream == *stream).map(|event| event.version)
    }

    fn version(&self, stream: &StreamId) -> Version {
        Version::new(self.indices(stream).len() as u64)
    }

    fn indices(&self, stream: &StreamId) -> &[usize] {
        self.streams.get(stream).map_or(&[], Vec::as_slice)
    }

    fn by_id(&self, id: EventId) -> Option<&RecordedEvent> {
        self.ids.get(&id).and_then(|index| self.events.get(*index))
    }
}
