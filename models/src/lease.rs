//! The lease and the fence: who runs a part of a follower, and why each event takes effect once.
//!
//! This is `core/src/followers/keeper.rs`, `decide.rs` and `runner.rs`, and their statements `beat.sql`, `claim.sql`,
//! `advance.sql` and `release.sql` in `postgres-store/sql/followers`, for one part of one build and one event a step. A step
//! is a list of what is done; between two of them anything may happen elsewhere. When a check or a statement moves there,
//! it moves here.
//!
//! A process that is frozen and thaws is one whose next action comes late, and so is a slow one; one that is frozen for good
//! is as dead as one that was killed, except that the server may not have noticed.

use stateright::{Model, Property};

/// For how many ticks of the clock a sign of life is good.
pub const LEASE: u8 = 2;

/// What is done in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Do {
    /// Goes on only while the lease is good by the member's own clock.
    CheckClock,
    /// Moves the checkpoint, and so locks the part; ends the step if the claim does not hold, or the checkpoint is elsewhere.
    Advance,
    /// Lets the event take effect.
    Work,
    Commit,
}

/// `step.rs`: one transaction, the checkpoint first.
pub const STEP: &[Do] = &[Do::Advance, Do::Work, Do::Commit];

#[derive(Debug, Clone)]
pub struct Lease {
    pub step: &'static [Do],
    pub events: u8,
    /// No more claims are looked at than these.
    pub claims: u8,
    pub checks_fence: bool,
    pub checks_position: bool,
    /// Whether a member claims again when it does not know what became of a commit.
    pub claims_again: bool,
    /// Whether the server ends the transaction of a client that says nothing.
    pub ends_idle: bool,
    /// Whether a part may be claimed when the lease of its owner is over.
    pub takes_over: bool,
    /// For each member, by how much its clock is behind, if leases go by it; 0 where they go by the server's.
    pub behind: Vec<u8>,
}

/// The database, and the processes that use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Books {
    owner: Option<usize>,
    fence: u8,
    position: u8,
    /// The events that took effect, in that order.
    effects: Vec<u8>,
    members: Vec<Member>,
    has_stale_commit: bool,
    has_robbery: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Member {
    /// How many ticks ago it said that it is alive, as far as that matters.
    silent: u8,
    /// For good.
    is_frozen: bool,
    /// What it knows to be its own.
    claim: Option<Claim>,
    /// How much of its step is done.
    done: usize,
    transaction: Option<Transaction>,
    /// Whether it waits for its transaction no longer, which is about to commit.
    has_given_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Claim {
    fence: u8,
    position: u8,
}

/// What a transaction has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Transaction {
    fence: u8,
    /// Where it moves the checkpoint. If it does, it holds the lock of the part.
    position: Option<u8>,
    effect: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Tick,
    /// Says that it is alive, and lets go of what the books do not say is its own.
    Beat(usize),
    Claim(usize),
    /// Claims, and the answer is lost.
    ClaimUnheard(usize),
    Do(usize, Do),
    /// Commits, and the answer is lost.
    CommitUnheard(usize),
    /// Waits no longer for a commit that is on its way, and may still happen.
    GiveUp(usize),
    /// A commit happens for which nobody waits any longer.
    CommitLate(usize),
    /// The server ends the transaction: of itself, or because the connection is gone.
    End(usize),
    /// Gives the part back.
    Release(usize),
    Freeze(usize),
}

/// Law I6.
pub const ONCE: &str = "each event takes effect once, in order";
pub const CHECKPOINT: &str = "the checkpoint says what has taken effect";
pub const FENCED: &str = "who has lost a claim commits nothing";
pub const KEPT: &str = "nobody loses a part before having been silent for a lease";
/// With nothing more failing from here on.
pub const GOES_ON: &str = "whatever has failed, the others go on to the end";

impl Model for Lease {
    type State = Books;
    type Action = Action;

    fn init_states(&self) -> Vec<Books> {
        vec![Books {
            owner: None,
            fence: 0,
            position: 0,
            effects: Vec::new(),
            members: vec![Member::default(); self.behind.len()],
            has_stale_commit: false,
            has_robbery: false,
        }]
    }

    fn actions(&self, books: &Books, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        for (id, member) in books.members.iter().enumerate() {
            let next = self.step[member.done];
            actions.extend([
                Action::Beat(id),
                Action::Claim(id),
                Action::ClaimUnheard(id),
                Action::Do(id, next),
                Action::CommitUnheard(id),
                Action::GiveUp(id),
                Action::CommitLate(id),
                Action::End(id),
                Action::Release(id),
                Action::Freeze(id),
            ]);
        }
        actions.retain(|action| self.can(books, *action));
    }

    fn next_state(&self, books: &Books, action: Action) -> Option<Books> {
        let mut books = books.clone();
        self.act(&mut books, action);
        Some(books)
    }

    fn within_boundary(&self, books: &Books) -> bool {
        // Where events are repeated, they could be without an end.
        books.fence <= self.claims && books.effects.len() <= usize::from(self.events) + 1
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, books: &Books| {
                books.effects.iter().zip(1..).all(|(effect, event)| *effect == event)
            }),
            Property::always(CHECKPOINT, |_, books: &Books| {
                books.effects.len() == usize::from(books.position)
            }),
            Property::always(FENCED, |_, books: &Books| !books.has_stale_commit),
            Property::always(KEPT, |_, books: &Books| !books.has_robbery),
            Property::always(GOES_ON, |model, books: &Books| model.goes_on(books.clone())),
            Property::sometimes("all is done by two members", |model, books: &Books| {
                books.position == model.events
                    && books.members.iter().all(|member| member.claim.is_some())
            }),
            Property::sometimes(
                "a commit comes late, to one that is about to claim again",
                |_, books: &Books| {
                    let is_late = |member: &Member| member.has_given_up && member.claim.is_none();
                    books.members.iter().any(is_late)
                },
            ),
        ]
    }
}

impl Lease {
    fn can(&self, books: &Books, action: Action) -> bool {
        let is_held = |part: &Member| part.transaction.is_some_and(|work| work.position.is_some());
        let is_locked = || books.members.iter().any(is_held);
        let member = |id: usize| Some(&books.members[id]).filter(|member| !member.is_frozen);
        let is_committing = |id: usize| {
            let waits =
                member(id).filter(|member| member.transaction.is_some() && !member.has_given_up);
            waits.is_some_and(|member| self.step[member.done] == Do::Commit)
        };
        match action {
            Action::Tick => books.members.iter().any(|member| member.silent < LEASE),
            Action::Beat(id) => member(id).is_some(),
            // A part that a step holds is passed over.
            Action::Claim(id) | Action::ClaimUnheard(id) => {
                let is_free = books.owner.is_none_or(|owner| {
                    owner == id || self.takes_over && !self.is_alive(books, owner)
                });
                is_free && !is_locked() && member(id).is_some_and(|member| member.claim.is_none())
            }
            Action::Do(id, Do::Commit) | Action::CommitUnheard(id) | Action::GiveUp(id) => {
                is_committing(id)
            }
            Action::Do(id, next) => {
                let waits = next == Do::Advance && is_locked();
                let claim = member(id)
                    .filter(|member| !member.has_given_up)
                    .and_then(|member| member.claim);
                !waits && claim.is_some_and(|claim| claim.position < self.events)
            }
            Action::CommitLate(id) => books.members[id].has_given_up,
            Action::End(id) => {
                books.members[id].transaction.is_some() && (self.ends_idle || member(id).is_some())
            }
            Action::Release(id) => {
                let is_idle = |member: &Member| member.claim.is_some() && member.done == 0;
                !is_locked() && member(id).is_some_and(is_idle)
            }
            Action::Freeze(id) => {
                let mut others = (0..books.members.len()).filter(|other| *other != id);
                member(id).is_some() && others.any(|other| member(other).is_some())
            }
        }
    }

    fn is_alive(&self, books: &Books, id: usize) -> bool {
        books.members[id].silent + self.behind[id] < LEASE
    }

    fn act(&self, books: &mut Books, action: Action) {
        match action {
            Action::Tick => {
                books
                    .members
                    .iter_mut()
                    .for_each(|member| member.silent = LEASE.min(member.silent + 1));
            }
            Action::Beat(id) => {
                let member = &mut books.members[id];
                member.silent = 0;
                if books.owner != Some(id) && member.done == 0 {
                    member.claim = None;
                }
            }
            Action::Claim(id) => {
                self.act(books, Action::ClaimUnheard(id));
                let Books { fence, position, .. } = *books;
                books.members[id].claim = Some(Claim { fence, position });
            }
            Action::ClaimUnheard(id) => {
                let robbed = books.owner.filter(|owner| *owner != id);
                books.has_robbery |=
                    robbed.is_some_and(|owner| books.members[owner].silent < LEASE);
                (books.owner, books.fence) = (Some(id), books.fence + 1);
            }
            Action::Do(id, next) => self.go_on(books, id, next),
            Action::CommitUnheard(id) => {
                self.commit(books, id);
                self.lose(&mut books.members[id]);
            }
            Action::GiveUp(id) => {
                books.members[id].has_given_up = true;
                self.lose(&mut books.members[id]);
            }
            Action::CommitLate(id) => {
                self.commit(books, id);
                books.members[id].has_given_up = false;
            }
            Action::End(id) => {
                let member = &mut books.members[id];
                member.transaction = None;
                if std::mem::take(&mut member.has_given_up) {
                    return;
                }
                match self.step[member.done] {
                    Do::Commit => self.lose(member),
                    // Nothing has happened: again, under the same claim.
                    _ => member.done = 0,
                }
            }
            Action::Release(id) => {
                let claim = books.members[id].claim.take();
                if claim.is_some_and(|claim| claim.fence == books.fence) {
                    (books.owner, books.fence) = (None, books.fence + 1);
                }
            }
            Action::Freeze(id) => books.members[id].is_frozen = true,
        }
    }

    fn go_on(&self, books: &mut Books, id: usize, next: Do) {
        let (fence, position) = (books.fence, books.position);
        let member = &mut books.members[id];
        let Some(claim) = member.claim else { return };
        let nothing = Transaction { fence: claim.fence, position: None, effect: None };
        let event = claim.position + 1;
        match next {
            Do::CheckClock if member.silent < LEASE => {}
            Do::Advance
                if (!self.checks_fence || claim.fence == fence)
                    && (!self.checks_position || claim.position == position) =>
            {
                member.transaction.get_or_insert(nothing).position = Some(event);
            }
            Do::CheckClock | Do::Advance => {
                (member.claim, member.transaction, member.done) = (None, None, 0);
                return;
            }
            Do::Work => member.transaction.get_or_insert(nothing).effect = Some(event),
            Do::Commit => self.commit(books, id),
        }
        let member = &mut books.members[id];
        member.done += 1;
        if member.done == self.step.len() {
            member.done = 0;
            member.claim = Some(Claim { position: event, ..claim });
        }
    }

    fn commit(&self, books: &mut Books, id: usize) {
        let Some(work) = books.members[id].transaction.take() else { return };
        books.has_stale_commit |= work.fence != books.fence;
        books.effects.extend(work.effect);
        books.position = work.position.unwrap_or(books.position);
    }

    /// The member does not know what became of its commit.
    fn lose(&self, member: &mut Member) {
        member.done = 0;
        if self.claims_again {
            member.claim = None;
        }
    }

    /// Whether everything gets done if from now on nothing fails and everybody acts in turn.
    fn goes_on(&self, mut books: Books) -> bool {
        for _ in 0..LEASE + self.events + 2 {
            for id in 0..books.members.len() {
                let act = |books: &mut Books, action| {
                    if self.can(books, action) {
                        self.act(books, action);
                    }
                };
                act(&mut books, Action::CommitLate(id));
                act(&mut books, Action::Beat(id));
                act(&mut books, Action::Claim(id));
                for _ in self.step {
                    let next = self.step[books.members[id].done];
                    act(&mut books, Action::Do(id, next));
                }
                if books.members[id].is_frozen {
                    act(&mut books, Action::End(id));
                }
            }
            self.act(&mut books, Action::Tick);
        }
        books.position >= self.events
    }
}
