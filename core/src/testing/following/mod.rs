//! Given/when/then on followers.

mod followed;
mod run;
mod way;

use std::{error::Error, fmt, fmt::Debug};

use chrono::{DateTime, Utc};
use futures_util::future::{LocalBoxFuture, ready};
use uuid::Uuid;

pub use self::followed::Followed;
use self::{run::Run, way::Way};
use super::{
    Faulty,
    faulty::CrashPoint,
    scenario::{begin_of_2026, through_storage, with_sources},
};
use crate::{
    Event, EventData, EventId, FollowerStore, Followers, Metadata, NewEvent, Projection, Reactor,
    ReadModel, Start, StreamId,
};

/// A test of read models, projections and reactors: given what happened, when it is followed, then this is found.
///
/// It is followed by the engine that follows it in production, on a store that is made anew for each run. How often
/// and in which way is said by `when_`:
///
/// | | the runs |
/// |---|---|
/// | [`when_followed`](Self::when_followed) | one |
/// | [`when_repeated`](Self::when_repeated) | seven: everything comes twice, in other batches, or is rebuilt |
/// | [`when_crashing_at`](Self::when_crashing_at) | two: in the second the process dies, again and again |
/// | [`when_crashing_everywhere`](Self::when_crashing_everywhere) | ten: one without a crash, and one for each [`CrashPoint`] |
///
/// After each run the same must be found, or the test fails and names the run. The events are the same in all of
/// them: their ids count from 1, and they are recorded at [`with_time`](Self::with_time).
///
/// It runs in a tokio runtime of its own, so a test need not be `async`.
#[doc = include_str!("../../docs/following.md")]
pub struct Following<S: FollowerStore, B = ()> {
    open: Box<dyn Fn() -> LocalBoxFuture<'static, S> + Send + Sync>,
    beside: Box<dyn Fn() -> B + Send + Sync>,
    followers: Vec<Added<S, B>>,
    past: Vec<Happened>,
    /// How many events have happened: their ids count from 1.
    events: u128,
    now: DateTime<Utc>,
    metadata: Metadata,
}

/// A follower, and how it is added to those of a process.
struct Added<S: FollowerStore, B> {
    name: &'static str,
    can_be_rebuilt: bool,
    add: Box<AddTo<S, B>>,
}

type AddTo<S, B> = dyn Fn(Followers<Faulty<S>>, &S, &B) -> Followers<Faulty<S>> + Send + Sync;

/// Events that were appended together.
struct Happened {
    stream: StreamId,
    events: Vec<NewEvent>,
    at: DateTime<Utc>,
}

impl<S: FollowerStore> Following<S> {
    /// Followers of a store that `open` makes, such as `MemoryStore::new`: an empty one each time.
    #[must_use]
    pub fn on(open: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self::opening(Box::new(move || Box::pin(ready(open()))))
    }

    /// As [`on`](Self::on), for a store that takes its time to open: a schema of its own in a database, each time.
    #[must_use]
    pub fn on_async<O>(open: impl Fn() -> O + Send + Sync + 'static) -> Self
    where
        O: Future<Output = S> + 'static,
    {
        Self::opening(Box::new(move || Box::pin(open())))
    }

    fn opening(open: Box<dyn Fn() -> LocalBoxFuture<'static, S> + Send + Sync>) -> Self {
        Self {
            open,
            beside: Box::new(|| ()),
            followers: Vec::new(),
            past: Vec::new(),
            events: 0,
            now: begin_of_2026(),
            metadata: Metadata::default(),
        }
    }

    /// Another system, a fake one, that followers talk to: `make` makes it anew for each run. It outlives the
    /// processes that die in a run.
    #[must_use]
    pub fn beside<B>(self, make: impl Fn() -> B + Send + Sync + 'static) -> Following<S, B> {
        let Self { open, followers, past, events, now, metadata, .. } = self;
        let followers = followers.into_iter().map(|Added { name, can_be_rebuilt, add }| {
            let add = Box::new(move |followers, store: &S, _: &B| add(followers, store, &()));
            Added { name, can_be_rebuilt, add: add as Box<AddTo<S, B>> }
        });
        let followers = followers.collect();
        Following { open, beside: Box::new(make), followers, past, events, now, metadata }
    }
}

impl<S: FollowerStore, B: Send + Sync> Following<S, B> {
    /// With the read model `M`.
    #[must_use]
    pub fn read_model<M: ReadModel>(self) -> Self {
        self.add(M::NAME, true, Box::new(|followers, _, _| followers.read_model::<M>()))
    }

    /// With a projection, which `make` makes for each process, of the store and of what is [beside](Self::beside).
    #[must_use]
    pub fn projection<P: Projection<S::Connection>>(
        self,
        make: impl Fn(&S, &B) -> P + Send + Sync + 'static,
    ) -> Self {
        let add = move |followers: Followers<Faulty<S>>, store: &S, beside: &B| {
            followers.projection(make(store, beside))
        };
        self.add(P::NAME, true, Box::new(add))
    }

    /// With a reactor, which `make` makes for each process, of the store and of what is [beside](Self::beside). It
    /// begins at the first event.
    #[must_use]
    pub fn reactor<R: Reactor>(self, make: impl Fn(&S, &B) -> R + Send + Sync + 'static) -> Self {
        let add = move |followers: Followers<Faulty<S>>, store: &S, beside: &B| {
            followers.reactor(make(store, beside), Start::Beginning)
        };
        self.add(R::NAME, false, Box::new(add))
    }

    fn add(mut self, name: &'static str, can_be_rebuilt: bool, add: Box<AddTo<S, B>>) -> Self {
        self.followers.push(Added { name, can_be_rebuilt, add });
        self
    }

    /// What is given from here on was recorded at this time; 2026-01-01 00:00 UTC before. Followers are told so,
    /// whatever the store's clock says.
    #[must_use]
    pub fn with_time(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self
    }

    /// What is given from here on carries this metadata, its actor for instance; none before.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// These events have happened in `stream`, oldest first, after all that were given before.
    ///
    /// # Panics
    /// When an event does not survive storage, or no stream can have this name.
    #[must_use]
    #[track_caller]
    pub fn given<E: Event + Debug + PartialEq>(
        self,
        stream: impl AsRef<str>,
        events: impl IntoIterator<Item = E>,
    ) -> Self {
        let mut stored = Vec::new();
        for event in events {
            through_storage(&event);
            stored.extend(event.encode());
        }
        self.given_stored(stream, stored)
    }

    /// These events are in `stream`, oldest first, as an older build may have written them: a test of aliases and
    /// upcasters.
    ///
    /// # Panics
    /// When no stream can have this name.
    #[must_use]
    #[track_caller]
    pub fn given_stored(
        mut self,
        stream: impl AsRef<str>,
        events: impl IntoIterator<Item = EventData>,
    ) -> Self {
        let stream = match stream.as_ref().parse() {
            Ok(stream) => stream,
            Err(invalid) => panic!("{}", told(invalid)),
        };
        let mut new = Vec::new();
        for event in events {
            self.events += 1;
            let id = EventId::from(Uuid::from_u128(self.events));
            new.push(NewEvent::new(event).with_id(id).with_metadata(self.metadata.clone()));
        }
        self.past.push(Happened { stream, events: new, at: self.now });
        self
    }

    /// All is followed, up to the end.
    ///
    /// # Panics
    /// When a follower stops, or parks an event.
    #[must_use = "say what should be found, with `then_`"]
    #[track_caller]
    pub fn when_followed(self) -> Followed<S, B> {
        self.run(vec![Way::plain()])
    }

    /// Everything comes twice: each step is undone and done again, with fewer events if it had several, or its answer is lost; with
    /// all events in one step, and with one event in each. What can be rebuilt is, and must not differ.
    ///
    /// A reactor meets each event twice, and must leave what it left when it met each once.
    ///
    /// # Panics
    /// When a follower stops or parks an event, or a rebuild differs.
    #[must_use = "say what should be found, with `then_`"]
    #[track_caller]
    pub fn when_repeated(self) -> Followed<S, B> {
        self.run(Way::repeated())
    }

    /// The process dies at `point`, once in each place of the log where it comes there, with one event in each step;
    /// and each time another goes on. What can be rebuilt is, in the same way, and must not differ.
    ///
    /// # Panics
    /// When a follower stops or parks an event, or a rebuild differs.
    #[must_use = "say what should be found, with `then_`"]
    #[track_caller]
    pub fn when_crashing_at(self, point: CrashPoint) -> Followed<S, B> {
        self.run(vec![Way::plain(), Way::crashing(point)])
    }

    /// As [`when_crashing_at`](Self::when_crashing_at), in one run for each of the points.
    ///
    /// # Panics
    /// When a follower stops or parks an event, or a rebuild differs.
    #[must_use = "say what should be found, with `then_`"]
    #[track_caller]
    pub fn when_crashing_everywhere(self) -> Followed<S, B> {
        let plain = [Way::plain()].into_iter();
        self.run(plain.chain(CrashPoint::ALL.map(Way::crashing)).collect())
    }

    #[track_caller]
    fn run(&self, ways: Vec<Way>) -> Followed<S, B> {
        let runs = ways.into_iter().map(|way| Run::new(self, way)).collect();
        match runs {
            Ok(runs) => Followed { runs, given: self.events },
            Err(failed) => panic!("{failed}"),
        }
    }
}

impl<S: FollowerStore, B> Following<S, B> {
    fn names(&self) -> Vec<&'static str> {
        self.followers.iter().map(|added| added.name).collect()
    }
}

impl<S: FollowerStore, B> fmt::Debug for Following<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("followers", &self.names())
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

fn told(error: impl Error) -> String {
    with_sources(&error)
}
