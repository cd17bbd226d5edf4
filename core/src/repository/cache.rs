//! The entities that a repository keeps in memory, with the commands that wait for them.

use std::sync::Arc;

use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter, sync::Cache};

use super::entity::Entity;
use crate::{Aggregate, StreamId};

/// Up to so many entities, and those that are in use.
pub(super) struct Entities<A> {
    most: usize,
    /// None if nothing is to be kept.
    cached: Option<Cached<A>>,
}

type Cached<A> = Cache<StreamId, Arc<Entity<A>>, UnitWeighter, DefaultHashBuilder, WhileInUse>;

impl<A: Aggregate> Entities<A> {
    pub(super) fn up_to(most: usize) -> Self {
        let cache = || {
            Cache::with(most, most as u64, UnitWeighter, DefaultHashBuilder::default(), WhileInUse)
        };
        Self { most, cached: (most > 0).then(cache) }
    }

    /// As many others.
    pub(super) fn none_yet(&self) -> Self {
        Self::up_to(self.most)
    }

    /// The entity of `stream`: the one that others have, too, unless nothing is kept.
    pub(super) fn entity(&self, stream: &StreamId) -> Arc<Entity<A>> {
        let new = || Arc::new(Entity::unknown());
        match &self.cached {
            Some(cache) => cache
                .get_or_insert_with(stream, || Ok::<_, std::convert::Infallible>(new()))
                .unwrap_or_else(|never| match never {}),
            None => new(),
        }
    }
}

/// Keeps what somebody uses, or else the commands on one entity would have two lines to stand in.
#[derive(Debug, Clone)]
struct WhileInUse;

impl<A> Lifecycle<StreamId, Arc<Entity<A>>> for WhileInUse {
    type RequestState = ();

    fn is_pinned(&self, _: &StreamId, entity: &Arc<Entity<A>>) -> bool {
        Arc::strong_count(entity) > 1
    }
}
