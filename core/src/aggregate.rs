use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Event, IdGenerator, Metadata, Version};

/// An entity that decides: commands go in, events come out, and its state is the fold of its events.
///
/// Both methods are pure and synchronous. What a decision needs from outside comes with the command;
/// time and ids come with the [`Context`]. So a decision can be made again after a conflict, and
/// tested without a store.
///
/// The state before the first event is `Default`. Where no field has a sensible first value, make the
/// state an enum whose default variant says that there is nothing yet.
#[doc = include_str!("docs/aggregate.md")]
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    /// The category of the entity's streams: 1 to 64 ASCII letters, digits, `_` or `.`. Its events' category
    /// unless stated here.
    const CATEGORY: &'static str = <Self::Event as Event>::CATEGORY;

    /// What tells one entity from another; as text it is the second part of the stream's name.
    type Id: fmt::Display + Clone + Send + Sync + 'static;
    /// What can be asked of the entity.
    type Command: Send + Sync;
    /// What can happen to it.
    type Event: Event;
    /// Why it may decline.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides what a command leads to. Returning no events is a success, too: there was
    /// nothing to do. It borrows the command, since it may have to decide again.
    ///
    /// # Errors
    /// When a rule forbids it; nothing is appended then.
    fn handle(
        &self,
        command: &Self::Command,
        cx: &Context<Self>,
    ) -> Result<Vec<Self::Event>, Self::Error>;

    /// Takes in what happened. It cannot decline: the event is a fact.
    fn apply(&mut self, event: &Self::Event);
}

/// What a decision may know besides the state and the command.
pub struct Context<A: Aggregate> {
    pub(crate) id: A::Id,
    pub(crate) version: Version,
    pub(crate) now: DateTime<Utc>,
    pub(crate) metadata: Metadata,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl<A: Aggregate> Context<A> {
    /// The entity's id.
    #[must_use]
    pub fn id(&self) -> &A::Id {
        &self.id
    }

    /// The version of the state that decides; [`Version::NONE`] before the first event.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// When the command came in, by the repository's clock; the same when it is decided again.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// On whose behalf the command runs.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.metadata.actor.as_deref()
    }

    /// The command's metadata, as it was given: a correlation id of its own comes with its first event.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A new id, from the repository's source of ids: a UUIDv7 unless a test says otherwise.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        self.ids.next_id()
    }
}

impl<A: Aggregate> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &format_args!("{}", self.id))
            .field("version", &self.version)
            .field("now", &self.now)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
