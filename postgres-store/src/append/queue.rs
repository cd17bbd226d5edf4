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

#[cfg(test)]
pub(super) mod tests {
    use annals_core::{EventData, EventType, ExpectedVersion, NewEvent, Payload};

    use super::*;

    /// A request with an event for each of these streams.
    pub(in crate::append) fn request(streams: &[&str]) -> Request {
        let event = || {
            let payload = Payload::from_stored("{}");
            vec![NewEvent::new(EventData::new(EventType::from_static("x.y"), payload))]
        };
        let append = |stream: &&str| {
            StreamAppend::new(stream.parse().unwrap(), ExpectedVersion::Any, event())
        };
        let appends: Vec<_> = streams.iter().map(append).collect();
        let size = Size::of(&appends).unwrap();
        Request { appends, size, answer: oneshot::channel().0 }
    }

    fn queue(requests: &[&[&str]]) -> Queue {
        let mut queue = Queue::default();
        requests.iter().for_each(|streams| queue.push(request(streams)));
        queue
    }

    /// The streams of what is taken next, each request with its own.
    fn take(queue: &mut Queue, most: usize) -> (Vec<Request>, Vec<String>) {
        let taken = queue.take(most);
        let names = |request: &Request| {
            request
                .appends
                .iter()
                .map(|append| append.stream.as_str())
                .collect::<Vec<_>>()
                .join("+")
        };
        let told = taken.iter().map(names).collect();
        (taken, told)
    }

    fn release(queue: &mut Queue, taken: &[Request]) {
        queue.release(taken.iter().flat_map(|request| &request.appends));
    }

    #[test]
    fn appends_of_one_stream_take_turns_and_others_do_not_wait_for_them() {
        let mut queue = queue(&[&["a-1"], &["a-1"], &["b-1"], &["a-1"], &["c-1"]]);
        assert_eq!(queue.ready(), 3);
        let (first, told) = take(&mut queue, 9);
        assert_eq!(told, ["a-1", "b-1", "c-1"]);
        assert!(take(&mut queue, 9).1.is_empty());
        release(&mut queue, &first);
        for _ in 0..2 {
            let (next, told) = take(&mut queue, 9);
            assert_eq!(told, ["a-1"]);
            assert!(!queue.is_empty());
            release(&mut queue, &next);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn an_append_to_several_streams_waits_for_each_and_goes_alone() {
        let mut queue = queue(&[&["a-1"], &["b-1"], &["a-1", "b-1", "c-1"], &["c-1"], &["d-1"]]);
        let (first, told) = take(&mut queue, 1);
        assert_eq!(told, ["a-1"]);
        let (second, told) = take(&mut queue, 9);
        assert_eq!(told, ["b-1", "d-1"], "c-1 came after the one that waits");
        release(&mut queue, &second);
        assert_eq!(queue.ready(), 0);
        release(&mut queue, &first);
        let (both, told) = take(&mut queue, 9);
        assert_eq!(told, ["a-1+b-1+c-1"]);
        release(&mut queue, &both);
        let (last, told) = take(&mut queue, 9);
        assert_eq!(told, ["c-1"]);
        release(&mut queue, &last);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_statement_takes_so_many_and_no_more() {
        let mut queue = queue(&[&["a-1"], &["b-1"], &["c-1"], &["d-1"]]);
        assert_eq!(take(&mut queue, 3).1, ["a-1", "b-1", "c-1"]);
        assert_eq!(take(&mut queue, 3).1, ["d-1"]);
    }
}
