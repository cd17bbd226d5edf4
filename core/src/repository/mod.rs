//! Commands in, events out, state and history back: the typed way to one kind of aggregate.

mod append;
mod cache;
mod carrier;
mod entity;
mod error;
mod execute;
mod flight;
mod history;
mod keyed;
mod load;
mod retry;
mod snapshots;

use std::{fmt, sync::Arc};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use self::{cache::Entities, snapshots::Snapshots};
pub use self::{
    error::CommandError,
    execute::{Execute, Executed},
    history::Change,
    load::{AsOf, Loaded},
    retry::RetryPolicy,
};
pub(crate) use self::{
    load::{Shared, load},
    snapshots::restore,
};
use crate::{
    Aggregate, Clock, EventStore, IdGenerator, InvalidStreamId, Refusal, Snapshot, SnapshotStore,
    StoreError, StreamId, SystemClock, UuidV7, stream::is_category,
};

/// All entities of one kind: runs commands on them and reads their state and history.
///
/// A repository is cheap to clone and shared by as many tasks as you like.
#[doc = include_str!("../docs/repository.md")]
pub struct Repository<A> {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    retry: RetryPolicy,
    entities: Arc<Entities<A>>,
    snapshots: Snapshots<A>,
}

/// How many entities a repository keeps in memory if nothing is said.
const CACHED: usize = 10_000;

impl<A: Aggregate> Repository<A> {
    /// The entities that `store` holds. An [`Aggregate::CATEGORY`] that can name no stream fails the build.
    pub fn new(store: impl EventStore + 'static) -> Self {
        Self::of(Arc::new(store), Snapshots::none())
    }

    /// The entities that `store` holds, with snapshots beside their events: an entity that the repository does not
    /// [know](Self::with_cache) is loaded from the last one on, in one read. [`Snapshot`] says when they are taken.
    ///
    /// They change no answer, only how long it takes. One is written after the commands that it has in it are answered, by a
    /// task of its own, so it needs a tokio runtime; without one, none are written. That it fails, or that one cannot be used,
    /// is told to `tracing` and `metrics`, and to no caller. [`load_at`](Self::load_at) and [`history`](Self::history) go by the events alone.
    pub fn with_snapshots(store: impl SnapshotStore + 'static) -> Self
    where
        A: Snapshot,
    {
        let store: Arc<dyn SnapshotStore> = Arc::new(store);
        Self::of(Arc::<dyn SnapshotStore>::clone(&store), Snapshots::kept_in(store))
    }

    fn of(store: Arc<dyn EventStore>, snapshots: Snapshots<A>) -> Self {
        const {
            assert!(
                is_category(A::CATEGORY),
                "an aggregate needs a category of 1 to 64 ASCII letters, digits, '_' or '.': \
                 state Aggregate::CATEGORY, or #[event(category = \"…\")] on its events"
            );
        }
        Self {
            store,
            clock: Arc::new(SystemClock),
            ids: Arc::new(UuidV7),
            retry: RetryPolicy::default(),
            entities: Arc::new(Entities::up_to(CACHED)),
            snapshots,
        }
    }

    /// Takes the time that decisions see, [`Context::now`](crate::Context::now), from `clock`. The time at
    /// which an event is recorded is the store's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes new ids from `ids`.
    #[must_use]
    pub fn with_ids(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Tries again as `retry` says. Commands on one entity share their tries, so this repository has a
    /// [cache](Self::with_cache) of its own then, even if it is a clone.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self.entities = Arc::new(self.entities.none_yet());
        self
    }

    /// Keeps the states of up to `entities` entities in memory, or of none if that is 0. Without this, it is 10,000.
    ///
    /// A command on an entity that is kept needs no reading: it is decided on the state as this repository knows it,
    /// and appended if that is still so. The answers are the same as without, see [`execute`](Self::execute).
    ///
    /// The entities are kept until others need their room. A command copies the state, so let a large state share
    /// its parts ([`Arc`]).
    #[must_use]
    pub fn with_cache(mut self, entities: usize) -> Self {
        self.entities = Arc::new(Entities::up_to(entities));
        self
    }

    /// Runs `command` on the entity `id`: set options, then `.await` it for an [`Executed`].
    ///
    /// The entity is loaded, [handles](Aggregate::handle) the command, and its events are appended if
    /// nobody else has appended any since. If somebody has, all of it is done again, as often as the
    /// [`RetryPolicy`] allows. When the store is lost in between, the same events are sent again, so
    /// that they are stored once. The options, and how it fails: [`Execute`].
    ///
    /// An entity that the repository [knows](Self::with_cache) is not loaded: the command is one round trip, and one more
    /// if others have appended since, or if it leads to no events. Commands on one entity are decided one on top of the other,
    /// in the order in which they came, and appended together where they came while another append was on its way. Each is
    /// answered for itself: one that is declined, conflicts with the version it expects, or is refused by the store
    /// fails none of the others.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its time driver enabled, when it has to wait: for the store, or before another try.
    pub fn execute<'a>(&'a self, id: &'a A::Id, command: &'a A::Command) -> Execute<'a, A> {
        Execute::new(self, id, command)
    }

    /// The entity as it is now: what the repository [knows](Self::with_cache), and what was appended since. Its default, at [`Version::NONE`](crate::Version::NONE), if nothing happened to it yet.
    ///
    /// # Errors
    /// When its history cannot be read, or the id names no stream.
    pub async fn load(&self, id: &A::Id) -> Result<Loaded<A>, StoreError> {
        let stream = self.stream_id(id).map_err(Refusal::from)?;
        let entity = self.entities.entity(&stream);
        let loaded = self.snapshots.load(&*self.store, &stream, &entity, entity.stored()).await?;
        entity.learn(&loaded);
        Ok(loaded.into_owned())
    }

    /// The entity as it was at a version or at a time.
    ///
    /// It is the fold of its events up to and including that [`Version`](crate::Version), or of those before
    /// the first one that the store recorded after that time, by the store's clock. Past the end it is the
    /// entity as it is now; see [`Loaded::version`].
    ///
    /// # Errors
    /// When its history cannot be read, or the id names no stream.
    pub async fn load_at(&self, id: &A::Id, at: impl Into<AsOf>) -> Result<Loaded<A>, StoreError> {
        let stream = self.stream_id(id).map_err(Refusal::from)?;
        let nothing = load::Shared::nothing();
        let loaded = load::load(&*self.store, stream, nothing, Some(at.into())).await?;
        Ok(loaded.into_owned())
    }

    /// Everything that ever happened to the entity, oldest first, each event with the state before and
    /// after it. The last [`Change::after`] is the state as it is now.
    ///
    /// # Errors
    /// Where its history cannot be read, the error is an item of the stream and its last one.
    #[must_use]
    pub fn history(&self, id: &A::Id) -> BoxStream<'static, Result<Change<A>, StoreError>> {
        match self.stream_id(id) {
            Ok(stream) => history::history(&*self.store, stream),
            Err(invalid) => stream::iter([Err(Refusal::from(invalid).into())]).boxed(),
        }
    }

    /// The stream that holds the entity's events.
    ///
    /// # Errors
    /// When the id is empty, too long, or holds a control character.
    pub fn stream_id(&self, id: &A::Id) -> Result<StreamId, InvalidStreamId> {
        StreamId::new(A::CATEGORY, id)
    }
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            retry: self.retry.clone(),
            entities: Arc::clone(&self.entities),
            snapshots: self.snapshots.clone(),
        }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("category", &A::CATEGORY)
            .field("clock", &self.clock)
            .field("ids", &self.ids)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
