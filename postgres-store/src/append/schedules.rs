//! All orders in which a few appends can come, be sent, land, hang and get lost, on the real crowd and its queue.
//!
//! An [`Action`] is what `lanes.rs` and `flight.rs` do while they hold the lock of the crowd once; between two of them
//! anything else may happen. When that changes there, it changes here. Since a crowd cannot be copied, each state is
//! made anew from the actions that led to it, and is known by what can be seen from outside.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};

use annals_core::{EventData, EventType, ExpectedVersion, NewEvent, Payload, StreamAppend};
use stateright::{Checker, Model, Property};

use self::world::World;

mod tests;
mod world;

/// Appends that come one after the other, and the lanes there may be.
struct Appends {
    requests: Vec<Vec<StreamAppend>>,
    lanes: usize,
    /// Whether statements may fail, and tasks be dropped with what they are sending.
    fails: bool,
    flaw: Option<Flaw>,
}

/// What is left out, or done wrong, around the crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// When an append is settled outside of a lane, nobody sends what has waited for it.
    NobodyGoesOn,
    NobodyWatches,
    /// A lane that has found work does not see that there is more.
    NobodyElseIsCalled,
    /// The streams of an append are let go when it is sent, and not when it is answered.
    LetsGoAtOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The next request comes.
    Push,
    /// A lane looks for work.
    Look(usize),
    /// The statement of a lane has answered all its requests.
    Answer(usize),
    /// It has answered none, and each goes on in its own time.
    Leave(usize),
    /// The task of a lane is dropped, and has landed.
    Drop(usize),
    /// And lets go of its requests.
    LetGo(usize),
    Land(usize),
    LookAgain(usize),
    /// A lane without work hears that there is some.
    Hear(usize),
    /// A lane without work has waited for too long.
    TimeOut(usize),
    Wake(usize),
    /// A request is settled outside of a lane; with [`Action::GoOn`], what has waited for it is sent.
    Settle(usize),
    GoOn,
    Watch,
    Close,
    /// Whoever closes looks whether all have their answers.
    CheckDrained,
}

/// Where a lane is. The order is for [`World::sort`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Looking,
    Flying { requests: Vec<usize>, looks: u64 },
    Landing { requests: usize, looks: u64 },
    Landed,
    Dropped { requests: Vec<usize> },
    TimedOut,
    Idle { is_told: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Closing {
    No,
    Checking,
    Waiting,
    Done,
}

const IN_TURN: &str = "just those are ready that have nothing before them on their streams";
const ONCE: &str = "each request is sent once";
const ROOM: &str = "no more lanes send than there may be";
const DUE: &str = "what is due is about to be taken";
const PROMPT: &str = "nothing waits while nothing is on its way";
const SEEN: &str = "what is ready is looked after";
const GOES_ON: &str = "what hangs keeps nobody waiting while a lane is left";
const NOT_STUCK: &str = "somebody is at work until all have their answers";
const DRAINED: &str = "closing waits for all answers, and for no longer";

/// What can be seen of a state from outside, from which all that can follow does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct View {
    pushed: usize,
    ready: Vec<usize>,
    answered: BTreeSet<usize>,
    settling: Vec<usize>,
    going_on: usize,
    lanes: Vec<At>,
    has_permit: bool,
    is_watched: bool,
    closing: Option<Closing>,
    broken: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct State {
    actions: Vec<Action>,
    view: View,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.view == other.view
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.view.hash(hasher);
    }
}

impl Model for Appends {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { actions: Vec::new(), view: World::new(self).view() }]
    }

    fn actions(&self, State { view, .. }: &State, actions: &mut Vec<Action>) {
        if view.closing == Some(Closing::No) {
            actions.push(Action::Close);
            actions.extend((view.pushed < self.requests.len()).then_some(Action::Push));
        }
        for (lane, at) in view.lanes.iter().enumerate() {
            match at {
                At::Looking => actions.push(Action::Look(lane)),
                At::Flying { .. } => {
                    actions.push(Action::Answer(lane));
                    if self.fails {
                        actions.extend([Action::Leave(lane), Action::Drop(lane)]);
                    }
                }
                At::Landing { .. } => actions.push(Action::Land(lane)),
                At::Landed => actions.push(Action::LookAgain(lane)),
                At::Dropped { .. } => actions.push(Action::LetGo(lane)),
                At::TimedOut => actions.push(Action::Wake(lane)),
                At::Idle { is_told: true } => actions.push(Action::Hear(lane)),
                At::Idle { is_told: false } => actions.push(Action::TimeOut(lane)),
            }
        }
        actions.extend(view.settling.iter().copied().map(Action::Settle));
        actions.extend((view.going_on > 0).then_some(Action::GoOn));
        actions.extend(view.is_watched.then_some(Action::Watch));
        actions.extend((view.closing == Some(Closing::Checking)).then_some(Action::CheckDrained));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut actions = state.actions.clone();
        actions.push(action);
        let mut world = World::new(self);
        actions.iter().for_each(|action| world.act(*action));
        Some(State { actions, view: world.view() })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! always {
            ($($name:ident),*) => { [$(Property::always($name, |_, state: &State| !state.view.broken.contains(&$name))),*] };
        }
        let laws = always![IN_TURN, ONCE, ROOM, DUE, PROMPT, SEEN, GOES_ON, NOT_STUCK, DRAINED];
        let mut properties = laws.to_vec();
        properties.push(Property::sometimes(
            "all are answered and all lanes gone",
            |model: &Self, state: &State| {
                let View { answered, lanes, closing, .. } = &state.view;
                answered.len() == model.requests.len()
                    && lanes.is_empty()
                    && *closing == Some(Closing::Done)
            },
        ));
        properties
    }
}

impl Appends {
    /// Requests with an event for each of these streams.
    fn new(requests: &[&[&str]], lanes: usize) -> Self {
        let event = |id: usize| {
            let payload = Payload::from_stored(id.to_string());
            vec![NewEvent::new(EventData::new(EventType::from_static("x.y"), payload))]
        };
        let append = |id: usize, stream: &str| {
            StreamAppend::new(stream.parse().unwrap(), ExpectedVersion::Any, event(id))
        };
        let request = |(id, streams): (usize, &&[&str])| {
            streams.iter().map(|stream| append(id, stream)).collect()
        };
        let requests = requests.iter().enumerate().map(request).collect();
        Self { requests, lanes, fails: false, flaw: None }
    }
}
