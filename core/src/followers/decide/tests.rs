//! Members that come, die and beat in any order, against books that are kept as a store keeps them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    Position,
    followers::{BuildId, FollowerKind, Member, Report},
};

/// What a test does, by the number of a member or a build.
#[derive(Debug, Clone)]
enum Event {
    Beat(usize),
    /// With nothing given back, until its lease is over.
    Freeze(usize),
    /// Its lease is over.
    Die(usize),
    Pause(usize),
    Resume(usize),
}

/// The books, and what each member runs.
struct World {
    books: Books,
    all: Vec<Member>,
    running: BTreeMap<MemberId, BTreeSet<PartId>>,
    frozen: BTreeSet<MemberId>,
}

fn member(number: usize, declares: u8) -> Member {
    let declared = |bit: &u8| declares & (1 << bit) != 0;
    let declares = (0..4).filter(declared).map(|follower| DeclaredVersion {
        name: format!("f{}", follower / 2),
        version: u32::from(follower % 2) + 1,
    });
    Member {
        id: Uuid::from_u128(number as u128 + 1).into(),
        name: number.to_string(),
        until: DateTime::UNIX_EPOCH,
        report: Report { declares: declares.collect(), parts: Vec::new() },
    }
}

fn build(id: u64, version: u32, parts: u16) -> Build {
    let build = BuildId::new(id);
    let part = |part| PartState {
        id: PartId { build, part },
        position: Position::START,
        events: 0,
        advanced_at: None,
        owner: None,
        owner_is_alive: false,
        fence: 0,
        stopped: None,
    };
    Build {
        id: build,
        version,
        is_made: true,
        verify: None,
        may_swap_parked: false,
        floors: Vec::new(),
        parts: (0..parts).map(part).collect(),
        parked: 0,
        to_retry: 0,
        last_failure: None,
        started_at: DateTime::UNIX_EPOCH,
    }
}

impl World {
    fn new(parts: [u16; 4], declares: &[u8]) -> Self {
        let follower = |number: u64, live, shadow| FollowerBooks {
            name: format!("f{number}"),
            kind: FollowerKind::Projection,
            declared: 2,
            is_paused: false,
            live: build(number * 2, 1, live),
            shadow: Some(build(number * 2 + 1, 2, shadow)),
            last_rebuild: None,
        };
        let [a, b, c, d] = parts;
        let followers = vec![follower(0, a, b), follower(1, c, d)];
        let books = Books { now: DateTime::UNIX_EPOCH, members: Vec::new(), followers };
        let all = declares.iter().enumerate().map(|(number, bits)| member(number, *bits));
        Self { books, all: all.collect(), running: BTreeMap::new(), frozen: BTreeSet::new() }
    }

    fn parts(&mut self) -> impl Iterator<Item = &mut PartState> {
        self.books.followers.iter_mut().flat_map(|follower| {
            follower.live.parts.iter_mut().chain(follower.shadow.as_mut().unwrap().parts.iter_mut())
        })
    }

    fn part(&mut self, id: PartId) -> &mut PartState {
        self.parts().find(|part| part.id == id).unwrap()
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Beat(number) => self.beat(number),
            Event::Freeze(number) => {
                self.frozen.insert(self.all[number % self.all.len()].id);
            }
            Event::Die(number) => {
                let id = self.all[number % self.all.len()].id;
                self.books.members.retain(|member| member.id != id);
                self.parts().filter(|part| part.owner == Some(id)).for_each(|part| {
                    part.owner_is_alive = false;
                });
            }
            Event::Pause(number) => {
                self.books.followers[number % 2].is_paused = true;
                let follower = &self.books.followers[number % 2];
                let ids: Vec<_> =
                    builds(follower).flat_map(|build| &build.parts).map(|part| part.id).collect();
                for id in ids {
                    self.part(id).owner = None;
                    self.part(id).owner_is_alive = false;
                }
            }
            Event::Resume(number) => self.books.followers[number % 2].is_paused = false,
        }
    }

    fn beat(&mut self, number: usize) {
        let me = self.all[number % self.all.len()].clone();
        if self.frozen.contains(&me.id) {
            return;
        }
        if !self.books.members.iter().any(|member| member.id == me.id) {
            self.books.members.push(me.clone());
            self.books.members.sort_by_key(|member| member.id);
            self.parts().filter(|part| part.owner == Some(me.id)).for_each(|part| {
                part.owner_is_alive = true;
            });
        }
        let running: Vec<_> = self.running.entry(me.id).or_default().iter().copied().collect();
        for action in decide(&self.books, &Mine { id: me.id, running: &running }) {
            match action {
                Action::Claim(id) => self.claim(me.id, id),
                Action::Release(id) => {
                    assert_eq!(self.part(id).owner, Some(me.id), "only what is its own");
                    self.part(id).owner = None;
                    self.running.get_mut(&me.id).unwrap().remove(&id);
                }
                Action::End(id) => {
                    self.running.get_mut(&me.id).unwrap().remove(&id);
                }
            }
        }
    }

    fn claim(&mut self, me: MemberId, id: PartId) {
        let part = self.part(id);
        let is_free = part.owner.is_none() || part.owner == Some(me) || !part.owner_is_alive;
        assert!(is_free, "nothing is taken from a member that is alive");
        (part.owner, part.owner_is_alive) = (Some(me), true);
        self.running.get_mut(&me).unwrap().insert(id);
    }

    /// What is wrong once nothing has changed for a while.
    fn check(&self) {
        let runnable = runnable(&self.books);
        let loads = loads(&runnable);
        for Runnable { part, by } in &runnable {
            let owner = part.owner.filter(|_| part.owner_is_alive);
            let Some(owner) = owner.filter(|owner| !self.frozen.contains(owner)) else {
                assert!(
                    by.iter().any(|member| self.frozen.contains(member)),
                    "nobody runs {}",
                    part.id
                );
                continue;
            };
            assert!(
                self.running[&owner].contains(&part.id),
                "{owner} does not run its {}",
                part.id
            );
            let is_over = loads[&owner].runs > loads[&owner].share;
            let takes = |id: &MemberId| loads[id].room() > 0 && !self.frozen.contains(id);
            assert!(!(is_over && by.iter().any(takes)), "{owner} keeps too much: {loads:?}");
        }
        for (member, parts) in &self.running {
            let is_frozen = self.frozen.contains(member);
            assert!(is_frozen || parts.iter().all(|id| runnable.iter().any(|r| r.part.id == *id)));
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (0..5_usize).prop_map(Event::Beat),
        1 => (0..5_usize).prop_map(Event::Freeze),
        1 => (0..5_usize).prop_map(Event::Die),
        1 => (0..2_usize).prop_map(Event::Pause),
        1 => (0..2_usize).prop_map(Event::Resume),
    ];
    proptest::collection::vec(event, 0..60)
}

proptest! {
    #[test]
    fn soon_after_the_last_change_every_part_runs_and_nobody_has_too_much(
        parts in [1..6_u16, 1..3, 1..8, 1..3],
        declares in proptest::collection::vec(1..16_u8, 1..6),
        events in events(),
    ) {
        let mut world = World::new(parts, &declares);
        events.iter().for_each(|event| world.happens(event));
        // What is frozen dies in the end, and some members come back.
        for number in 0..declares.len() {
            if world.frozen.contains(&world.all[number].id) {
                world.happens(&Event::Die(number));
            }
        }
        for _ in 0..4 {
            (0..declares.len()).for_each(|number| world.beat(number));
        }
        world.check();
    }
}

#[test]
fn what_cannot_be_run_is_not_claimed() {
    let mut world = World::new([3, 1, 1, 1], &[0b0001]);
    world.books.followers[0].live.is_made = false;
    world.beat(0);
    let me = world.all[0].id;
    let first = PartId { build: BuildId::new(0), part: 0 };
    assert_eq!(
        world.running[&me].iter().copied().collect::<Vec<_>>(),
        [first],
        "it makes the tables"
    );
    world.books.followers[0].live.is_made = true;
    world.happens(&Event::Pause(0));
    world.beat(0);
    assert!(world.running[&me].is_empty(), "it is paused");
    world.happens(&Event::Resume(0));
    world.beat(0);
    assert_eq!(world.running[&me].len(), 3, "and nothing of versions that it does not declare");
}
