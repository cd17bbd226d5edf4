//! Commands in, events out, state and history back: the typed way to one kind of aggregate.

mod error;
mod execute;
mod history;
mod load;
mod retry;

use std::{fmt, marker::PhantomData, sync::Arc};

use futures_util::stream::BoxStream;

pub use self::{
    error::CommandError,
    execute::{Executed, Execution},
    history::Change,
    load::{AsOf, Loaded},
    retry::RetryPolicy,
};
use crate::{
    Aggregate, Clock, EventStore, Ids, Refusal, StoreError, StreamId, SystemClock, TimeOrderedIds,
    stream::is_category,
};

/// All entities of one kind: runs commands on them and reads their state and history.
///
/// A repository is cheap to clone and shared by as many tasks as you like.
#[doc = include_str!("../docs/repository.md")]
pub struct Repository<A> {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    retry: RetryPolicy,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate> Repository<A> {
    /// The entities that `store` holds. An [`Aggregate::CATEGORY`] that can name no stream fails the build.
    pub fn new(store: impl EventStore + 'static) -> Self {
        const {
            assert!(
                is_category(A::CATEGORY),
                "an aggregate needs a category of 1 to 64 ASCII letters, digits, '_' or '.': \
                 state Aggregate::CATEGORY, or #[event(category = \"…\")] on its events"
            );
        }
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            ids: Arc::new(TimeOrderedIds),
            retry: RetryPolicy::default(),
            aggregate: PhantomData,
        }
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes new ids from `ids`.
    #[must_use]
    pub fn with_ids(mut self, ids: impl Ids + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Tries again as `retry` says.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Runs `command` on the entity `id`: awaits to an [`Executed`], with options before that.
    ///
    /// The entity is loaded, [handles](Aggregate::handle) the command, and its events are appended if
    /// nobody else has appended any since. If somebody has, all of it is done again, as often as the
    /// [`RetryPolicy`] allows. When the store is lost in between, the same events are sent again, so
    /// that they are stored once.
    ///
    /// ```no_run
    /// # use annals::{Aggregate, Metadata, Repository, Version};
    /// # async fn run<A: Aggregate>(orders: Repository<A>, id: A::Id, command: A::Command) -> Result<(), annals::CommandError<A::Error>> {
    /// let done = orders
    ///     .execute(&id, &command)
    ///     .expecting(Version::new(3)) // an HTTP If-Match, for instance
    ///     .with_metadata(Metadata::by("anna"))
    ///     .await?;
    /// println!("now at version {}", done.version);
    /// # Ok(())
    /// # }
    /// ```
    pub fn execute<'a>(&'a self, id: &'a A::Id, command: &'a A::Command) -> Execution<'a, A> {
        Execution::new(self, id, command)
    }

    /// The entity as it is now; its default, at [`Version::NONE`](crate::Version::NONE), if nothing happened to it yet.
    ///
    /// # Errors
    /// When its history cannot be read.
    pub async fn load(&self, id: &A::Id) -> Result<Loaded<A>, StoreError> {
        load::load(&*self.store, self.stream(id)?, None).await
    }

    /// The entity as it was at a version or at a time.
    ///
    /// It is the fold of its events up to and with that [`Version`](crate::Version), or up to the first
    /// one recorded after that time. Past the end it is the entity as it is now; [`Loaded::version`] tells.
    ///
    /// # Errors
    /// When its history cannot be read.
    pub async fn load_at(&self, id: &A::Id, at: impl Into<AsOf>) -> Result<Loaded<A>, StoreError> {
        load::load(&*self.store, self.stream(id)?, Some(at.into())).await
    }

    /// Everything that ever happened to the entity, oldest first, each event with the state before and
    /// after it. The last [`Change::after`] is the state as it is now.
    ///
    /// # Errors
    /// Where its history cannot be read, the error is an item of the stream and its last one.
    #[must_use]
    pub fn history(&self, id: &A::Id) -> BoxStream<'static, Result<Change<A>, StoreError>> {
        history::history(&*self.store, self.stream(id))
    }

    /// The stream that holds the entity's events.
    ///
    /// # Errors
    /// When the id makes no stream name: it is empty, too long, or holds a control character.
    pub fn stream(&self, id: &A::Id) -> Result<StreamId, StoreError> {
        Ok(StreamId::new(A::CATEGORY, id).map_err(Refusal::from)?)
    }
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            retry: self.retry.clone(),
            aggregate: PhantomData,
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
