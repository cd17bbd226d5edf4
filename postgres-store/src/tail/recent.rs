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
