//! One entity as the commands of this process see it: what is stored, what they have decided on top of that, and who
//! waits to hear whether it stands.
//!
//! Commands decide one after the other, each on what those before it have decided, though nothing of that may be stored
//! yet. Meanwhile one [`Flight`](super::flight::Flight) is on its way, and what has gathered goes with the next. So the
//! commands of a process never meet a conflict with each other, and one append serves many of them.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

use super::{carrier::InHand, load::Shared};
use crate::{Aggregate, Conflict, NewEvent, Position, StoreError, Version};

/// The most events that commands append together; a single command may have more.
const EVENTS: usize = 256;
/// The most bytes of their payloads.
const BYTES: usize = 512 << 10;

pub(super) struct Entity<A> {
    line: Mutex<Line<A>>,
    pub(super) in_hand: InHand,
    /// The version of its snapshot, or of the last try to take one.
    snapshot: AtomicU64,
}

struct Line<A> {
    /// The last state that is known to be stored.
    stored: Shared<A>,
    /// Whether commands may decide. Until then, what else is stored is to be read first.
    is_current: bool,
    /// `stored`, and what was decided on top of it.
    tip: Tip<A>,
    /// Those who wait for the next flights.
    waiting: VecDeque<Waiting<A>>,
    /// How many are on the flight; 0 if none is on its way.
    aboard: usize,
    /// So many of those with events are to go one by one: somebody among them fails the others.
    singly: usize,
}

/// A state that may not be stored yet.
#[derive(Debug)]
pub(super) struct Tip<A> {
    pub(super) state: Arc<A>,
    pub(super) version: Version,
}

/// What a decision changes.
pub(super) struct Change<A> {
    /// The events, one at least.
    pub(super) events: Vec<NewEvent>,
    /// The entity with them.
    pub(super) after: Tip<A>,
    /// Whether nobody else can have appended events with these ids, as is possible under an idempotency key.
    pub(super) has_new_ids: bool,
}

/// A command that has decided, or waits until it can.
pub(super) struct Waiting<A> {
    /// What it is to append, if anything.
    pub(super) events: Vec<NewEvent>,
    pub(super) has_new_ids: bool,
    /// The entity with that.
    pub(super) after: Tip<A>,
    fate: oneshot::Sender<Fate>,
}

/// What becomes of a decision.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is stored; or it holds, if there was nothing to store. The position is that of the last event that was stored
    /// together with it.
    Stands(Position),
    /// It rests on what did not happen, or on less than happened; or there was no state to decide on. The stream may have
    /// been read since, up to this version.
    Void(Option<Version>),
    /// Another writer was faster.
    Conflict(Conflict),
    /// Nothing of it is stored, unless the error says otherwise.
    Failed(StoreError),
}

/// Where a command stands after its turn.
pub(super) enum Turn<T> {
    /// Its decision led to no events and rests on what was read since the command came.
    Holds(T, Position),
    /// Its fate is open. The decision is missing if there was no state to decide on.
    Waits(Option<T>, oneshot::Receiver<Fate>),
}

impl<A: Aggregate> Entity<A> {
    pub(super) fn unknown() -> Self {
        let stored = Shared::nothing();
        Self {
            line: Mutex::new(Line {
                tip: Tip::of(&stored),
                stored,
                is_current: false,
                waiting: VecDeque::new(),
                aboard: 0,
                singly: 0,
            }),
            in_hand: InHand::default(),
            snapshot: AtomicU64::new(0),
        }
    }

    /// The version of its last snapshot, as far as is known; [`Version::NONE`] if there is none.
    pub(super) fn snapshot(&self) -> Version {
        Version::new(self.snapshot.load(Ordering::Relaxed))
    }

    pub(super) fn has_snapshot(&self, version: Version) {
        self.snapshot.store(version.get(), Ordering::Relaxed);
    }

    /// The last state that is known to be stored.
    pub(super) fn stored(&self) -> Shared<A> {
        self.line().stored.clone()
    }

    /// Takes over what somebody has read, if nobody is in the middle of something.
    pub(super) fn learn(&self, read: &Shared<A>) {
        let mut line = self.line();
        if line.aboard == 0 && line.waiting.is_empty() && read.version >= line.stored.version {
            line.stored = read.clone();
            line.tip = Tip::of(read);
            line.is_current = true;
        }
    }

    /// Lets a command decide on the tip: on its answer, and on what it changes. `read` is the version up to which the
    /// stream was read since the command came.
    pub(super) fn take_turn<T>(
        &self,
        read: Option<Version>,
        decide: impl FnOnce(&Tip<A>) -> (T, Option<Change<A>>),
    ) -> Turn<T> {
        let mut line = self.line();
        let (mut decision, mut events, mut has_new_ids) = (None, Vec::new(), true);
        if line.is_current {
            let (decided, change) = decide(&line.tip);
            if let Some(change) = change {
                line.tip = change.after;
                (events, has_new_ids) = (change.events, change.has_new_ids);
            } else if read == Some(line.stored.version) && line.tip.version == line.stored.version {
                return Turn::Holds(decided, line.stored.position);
            }
            decision = Some(decided);
        }
        let (fate, told) = oneshot::channel();
        let after = line.tip.clone();
        line.waiting.push_back(Waiting { events, has_new_ids, after, fate });
        Turn::Waits(decision, told)
    }

    /// Those who go with the next flight, and the state that it starts from; none if one is on its way, or nobody waits.
    pub(super) fn take_off(&self) -> Option<(Vec<Waiting<A>>, Shared<A>)> {
        let mut line = self.line();
        (line.aboard == 0).then(|| line.take_off()).flatten()
    }

    /// The same, for the flight that has landed.
    pub(super) fn take_off_again(&self) -> Option<(Vec<Waiting<A>>, Shared<A>)> {
        self.line().take_off()
    }

    /// Whether the flight that has landed is needed again.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.line().waiting.is_empty()
    }

    /// Whether more than one command depends on the flight that is on its way.
    pub(super) fn is_shared(&self) -> bool {
        let line = self.line();
        line.aboard > 1 || !line.waiting.is_empty()
    }

    /// What commands decided and appended is stored: `stored` is the entity as of then.
    pub(super) fn appended(&self, stored: Shared<A>) {
        self.line().stored = stored;
    }

    /// The stream was read, up to `stored`. Whether that is news: what was decided without it is void then.
    pub(super) fn read(&self, stored: Shared<A>) -> bool {
        let mut line = self.line();
        let is_news = !line.is_current || line.stored.version != stored.version;
        if is_news {
            line.fall_back();
            line.tip = Tip::of(&stored);
            line.stored = stored;
            line.is_current = true;
        }
        is_news
    }

    /// Decisions that could not be appended together wait again, to go one by one.
    pub(super) fn part(&self, passengers: Vec<Waiting<A>>) {
        let mut line = self.line();
        line.singly = passengers.iter().filter(|one| one.has_events()).count();
        let later = mem::replace(&mut line.waiting, passengers.into());
        line.waiting.extend(later);
    }

    /// What was decided last is not stored, as far as is known: everything on top of it is void, and the stream is to be
    /// read before anybody decides again; from its beginning if it is `at` a version before the one that was known.
    pub(super) fn fell(&self, at: Option<Version>) {
        let mut line = self.line();
        if at.is_some_and(|at| at < line.stored.version) {
            line.stored = Shared::nothing();
        }
        line.fell();
    }

    /// The flight is over, nobody knows how, and is nobody's any more.
    pub(super) fn crashed(&self) {
        let mut line = self.line();
        line.aboard = 0;
        line.fell();
    }

    fn line(&self) -> MutexGuard<'_, Line<A>> {
        // Deciding may panic, but the line is only changed after it.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Line<A> {
    fn fell(&mut self) {
        self.fall_back();
        self.tip = Tip::of(&self.stored);
        self.is_current = false;
    }

    fn take_off(&mut self) -> Option<(Vec<Waiting<A>>, Shared<A>)> {
        let passengers = self.next_passengers();
        self.aboard = passengers.len();
        (self.aboard > 0).then(|| (passengers, self.stored.clone()))
    }

    fn next_passengers(&mut self) -> Vec<Waiting<A>> {
        let (mut passengers, mut events, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = self.waiting.front() {
            if next.has_events() {
                let is_first = events == 0;
                events += next.events.len();
                bytes += next
                    .events
                    .iter()
                    .map(|event| event.event.payload.as_str().len())
                    .sum::<usize>();
                if !is_first && (self.singly > 0 || events > EVENTS || bytes > BYTES) {
                    break;
                }
            }
            passengers.extend(self.waiting.pop_front());
        }
        self.singly = self.singly.saturating_sub(usize::from(events > 0));
        passengers
    }

    /// Those who wait have decided on what is not so.
    fn fall_back(&mut self) {
        self.waiting.drain(..).for_each(|one| one.tell(Fate::Void(None)));
        self.singly = 0;
    }
}

impl<A> Waiting<A> {
    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_gone(&self) -> bool {
        self.fate.is_closed()
    }

    pub(super) fn tell(self, fate: Fate) {
        drop(self.fate.send(fate)); // a caller who is gone needs no answer
    }
}

impl<A: Aggregate> Tip<A> {
    /// Takes in what was decided on it.
    pub(super) fn advance(&mut self, events: &[A::Event]) {
        let state = Arc::make_mut(&mut self.state);
        for event in events {
            state.apply(event);
            self.version = self.version.next();
        }
    }
}

impl<A> Tip<A> {
    fn of(stored: &Shared<A>) -> Self {
        Self { state: Arc::clone(&stored.state), version: stored.version }
    }
}

impl<A> Clone for Tip<A> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), version: self.version }
    }
}
