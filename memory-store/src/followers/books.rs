//! Who does what: followers, their builds and parts, and the members that are alive.

use std::{cmp::Reverse, collections::BTreeMap, num::NonZeroU16};

use annals_core::{
    Payload, Position,
    followers::{
        Beat, Books, Build, BuildId, Claim, Declaration, Failure, FollowerBooks, FollowerKind,
        LastRebuild, Member, MemberId, Outcome, ParkedEvent, PartId, PartState, StartError,
        TableShape, Value, Verify,
    },
};
use chrono::{DateTime, TimeDelta, Utc};

use super::tables::Tables;

/// Everything that is known about followers.
#[derive(Default)]
pub(super) struct State {
    members: BTreeMap<MemberId, Member>,
    pub(super) followers: BTreeMap<String, Follower>,
    /// The last number that was given, to a build or as a fence.
    given: u64,
}

pub(super) struct Follower {
    pub(super) kind: FollowerKind,
    pub(super) declared: u32,
    pub(super) is_paused: bool,
    pub(super) live: Filling,
    pub(super) shadow: Option<Filling>,
    pub(super) last_rebuild: Option<LastRebuild>,
}

/// A build and what is in it.
pub(super) struct Filling {
    /// As it is on the books, but for what is counted when they are read.
    pub(super) build: Build,
    pub(super) failures: BTreeMap<Position, Failure>,
    pub(super) parked: BTreeMap<(String, Position), ParkedEvent>,
    /// A read model's table: as it was made, and its rows by key.
    pub(super) table: Option<TableShape>,
    pub(super) rows: BTreeMap<String, (Payload, Vec<Value>)>,
    /// A projection's.
    pub(super) tables: Tables,
    /// How many swaps and comparisons want it to hold still.
    pub(super) held: u32,
    /// How often the tables were replaced.
    pub(super) written: u64,
}

impl State {
    pub(super) fn next(&mut self) -> u64 {
        self.given += 1;
        self.given
    }

    pub(super) fn declare(
        &mut self,
        declared: &Declaration,
        now: DateTime<Utc>,
    ) -> Result<(), StartError> {
        let Declaration { name, kind, version, .. } = *declared;
        let Some(follower) = self.followers.get_mut(name) else {
            let live = self.filling_of(version, declared.parts, declared.start, now);
            let mut follower = Follower::new(kind, version, live);
            follower.live.build.is_made = kind == FollowerKind::Reactor;
            self.followers.insert(name.to_owned(), follower);
            return Ok(());
        };
        if follower.kind != kind {
            let known = follower.kind;
            return Err(StartError::KindChanged { name: name.to_owned(), known, declared: kind });
        }
        follower.declared = version;
        for filling in follower.fillings_mut().filter(|filling| filling.build.version == version) {
            filling.build.parts.iter_mut().for_each(|part| part.stopped = None);
        }
        if follower.fillings().all(|filling| filling.build.version < version) {
            follower.end_rebuild(Outcome::Cancelled, now);
            self.begin_rebuild(name, None, now);
        }
        Ok(())
    }

    /// A shadow of the version declared last; the follower must have none.
    pub(super) fn begin_rebuild(&mut self, name: &str, verify: Option<Verify>, now: DateTime<Utc>) {
        let Some(follower) = self.followers.get(name) else { return };
        let (version, parts) = (follower.declared, follower.live.parts());
        let mut shadow = self.filling_of(version, parts, Position::START, now);
        shadow.build.verify = verify;
        if let Some(follower) = self.followers.get_mut(name) {
            follower.shadow = Some(shadow);
        }
    }

    fn filling_of(
        &mut self,
        version: u32,
        parts: NonZeroU16,
        start: Position,
        now: DateTime<Utc>,
    ) -> Filling {
        let id = BuildId::new(self.next());
        let parts = (0..parts.get()).map(|part| self.part(PartId { build: id, part }, start));
        let parts = parts.collect();
        let build = Build {
            id,
            version,
            is_made: false,
            verify: None,
            may_swap_parked: false,
            floors: Vec::new(),
            parts,
            parked: 0,
            to_retry: 0,
            last_failure: None,
            started_at: now,
        };
        Filling {
            build,
            failures: BTreeMap::new(),
            parked: BTreeMap::new(),
            table: None,
            rows: BTreeMap::new(),
            tables: Tables::default(),
            held: 0,
            written: 0,
        }
    }

    /// A part that nobody has claimed yet.
    pub(super) fn part(&mut self, id: PartId, position: Position) -> PartState {
        PartState {
            id,
            position,
            events: 0,
            advanced_at: None,
            owner: None,
            owner_is_alive: false,
            fence: self.next(),
            stopped: None,
        }
    }

    pub(super) fn books(&mut self, beat: Option<&Beat>, now: DateTime<Utc>) -> Books {
        if let Some(Beat { member, name, lease, report }) = beat {
            let lease = TimeDelta::from_std(*lease).ok();
            let until = lease.and_then(|lease| now.checked_add_signed(lease));
            let until = until.unwrap_or(DateTime::<Utc>::MAX_UTC);
            let (name, report) = (name.clone(), report.clone());
            self.members.insert(*member, Member { id: *member, name, until, report });
        }
        self.members.retain(|_, member| member.until > now);
        let followers = self.followers.iter().map(|(name, follower)| FollowerBooks {
            name: name.clone(),
            kind: follower.kind,
            declared: follower.declared,
            is_paused: follower.is_paused,
            live: self.on_the_books(&follower.live),
            shadow: follower.shadow.as_ref().map(|shadow| self.on_the_books(shadow)),
            last_rebuild: follower.last_rebuild.clone(),
        });
        let followers = followers.collect();
        Books { now, members: self.members.values().cloned().collect(), followers }
    }

    fn on_the_books(&self, filling: &Filling) -> Build {
        let mut build = filling.build.clone();
        build.parked = filling.parked.len() as u64;
        build.to_retry = filling.parked.values().filter(|event| event.retry).count() as u64;
        build.last_failure = filling.failures().next().cloned();
        for part in &mut build.parts {
            part.owner_is_alive = part.owner.is_some_and(|owner| self.members.contains_key(&owner));
        }
        build
    }

    pub(super) fn claim(
        &mut self,
        member: MemberId,
        id: PartId,
        now: DateTime<Utc>,
    ) -> Option<Claim> {
        let fence = self.next();
        let follower = self.followers.values_mut();
        let follower = follower
            .filter(|follower| !follower.is_paused)
            .find(|follower| follower.fillings().any(|filling| filling.build.id == id.build))?;
        let is_live = follower.live.build.id == id.build;
        let filling = follower.fillings_mut().find(|filling| filling.build.id == id.build)?;
        let parts = filling.parts();
        let part = filling.part_mut(id)?;
        let is_alive = |owner| self.members.get(&owner).is_some_and(|owner| owner.until > now);
        let is_taken = part.owner.is_some_and(|owner| owner != member && is_alive(owner));
        if is_taken || part.stopped.is_some() {
            return None;
        }
        (part.fence, part.owner) = (fence, Some(member));
        Some(Claim { part: id, parts, fence, position: part.position, is_live })
    }

    pub(super) fn release(&mut self, claim: &Claim) {
        let fence = self.next();
        if let Some(part) = self.claimed(claim).and_then(|filling| filling.part_mut(claim.part)) {
            take_away(part, fence);
        }
    }

    /// The build that the claim is of; none if the claim does not hold.
    pub(super) fn claimed(&mut self, claim: &Claim) -> Option<&mut Filling> {
        let filling = self.filling_mut(claim.part.build)?;
        let holds = filling.part_mut(claim.part)?.fence == claim.fence;
        holds.then_some(filling)
    }

    pub(super) fn filling(&self, build: BuildId) -> Option<&Filling> {
        let all = self.followers.values().flat_map(Follower::fillings);
        all.into_iter().find(|filling| filling.build.id == build)
    }

    pub(super) fn filling_mut(&mut self, build: BuildId) -> Option<&mut Filling> {
        let all = self.followers.values_mut().flat_map(Follower::fillings_mut);
        all.into_iter().find(|filling| filling.build.id == build)
    }
}

impl Follower {
    fn new(kind: FollowerKind, declared: u32, live: Filling) -> Self {
        Self { kind, declared, is_paused: false, live, shadow: None, last_rebuild: None }
    }

    pub(super) fn fillings(&self) -> impl Iterator<Item = &Filling> {
        [&self.live].into_iter().chain(&self.shadow)
    }

    pub(super) fn fillings_mut(&mut self) -> impl Iterator<Item = &mut Filling> {
        [&mut self.live].into_iter().chain(&mut self.shadow)
    }

    /// Removes the shadow, if there is one.
    pub(super) fn end_rebuild(&mut self, outcome: Outcome, now: DateTime<Utc>) {
        if let Some(Filling { build, .. }) = self.shadow.take() {
            let Build { id, version, .. } = build;
            let last = LastRebuild { build: Some(id), version, ended_at: now, outcome };
            self.last_rebuild = Some(last);
        }
    }
}

impl Filling {
    pub(super) fn parts(&self) -> NonZeroU16 {
        let parts = u16::try_from(self.build.parts.len()).ok();
        parts.and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
    }

    pub(super) fn part_mut(&mut self, id: PartId) -> Option<&mut PartState> {
        self.build.parts.get_mut(usize::from(id.part))
    }

    /// Where the part is that is furthest behind.
    pub(super) fn lowest(&self) -> Position {
        self.build.parts.iter().map(|part| part.position).min().unwrap_or_default()
    }

    /// Where the part is that is furthest ahead.
    pub(super) fn highest(&self) -> Position {
        self.build.parts.iter().map(|part| part.position).max().unwrap_or_default()
    }

    /// The latest first.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let mut failures: Vec<_> = self.failures.values().collect();
        failures.sort_by_key(|failure| Reverse((failure.last_at, failure.position)));
        failures.into_iter()
    }

    pub(super) fn parked_events(&self) -> impl Iterator<Item = ParkedEvent> {
        self.parked.values().map(|event| {
            let failure = self.failures.get(&event.position).filter(|_| event.is_cause).cloned();
            ParkedEvent { failure, ..event.clone() }
        })
    }
}

/// Ends the claim of the part: nobody owns it, and nothing happens in its name.
pub(super) fn take_away(part: &mut PartState, fence: u64) {
    (part.owner, part.fence) = (None, fence);
}
