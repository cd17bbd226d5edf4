//! When to send, and how much at once: decided from who waits, who is on the way, and which lanes there are.

use super::queue::{Queue, Request};

/// The most appends in one statement.
const BATCH: usize = 128;
/// Up to so many appends go alone, each on a connection of its own.
const ALONE: usize = 4;
/// Up to so many appends share one statement.
const TOGETHER: usize = 16;
/// Into how many statements a larger crowd is divided: while one waits for the disk, the next is run, and one more gathers.
const SHARES: usize = 3;

/// Appends that wait or are on their way, and the lanes that take them.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) queue: Queue,
    /// How many lanes there may be.
    most: usize,
    /// Lanes that are about to look for requests.
    starting: usize,
    /// Lanes that are sending.
    busy: usize,
    /// Lanes that wait for work.
    idle: usize,
    /// How many of those have been told, and do not know it yet.
    woken: usize,
    /// Requests that the busy lanes have taken since the last look, and between that and the one before.
    sent: [usize; 2],
    looks: u64,
    pub(super) is_watched: bool,
    pub(super) is_closed: bool,
}

/// Who is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// One that waits for work.
    Idle,
    New,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self {
            queue: Queue::default(),
            most,
            starting: 0,
            busy: 0,
            idle: 0,
            woken: 0,
            sent: [0; 2],
            looks: 0,
            is_watched: false,
            is_closed: false,
        }
    }

    /// Whether something should be sent now: a fair share of the crowd is ready, or nothing is on its way.
    pub(super) fn is_due(&self) -> bool {
        let ready = self.queue.ready();
        let crowd = ready + self.sent.iter().sum::<usize>();
        let share = if crowd <= ALONE {
            1
        } else if crowd <= TOGETHER {
            crowd
        } else {
            crowd.div_ceil(SHARES).min(BATCH)
        };
        ready > 0 && self.busy < self.most && (self.busy == 0 || ready >= share)
    }

    /// The lane that is to be told of what is due, and counts as told; none if one is about to look anyway.
    pub(super) fn call_lane(&mut self) -> Option<Lane> {
        if self.starting + self.woken > 0 || !self.is_due() {
            None
        } else if self.idle > 0 {
            self.woken += 1;
            Some(Lane::Idle)
        } else {
            self.starting += 1;
            Some(Lane::New)
        }
    }

    /// A lane that waited for work is to look again, or is over.
    pub(super) fn wake(&mut self, is_over: bool) -> bool {
        self.idle -= 1;
        self.woken = self.woken.saturating_sub(1);
        let goes_on = self.is_due() || !(is_over || self.is_closed);
        self.starting += usize::from(goes_on);
        goes_on
    }

    /// What the lane that looks is to send now, and how many looks there have been; without that, it is idle.
    pub(super) fn take(&mut self) -> Option<(Vec<Request>, u64)> {
        self.starting -= 1;
        if !self.is_due() {
            self.idle += 1;
            return None;
        }
        let requests = self.queue.take(BATCH);
        let [sent, _] = &mut self.sent;
        *sent += requests.len();
        self.busy += 1;
        Some((requests, self.looks))
    }

    /// A lane has done with `requests` requests that it took after so many looks.
    pub(super) fn landed(&mut self, requests: usize, taken_after: u64) {
        self.busy -= 1;
        let age = usize::try_from(self.looks - taken_after).unwrap_or(usize::MAX);
        if let Some(sent) = self.sent.get_mut(age) {
            *sent -= requests;
        }
    }

    /// The lane that has landed is about to look again.
    pub(super) fn look_again(&mut self) {
        self.starting += 1;
    }

    /// Those that are on their way for longer than two looks may never be back, and are not waited for.
    pub(super) fn look(&mut self) {
        let [sent, _] = self.sent;
        self.sent = [0, sent];
        self.looks += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::queue::tests::request, *};

    /// Whether something is due where so many appends are on their way, in one statement, and so many are ready.
    fn is_due(sent: usize, ready: usize) -> bool {
        let mut crowd = Crowd::new(8);
        (crowd.busy, crowd.sent) = (1, [sent, 0]);
        (0..ready).for_each(|nth| crowd.queue.push(request(&[&format!("a-{nth}")])));
        crowd.is_due()
    }

    #[test]
    fn few_go_alone_more_go_together_and_a_crowd_goes_in_three_statements() {
        // On their way, and how many then have to be ready.
        for (sent, due) in
            [(1, 1), (3, 1), (4, 13), (8, 9), (12, 6), (20, 10), (40, 20), (300, 128)]
        {
            if due > 1 {
                assert!(!is_due(sent, due - 1), "{sent} on their way, {due} less one are ready");
            }
            assert!(is_due(sent, due), "{sent} on their way, {due} are ready");
        }
    }
}
