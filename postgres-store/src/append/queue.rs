//! Which append may be sent: at most one at a time for each stream, in the order they came.
//!
//! The database would hold a second one back at the lock of the stream, and with it everything that is in the same
//! statement; here it waits for nothing but its own turn.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use annals_core::{AppendError, Appended, StreamAppend, StreamId};
use tokio::sync::oneshot;

use super::limits::Size;

pub(crate) type Answer = Result<Vec<Appended>, AppendError>;

/// An append that waits for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) appends: Vec<StreamAppend>,
    pub(crate) size: Size,
    pub(crate) answer: oneshot::Sender<Answer>,
}

impl Request {
    /// Whether the request is events for one stream, and not for several or a mere guard.
    pub(crate) fn has_one_stream(&self) -> bool {
        matches!(&*self.appends, [append] if !append.events.is_empty())
    }

    /// Whether the request can share a statement with others.
    pub(crate) fn can_share(&self) -> bool {
        self.has_one_stream() && self.size.is_small()
    }
}

/// Appends in the order they came, and who waits for whom.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Requests that own all their streams.
    ready: VecDeque<Request>,
    /// For each stream that is owned, those that wait for it.
    owned: HashMap<StreamId, VecDeque<u64>>,
    /// Requests that wait, with the number of streams each still waits for.
    waiting: HashMap<u64, (Request, usize)>,
    next_ticket: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, request: Request) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut missing = 0;
        for append in &request.appends {
            match self.owned.entry(append.stream.clone()) {
                Entry::Vacant(stream) => drop(stream.insert(VecDeque::new())),
                Entry::Occupied(mut stream) => {
                    stream.get_mut().push_back(ticket);
                    missing += 1;
                }
            }
        }
        if missing == 0 {
            self.ready.push_back(request);
        } else {
            self.waiting.insert(ticket, (request, missing));
        }
    }

    /// How many requests could be sent now.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// The next requests that fit one statement, in order.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Request> {
        let Some(first) = self.ready.pop_front() else { return Vec::new() };
        let mut size = first.size;
        let mut can_share = first.can_share();
        let mut taken = vec![first];
        while can_share && taken.len() < most {
            let Some(next) = self.ready.front() else { break };
            size.add(next.size);
            can_share = next.can_share() && size.is_small();
            if can_share {
                taken.extend(self.ready.pop_front());
            }
        }
        taken
    }

    /// Gives the streams of `appends` to whoever is next.
    pub(crate) fn release<'a>(&mut self, appends: impl IntoIterator<Item = &'a StreamAppend>) {
        for append in appends {
            let Entry::Occupied(mut stream) = self.owned.entry(append.stream.clone()) else {
                continue;
            };
            let Some(ticket) = stream.get_mut().pop_front() else {
                stream.remove();
                continue;
            };
            if let Entry::Occupied(mut waiting) = self.waiting.entry(ticket) {
                waiting.get_mut().1 -= 1;
                if waiting.get().1 == 0 {
                    self.ready.push_back(waiting.remove().0);
                }
            }
        }
    }
}
