//! The watermark: how readers know what is final while others append.
//!
//! This is `postgres-store/sql/functions/append.sql`, `append_one.sql` and `mark.sql`, the statements of `sql/read`, and
//! the look at the end of the stream in `src/tail/tailer.rs`. A protocol is a list of steps; between two of them anything
//! may happen in other sessions. When a statement moves in the SQL, its step moves here.
//!
//! What Postgres is taken to do:
//! - a statement sees what was visible when it began, and nothing later;
//! - sequences and locks belong to no snapshot: everybody sees them as they are now;
//! - a commit is visible first, and releases the locks of its transaction afterwards;
//! - a rollback gives no position back.

use std::collections::BTreeMap;

use stateright::{Model, Property};

/// A step of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// Waits for the lock of the stream.
    Lock,
    /// Takes the lock of the stream, or begins anew with [`CAREFUL`].
    TryLock,
    /// Ends with a conflict unless the stream is at the expected version.
    CheckVersion,
    /// The same, but takes the version from memory where no position was taken since.
    CheckUnlessUnchanged,
    /// Reads the last position that was taken.
    ReadLast,
    /// Locks the position that was read.
    Declare,
    /// Takes a position for each event, one by one.
    TakePositions,
    Commit,
    /// Lets go of all locks.
    Release,
    /// The process remembers where the stream is, and forgets all others if somebody else has taken a position meanwhile.
    Learn,
    /// The same, but forgets nothing.
    LearnMore,
}

/// A step of a reader, which goes through them again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Read {
    /// Reads the last position that was taken.
    ReadLast,
    /// Reads the lowest position that is declared.
    ReadLocks,
    /// Begins the statement that reads events.
    Snapshot,
    /// Hands out what the snapshot has up to the mark; without a mark, everything.
    HandOut,
    /// Hands out what comes before the first position that is missing, and begins anew, if there is any.
    HandOutGapless,
}

/// `append.sql`.
pub const CAREFUL: &[Write] = {
    use Write::{CheckVersion, Commit, Declare, Lock, ReadLast, Release, TakePositions};
    &[Lock, CheckVersion, ReadLast, Declare, TakePositions, Commit, Release]
};
/// `append_one.sql`, and what `src/append/unchanged.rs` makes of the answer.
pub const LONE: &[Write] = {
    use Write::{
        CheckUnlessUnchanged, Commit, Declare, Learn, ReadLast, Release, TakePositions, TryLock,
    };
    &[TryLock, ReadLast, CheckUnlessUnchanged, Declare, TakePositions, Commit, Release, Learn]
};
/// `append_each.sql`. The version is checked and positions are taken in one statement.
pub const QUICK: &[Write] = {
    use Write::{CheckVersion, Commit, Declare, ReadLast, Release, TakePositions, TryLock};
    &[TryLock, ReadLast, Declare, CheckVersion, TakePositions, Commit, Release]
};
/// `mark.sql`, and then a statement that reads.
pub const MARKED: &[Read] = {
    use Read::{HandOut, ReadLast, ReadLocks, Snapshot};
    &[ReadLast, ReadLocks, Snapshot, HandOut]
};
/// `tailer.rs`: without the mark where it can do without.
pub const TAILER: &[Read] = {
    use Read::{HandOut, HandOutGapless, ReadLast, ReadLocks, Snapshot};
    &[Snapshot, HandOutGapless, ReadLast, ReadLocks, Snapshot, HandOut]
};

/// Sessions, each with the appends that it does one after the other, and a reader.
#[derive(Debug, Clone)]
pub struct Watermark {
    pub sessions: Vec<Vec<Append>>,
    pub reading: &'static [Read],
    /// How many positions a session takes from the sequence at once.
    pub cache: u8,
}

#[derive(Debug, Clone)]
pub struct Append {
    pub stream: u8,
    /// Any, if none.
    pub expected: Option<u8>,
    pub events: usize,
    pub steps: &'static [Write],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The last position that was taken.
    last: u8,
    /// What is committed, by position.
    visible: Vec<Event>,
    sessions: Vec<Session>,
    reader: Reader,
    /// The highest position of which an appender has heard.
    acknowledged: u8,
    /// Of the process that the sessions are in: those that learn.
    memory: Memory,
    has_conflict: bool,
    /// Whether a conflict has taken a position.
    has_costly_conflict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Event {
    position: u8,
    stream: u8,
    version: u8,
}

/// Where streams were at a position, with their versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Memory {
    last: u8,
    streams: BTreeMap<u8, u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Session {
    /// How many of its appends are over.
    done: usize,
    step: usize,
    steps: &'static [Write],
    holds_stream: bool,
    declared: Option<u8>,
    /// A position at which the stream was where it is expected.
    unchanged_since: Option<u8>,
    last: u8,
    version: u8,
    positions: Vec<u8>,
    is_committed: bool,
    /// What was acknowledged when the append began.
    began_after: u8,
    cached: Vec<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Reader {
    step: usize,
    last: Option<u8>,
    lowest: Option<u8>,
    snapshot: Vec<u8>,
    /// Nothing up to here is looked at again.
    passed: u8,
    handed: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Write(usize, Write),
    /// The transaction ends without a commit: for whatever reason.
    RollBack(usize),
    Read(Read),
}

/// Law I2.
pub const MISSES_NOTHING: &str = "a reader misses nothing";
/// Law I1.
pub const IS_DENSE: &str = "a stream is versions 1 to n, in the order of positions";
/// Law I1.
pub const CONFLICTS_ARE_FREE: &str = "a conflict takes no position";
/// Law I3.
pub const IS_CAUSAL: &str = "what begins after an answer has higher positions";

impl Model for Watermark {
    type State = Server;
    type Action = Action;

    fn init_states(&self) -> Vec<Server> {
        let first =
            |appends: &Vec<Append>| Session { steps: appends[0].steps, ..Session::default() };
        vec![Server {
            last: 0,
            visible: Vec::new(),
            sessions: self.sessions.iter().map(first).collect(),
            reader: Reader::default(),
            acknowledged: 0,
            memory: Memory::default(),
            has_conflict: false,
            has_costly_conflict: false,
        }]
    }

    fn actions(&self, server: &Server, actions: &mut Vec<Action>) {
        for (id, session) in server.sessions.iter().enumerate() {
            let Some(append) = self.sessions[id].get(session.done) else { continue };
            let step = session.steps[session.step];
            if step != Write::Lock || !self.is_locked(server, append.stream) {
                actions.push(Action::Write(id, step));
            }
            if session.step > 0 && !session.is_committed {
                actions.push(Action::RollBack(id));
            }
        }
        actions.push(Action::Read(self.reading[server.reader.step]));
    }

    fn next_state(&self, server: &Server, action: Action) -> Option<Server> {
        let mut server = server.clone();
        match action {
            Action::Write(id, step) => self.write(&mut server, id, step),
            Action::RollBack(id) => self.end(&mut server, id),
            Action::Read(step) => self.read(&mut server, step),
        }
        Some(server)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(MISSES_NOTHING, |_, server: &Server| {
                let Reader { passed, handed, .. } = &server.reader;
                let mut passed = server.visible.iter().filter(|event| event.position <= *passed);
                passed.all(|event| handed.contains(&event.position))
            }),
            Property::always(IS_DENSE, |_, server: &Server| {
                let is_next = |(nth, event): (usize, &Event)| {
                    let before = &server.visible[..nth];
                    let same = before.iter().filter(|other| other.stream == event.stream);
                    same.count() + 1 == usize::from(event.version)
                };
                server.visible.iter().enumerate().all(is_next)
            }),
            Property::always(CONFLICTS_ARE_FREE, |_, server: &Server| !server.has_costly_conflict),
            Property::always(IS_CAUSAL, |_, server: &Server| {
                let is_after = |session: &Session| {
                    session.positions.iter().all(|position| *position > session.began_after)
                };
                server.sessions.iter().all(is_after)
            }),
            Property::sometimes("everything is stored and handed out", |model, server: &Server| {
                let events = model.sessions.iter().flatten().map(|append| append.events);
                server.reader.handed.len() == events.sum::<usize>()
            }),
            Property::sometimes("a reader passes a gap", |_, server: &Server| {
                server.reader.handed.last() > Some(&(server.reader.handed.len() as u8))
            }),
            Property::sometimes("there is a conflict", |_, server: &Server| server.has_conflict),
        ]
    }
}

impl Watermark {
    fn is_locked(&self, server: &Server, stream: u8) -> bool {
        let mut sessions = server.sessions.iter().zip(&self.sessions);
        sessions.any(|(session, appends)| {
            session.holds_stream && appends[session.done].stream == stream
        })
    }

    fn write(&self, server: &mut Server, id: usize, step: Write) {
        let Append { stream, expected, events, .. } = self.sessions[id][server.sessions[id].done];
        let is_locked = self.is_locked(server, stream);
        let session = &mut server.sessions[id];
        if session.step == 0 {
            session.began_after = server.acknowledged;
            let is_known =
                expected.is_some() && server.memory.streams.get(&stream) == expected.as_ref();
            session.unchanged_since = is_known.then_some(server.memory.last);
        }
        match step {
            Write::TryLock if is_locked => {
                session.steps = CAREFUL;
                return;
            }
            Write::Lock | Write::TryLock => session.holds_stream = true,
            Write::CheckUnlessUnchanged if session.unchanged_since == Some(session.last) => {
                session.version = expected.unwrap_or_default();
            }
            Write::CheckVersion | Write::CheckUnlessUnchanged => {
                let of_stream = server.visible.iter().filter(|event| event.stream == stream);
                session.version = of_stream.map(|event| event.version).max().unwrap_or(0);
                if expected.is_some_and(|expected| expected != session.version) {
                    server.has_conflict = true;
                    server.has_costly_conflict |= !session.positions.is_empty();
                    return self.end(server, id);
                }
            }
            Write::ReadLast => session.last = server.last,
            Write::Declare => session.declared = Some(session.last),
            Write::TakePositions => {
                if session.cached.is_empty() {
                    session.cached = (server.last + 1..=server.last + self.cache).collect();
                    server.last += self.cache;
                }
                session.positions.push(session.cached.remove(0));
                if session.positions.len() < events {
                    return;
                }
            }
            Write::Commit => {
                session.is_committed = true;
                let versions = session.version + 1..;
                let stored = session.positions.iter().zip(versions);
                let event =
                    |(position, version): (&u8, u8)| Event { position: *position, stream, version };
                server.visible.extend(stored.map(event));
                server.visible.sort();
            }
            Write::Release => (session.holds_stream, session.declared) = (false, None),
            Write::Learn | Write::LearnMore => {
                let (version, position) =
                    (session.version + events as u8, session.positions[events - 1]);
                if step == Write::Learn && position != server.memory.last + 1 {
                    server.memory.streams.clear();
                }
                server.memory.last = position;
                server.memory.streams.insert(stream, version);
            }
        }
        session.step += 1;
        if session.step == session.steps.len() {
            let last = session.positions.last().copied();
            server.acknowledged = server.acknowledged.max(last.unwrap_or(0));
            self.end(server, id);
        }
    }

    /// The append is over, and whatever it still holds goes with its transaction.
    fn end(&self, server: &mut Server, id: usize) {
        let session = &mut server.sessions[id];
        let done = session.done + 1;
        let steps = self.sessions[id].get(done).map_or(&[][..], |append| append.steps);
        let cached = std::mem::take(&mut session.cached);
        *session = Session { done, steps, cached, ..Session::default() };
    }

    fn read(&self, server: &mut Server, step: Read) {
        let declared = server.sessions.iter().filter_map(|session| session.declared).min();
        let reader = &mut server.reader;
        match step {
            Read::ReadLast => reader.last = Some(server.last),
            Read::ReadLocks => reader.lowest = declared,
            Read::Snapshot => {
                let positions = server.visible.iter().map(|event| event.position);
                reader.snapshot = positions.filter(|position| *position > reader.passed).collect();
            }
            Read::HandOutGapless => {
                let mut expected = reader.passed + 1..;
                let positions = reader.snapshot.iter();
                let following =
                    positions.take_while(|position| expected.next() == Some(**position));
                let following = following.count();
                if following > 0 {
                    reader.snapshot.truncate(following);
                    reader.hand_out(None);
                    return;
                }
            }
            Read::HandOut => {
                let mark = reader.last.map(|last| reader.lowest.map_or(last, |low| last.min(low)));
                return reader.hand_out(mark);
            }
        }
        reader.step += 1;
    }
}

impl Reader {
    /// Hands out the snapshot up to the mark, and goes on from there.
    fn hand_out(&mut self, mark: Option<u8>) {
        let mut handed = std::mem::take(&mut self.handed);
        let is_final = |position: &u8| mark.is_none_or(|mark| *position <= mark);
        handed.extend(self.snapshot.iter().copied().filter(is_final));
        let end = mark.or(handed.last().copied()).unwrap_or(0);
        // A mark can be lower than an earlier one: somebody was slow to declare.
        *self = Self { passed: self.passed.max(end), handed, ..Self::default() };
    }
}
