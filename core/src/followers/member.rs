//! What the tasks of one process share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    Books, Declaration, Failure, FollowerBooks, FollowerStore, MemberId, Options, PartId,
    PartState, Start,
    handler::{Handler, Lease},
};
use crate::{Filter, Position};

/// A follower that this program declares. Private, and the same for all three kinds.
pub(super) struct Followed<C: ?Sized + Send> {
    pub(super) declaration: Declaration,
    /// Where it begins if the store does not know it.
    pub(super) start: Start,
    pub(super) options: Options,
    pub(super) filter: Filter,
    pub(super) handler: Box<dyn Fn() -> Box<dyn Handler<C>> + Send + Sync>,
    pub(super) sight: watch::Sender<Sight>,
}

/// A process that runs followers.
pub(super) struct Member<S: FollowerStore> {
    pub(super) store: S,
    pub(super) id: MemberId,
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) followed: Vec<Arc<Followed<S::Connection>>>,
    /// The lease is good until then, measured from before the last beat was sent.
    pub(super) good_until: watch::Sender<Instant>,
    /// The keeper looks at the books before its time.
    pub(super) nudge: Notify,
}

impl<S: FollowerStore> Lease for Member<S> {
    fn is_good(&self) -> bool {
        Instant::now() < *self.good_until.borrow()
    }
}

/// What is known in this process about the live build of a follower.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// As the books had it last.
    pub(super) live: Option<LiveBuild>,
    /// How far the parts are that run here, of whichever build.
    pub(super) seen: BTreeMap<PartId, Place>,
}

/// How far a part is under one claim. Under another the part may be another part of the log, since the build was
/// divided anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) fence: u64,
    pub(super) position: Position,
}

#[derive(Debug, Clone)]
pub(super) struct LiveBuild {
    pub(super) version: u32,
    pub(super) is_made: bool,
    /// Where the parts are: by their checkpoints, or further, by what their owners said.
    pub(super) parts: BTreeMap<PartId, Place>,
    pub(super) stopped: Option<Failure>,
}

impl LiveBuild {
    pub(super) fn new(books: &Books, follower: &FollowerBooks) -> Self {
        let live = &follower.live;
        let parts = live.parts.iter().map(|part| {
            let position = part.position.max(seen(books, part));
            (part.id, Place { fence: part.fence, position })
        });
        Self {
            version: live.version,
            is_made: live.is_made,
            parts: parts.collect(),
            stopped: live.parts.iter().find_map(|part| part.stopped.clone()),
        }
    }
}

/// How far the owner of `part` said that it has looked.
pub(crate) fn seen(books: &Books, part: &PartState) -> Position {
    let owner = books.members.iter().find(|member| Some(member.id) == part.owner);
    let said = owner.map(|owner| &*owner.report.parts).unwrap_or_default();
    let report = said.iter().find(|said| said.part == part.id && said.fence == part.fence);
    report.map_or(Position::START, |report| report.seen)
}

impl Sight {
    /// Everything up to here is in the live build; none while it is not known.
    pub(super) fn reached(&self) -> Option<Position> {
        let live = self.live.as_ref().filter(|live| live.is_made)?;
        let part = |(part, known): (&PartId, &Place)| {
            self.seen_of(part, known).map_or(known.position, |seen| seen.max(known.position))
        };
        live.parts.iter().map(part).min()
    }

    /// Whether all parts of the live build run here, so that nobody else need be asked.
    pub(super) fn is_whole(&self) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|live| {
            live.parts.iter().all(|(part, known)| self.seen_of(part, known).is_some())
        })
    }

    fn seen_of(&self, part: &PartId, known: &Place) -> Option<Position> {
        let seen = self.seen.get(part).filter(|seen| seen.fence == known.fence);
        seen.map(|seen| seen.position)
    }
}

/// What the keeper tells a runner.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Control {
    pub(super) end: Option<End>,
    pub(super) is_live: bool,
    /// How far a shadow that is compared may go.
    pub(super) clamp: Option<Position>,
    /// Rises while parked events of the build are to be tried again.
    pub(super) retries: u64,
    /// Why the shadow may never be swapped: it stops with this reason.
    pub(super) refused: Option<String>,
}

/// How a runner is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The part is given back.
    Release,
    /// The part is not this member's.
    Lost,
}

/// How a part gets on, for the keeper's report.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<Reading>);

#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) fence: u64,
    pub(super) checkpoint: Position,
    pub(super) seen: Position,
    /// Handled since the claim.
    pub(super) events: u64,
    pub(super) busy_since: Option<DateTime<Utc>>,
    /// When the first event of the present batch was recorded, or of the last one; none at the end.
    pub(super) oldest: Option<DateTime<Utc>>,
    pub(super) interrupted: Option<String>,
    /// The shadow was at the end of what it may read.
    pub(super) is_at_end: bool,
}

impl Gauge {
    pub(super) fn read(&self) -> Reading {
        self.lock().clone()
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Reading)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
