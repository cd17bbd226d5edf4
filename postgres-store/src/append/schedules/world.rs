//! The real crowd, and around it what lanes, flights and callers do.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    mem,
};

use annals_core::StreamAppend;
use tokio::sync::oneshot;

use super::{
    Action, Appends, At, Closing, DRAINED, DUE, Flaw, GOES_ON, IN_TURN, NOT_STUCK, ONCE, PROMPT,
    ROOM, SEEN, View,
};
use crate::append::{
    crowd::{Crowd, Lane},
    limits::Size,
    queue::Request,
};

/// The crowd, and what is around it.
pub(super) struct World<'a> {
    model: &'a Appends,
    crowd: Crowd,
    lanes: Vec<At>,
    pushed: usize,
    /// Those that were taken and have no answer.
    taken: BTreeMap<usize, Request>,
    answered: BTreeSet<usize>,
    settling: Vec<usize>,
    going_on: usize,
    /// A lane was told of work when none was listening: the next one that listens hears it.
    has_permit: bool,
    looks: u64,
    closing: Closing,
    broken: Vec<&'static str>,
}

impl<'a> World<'a> {
    pub(super) fn new(model: &'a Appends) -> Self {
        Self {
            model,
            crowd: Crowd::new(model.lanes),
            lanes: Vec::new(),
            pushed: 0,
            taken: BTreeMap::new(),
            answered: BTreeSet::new(),
            settling: Vec::new(),
            going_on: 0,
            has_permit: false,
            looks: 0,
            closing: Closing::No,
            broken: Vec::new(),
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Push => {
                let appends = self.model.requests[self.pushed].clone();
                let size = Size::of(&appends).unwrap();
                self.crowd.queue.push(Request { appends, size, answer: oneshot::channel().0 });
                self.pushed += 1;
                self.send();
            }
            Action::Look(lane) => self.look(lane),
            Action::Answer(lane) => {
                let (requests, looks) = self.flight(lane);
                self.lanes[lane] = At::Landing { requests: requests.len(), looks };
                self.release(&requests);
            }
            Action::Leave(lane) => {
                let (requests, looks) = self.flight(lane);
                self.lanes[lane] = At::Landing { requests: requests.len(), looks };
                self.settling.extend(requests);
                self.settling.sort_unstable();
            }
            Action::Drop(lane) => {
                let (requests, looks) = self.flight(lane);
                self.crowd.landed(requests.len(), looks);
                self.lanes[lane] = At::Dropped { requests };
            }
            Action::LetGo(lane) => {
                let At::Dropped { requests } = self.lanes.remove(lane) else { unreachable!() };
                self.release(&requests);
                self.going_on += 1;
            }
            Action::Land(lane) => {
                let At::Landing { requests, looks } = self.lanes[lane] else { unreachable!() };
                self.crowd.landed(requests, looks);
                self.lanes[lane] = At::Landed;
            }
            Action::LookAgain(lane) => {
                self.crowd.look_again();
                self.lanes[lane] = At::Looking;
            }
            Action::Hear(lane) => self.wake(lane, false),
            Action::TimeOut(lane) => self.lanes[lane] = At::TimedOut,
            Action::Wake(lane) => self.wake(lane, true),
            Action::Settle(request) => {
                self.settling.retain(|other| *other != request);
                self.release(&[request]);
                self.going_on += usize::from(self.model.flaw != Some(Flaw::NobodyGoesOn));
            }
            Action::GoOn => {
                self.going_on -= 1;
                self.send();
            }
            Action::Watch => {
                self.crowd.look();
                self.looks += 1;
                self.send();
                self.crowd.is_watched &= self.crowd.queue.ready() > 0;
            }
            Action::Close => {
                self.crowd.is_closed = true;
                self.closing = Closing::Checking;
            }
            Action::CheckDrained if self.crowd.queue.is_empty() => {
                self.closing = Closing::Done;
                for lane in &mut self.lanes {
                    if let At::Idle { is_told } = lane {
                        *is_told = true;
                    }
                }
            }
            Action::CheckDrained => self.closing = Closing::Waiting,
        }
        self.sort();
    }

    fn send(&mut self) {
        match self.crowd.call_lane() {
            Some(Lane::Idle) => {
                let listening = At::Idle { is_told: false };
                match self.lanes.iter_mut().rev().find(|lane| **lane == listening) {
                    Some(lane) => *lane = At::Idle { is_told: true },
                    None => self.has_permit = true,
                }
            }
            Some(Lane::New) => self.lanes.push(At::Looking),
            None if self.crowd.is_watched || self.crowd.queue.ready() == 0 => {}
            None => self.crowd.is_watched = self.model.flaw != Some(Flaw::NobodyWatches),
        }
    }

    fn look(&mut self, lane: usize) {
        self.lanes.remove(lane);
        let at = match self.crowd.take() {
            Some((requests, looks)) => {
                let ids: Vec<_> = requests.iter().map(id).collect();
                for (id, request) in ids.iter().zip(requests) {
                    let is_new =
                        !self.answered.contains(id) && self.taken.insert(*id, request).is_none();
                    self.demand(ONCE, is_new);
                }
                if self.model.flaw == Some(Flaw::LetsGoAtOnce) {
                    self.let_go(&ids);
                }
                At::Flying { requests: ids, looks }
            }
            None => At::Idle { is_told: mem::take(&mut self.has_permit) },
        };
        self.lanes.push(at);
        if self.model.flaw != Some(Flaw::NobodyElseIsCalled) {
            self.send();
        }
    }

    fn wake(&mut self, lane: usize, is_over: bool) {
        self.lanes.remove(lane);
        if self.crowd.wake(is_over) {
            self.lanes.push(At::Looking);
        }
    }

    fn flight(&mut self, lane: usize) -> (Vec<usize>, u64) {
        let At::Flying { requests, looks } = &mut self.lanes[lane] else { unreachable!() };
        (mem::take(requests), *looks)
    }

    /// Lets go of the streams of requests, which have their answers now.
    fn release(&mut self, requests: &[usize]) {
        if self.model.flaw != Some(Flaw::LetsGoAtOnce) {
            self.let_go(requests);
        }
        for request in requests {
            self.taken.remove(request);
            self.answered.insert(*request);
        }
        if self.crowd.queue.is_empty() && self.closing == Closing::Waiting {
            self.closing = Closing::Checking;
        }
    }

    fn let_go(&mut self, requests: &[usize]) {
        self.crowd.queue.release(requests.iter().flat_map(|request| &self.taken[request].appends));
    }

    /// Lanes are alike, except that of those without work the last is told first.
    fn sort(&mut self) {
        self.lanes.sort_by(|one, other| match (one, other) {
            (At::Idle { .. }, At::Idle { .. }) => Ordering::Equal,
            _ => one.cmp(other),
        });
    }

    fn demand(&mut self, law: &'static str, holds: bool) {
        if !holds {
            self.broken.push(law);
        }
    }

    /// Looks at everything; the crowd is of no use afterwards.
    pub(super) fn view(mut self) -> View {
        let is_drained = self.crowd.queue.is_empty();
        let is_ready = self.crowd.queue.ready() > 0;
        let is_watched = self.crowd.is_watched;
        let is_busy = |lane: &&At| matches!(lane, At::Flying { .. } | At::Landing { .. });
        let busy = self.lanes.iter().filter(is_busy).count();
        let is_quiet = |lane: &At| matches!(lane, At::Flying { .. } | At::Idle { is_told: false });
        let is_coming = self.going_on > 0 || !self.lanes.iter().all(is_quiet);
        let is_flying = self.lanes.iter().any(|lane| matches!(lane, At::Flying { .. }));
        let waiting = (0..self.pushed).filter(|request| !self.answered.contains(request));
        let waiting: Vec<_> = waiting.collect();

        self.demand(ROOM, busy <= self.model.lanes);
        let is_due = self.crowd.is_due();
        self.demand(DUE, !is_due || is_coming);
        self.demand(PROMPT, !is_ready || busy > 0 || is_coming);
        self.demand(SEEN, !is_ready || is_coming || is_watched);
        let is_at_work = is_coming || is_flying || !self.settling.is_empty();
        self.demand(NOT_STUCK, waiting.is_empty() || is_at_work);
        self.demand(
            DRAINED,
            match self.closing {
                Closing::Done => waiting.is_empty(),
                Closing::Waiting => !is_drained,
                Closing::No | Closing::Checking => true,
            },
        );
        if is_ready && !is_coming && busy < self.model.lanes {
            let calls = (0..3).any(|_| {
                self.crowd.look();
                self.crowd.call_lane().is_some()
            });
            self.demand(GOES_ON, calls);
        }

        let mut ready = Vec::new();
        while self.crowd.queue.ready() > 0 {
            ready.extend(self.crowd.queue.take(usize::MAX).iter().map(id));
        }
        let is_next = |request: &usize| {
            let mut before = waiting.iter().take_while(|other| *other < request);
            !before.any(|other| share(&self.model.requests[*other], &self.model.requests[*request]))
        };
        let next: BTreeSet<_> = waiting.iter().copied().filter(is_next).collect();
        let mut in_turn: BTreeSet<_> = self.taken.keys().copied().collect();
        in_turn.extend(&ready);
        self.demand(IN_TURN, in_turn == next);

        for lane in &mut self.lanes {
            if let At::Flying { looks, .. } | At::Landing { looks, .. } = lane {
                *looks = (self.looks - *looks).min(2);
            }
        }
        View {
            pushed: self.pushed,
            ready,
            answered: self.answered,
            settling: self.settling,
            going_on: self.going_on,
            lanes: self.lanes,
            has_permit: self.has_permit,
            is_watched,
            closing: Some(self.closing),
            broken: self.broken,
        }
    }
}

/// The number of a request, which is the payload of its first event.
fn id(request: &Request) -> usize {
    request.appends[0].events[0].event.payload.decode().unwrap()
}

fn share(one: &[StreamAppend], other: &[StreamAppend]) -> bool {
    one.iter().any(|append| other.iter().any(|of_other| append.stream == of_other.stream))
}
