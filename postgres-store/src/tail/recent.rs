//! The last events of the global stream, kept for followers that are up to date.

use std::collections::VecDeque;

use annals_core::{Filter, RecordedEvent};

/// How many events are kept at the most, and how many bytes of payload.
const EVENTS: usize = 16_384;
const BYTES: usize = 16 << 20;

/// Every event after position `floor` and up to position `last`.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    floor: i64,
    last: i64,
    events: VecDeque<RecordedEvent>,
    bytes: usize,
}

/// Matching events, and the position up to which everything was looked at.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) after: i64,
}

impl Recent {
    /// Nothing is kept, and what is pushed next follows `position`.
    pub(crate) fn restart(&mut self, position: i64) {
        *self = Self { floor: position, last: position, ..Self::default() };
    }

    /// Keeps the events that follow those kept so far.
    pub(crate) fn push(&mut self, events: Vec<RecordedEvent>) {
        for event in events {
            self.last = event.position.get().cast_signed();
            self.bytes += event.event.payload.as_str().len();
            self.events.push_back(event);
            while self.events.len() > EVENTS || self.bytes > BYTES {
                let Some(oldest) = self.events.pop_front() else { break };
                self.bytes -= oldest.event.payload.as_str().len();
                self.floor = oldest.position.get().cast_signed();
            }
        }
    }

    pub(crate) fn page(&self, after: i64, up_to: i64, filter: &Filter, limit: u64) -> Option<Page> {
        if after < self.floor || up_to > self.last {
            return None;
        }
        let mut page = Page { events: Vec::new(), after: up_to };
        let begin =
            self.events.partition_point(|event| event.position.get().cast_signed() <= after);
        for event in self.events.range(begin..) {
            let position = event.position.get().cast_signed();
            if position > up_to {
                break;
            }
            if filter.matches(event) {
                page.events.push(event.clone());
                if page.events.len() as u64 == limit {
                    page.after = position;
                    break;
                }
            }
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use annals_core::{EventData, EventId, EventType, Payload, Position, Recorded, Version};

    use super::*;

    fn event(position: i64, category: &str) -> RecordedEvent {
        Recorded {
            id: EventId::new(),
            stream: format!("{category}-1").parse().unwrap(),
            version: Version::new(1),
            position: Position::new(position.unsigned_abs()),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            event: EventData::new(EventType::from_static("x.y"), Payload::from_stored("{}")),
            metadata: Default::default(),
        }
    }

    fn positions(page: Option<Page>) -> Option<(Vec<u64>, i64)> {
        let of = |page: &Page| page.events.iter().map(|event| event.position.get()).collect();
        page.map(|page| (of(&page), page.after))
    }

    #[test]
    fn what_is_kept_is_given_and_what_is_not_is_left_to_the_database() {
        let mut recent = Recent::default();
        recent.restart(10);
        recent.push(vec![event(11, "a"), event(13, "b"), event(17, "a")]);
        let page =
            |after, up_to, limit| positions(recent.page(after, up_to, &Filter::any(), limit));
        assert_eq!(page(10, 17, 9), Some((vec![11, 13, 17], 17)));
        assert_eq!(
            page(11, 16, 9),
            Some((vec![13], 16)),
            "what is between is known not to be there"
        );
        assert_eq!(page(10, 17, 2), Some((vec![11, 13], 13)));
        assert_eq!(page(9, 17, 9), None, "it may lack what came before");
        assert_eq!(page(10, 18, 9), None, "it does not know yet");
        let of_a = Filter::any().with_category("a");
        assert_eq!(positions(recent.page(10, 16, &of_a, 9)), Some((vec![11], 16)));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut recent = Recent::default();
        recent.restart(0);
        let many = i64::try_from(EVENTS).unwrap() + 5;
        recent.push((1..=many).map(|position| event(position, "a")).collect());
        assert_eq!(recent.events.len(), EVENTS);
        assert!(recent.page(4, many, &Filter::any(), 1).is_none());
        assert_eq!(positions(recent.page(5, many, &Filter::any(), 1)), Some((vec![6], 6)));
    }
}
