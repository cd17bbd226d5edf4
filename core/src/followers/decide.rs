//! Who runs what: a pure function of the books, which each member asks for itself.

use std::collections::BTreeMap;

use super::{Books, Build, DeclaredVersion, FollowerBooks, MemberId, PartId, PartState};

/// What a member does about a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// Claim it, and run it.
    Claim(PartId),
    /// Give it back after its step: another member has too little to do.
    Release(PartId),
    /// Stop running it: it is not this member's any more, or is to be run by nobody.
    End(PartId),
}

/// The member that decides.
pub(super) struct Mine<'a> {
    pub(super) id: MemberId,
    /// What it is running.
    pub(super) running: &'a [PartId],
}

/// A part that may be run, and by whom.
struct Runnable<'a> {
    part: &'a PartState,
    /// Members that are alive and declare the build's version, by id; not empty.
    by: Vec<MemberId>,
}

impl Runnable<'_> {
    /// Who runs it, if it is somebody who may.
    fn runs(&self) -> Option<MemberId> {
        self.part.owner.filter(|owner| self.part.owner_is_alive && self.by.contains(owner))
    }
}

/// How many parts a member should run, and how many it does.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    share: usize,
    runs: usize,
}

impl Load {
    fn room(self) -> usize {
        self.share.saturating_sub(self.runs)
    }
}

/// What the member `mine` is to do next. Each takes a fair share of what it may run; nobody takes a part from a
/// member that is alive, which gives back by itself what exceeds its share while another has room.
pub(super) fn decide(books: &Books, mine: &Mine<'_>) -> Vec<Action> {
    let runnable = runnable(books);
    let loads = loads(&runnable);
    let me = loads.get(&mine.id).copied().unwrap_or_default();
    let is_mine = |part: &PartState| part.owner == Some(mine.id);
    let mut actions = Vec::new();

    for running in mine.running {
        let here = runnable.iter().find(|runnable| runnable.part.id == *running);
        if !here.is_some_and(|runnable| is_mine(runnable.part) && runnable.by.contains(&mine.id)) {
            actions.push(Action::End(*running));
        }
    }
    let (mut room, mut runs) = (me.room(), me.runs);
    for Runnable { part, by } in &runnable {
        if !by.contains(&mine.id) || mine.running.contains(&part.id) {
            continue;
        }
        if is_mine(part) {
            // The answer to a claim was lost, or what ran it has ended.
            actions.push(Action::Claim(part.id));
        } else if part.owner.is_none() || !part.owner_is_alive {
            let others_have_room = || {
                by.iter().any(|id| *id != mine.id && loads.get(id).is_some_and(|l| l.room() > 0))
            };
            if room > 0 || !others_have_room() {
                actions.push(Action::Claim(part.id));
                (room, runs) = (room.saturating_sub(1), runs + 1);
            }
        }
    }
    let mut excess = me.runs.saturating_sub(me.share);
    let mut rooms: BTreeMap<MemberId, usize> =
        loads.iter().map(|(id, load)| (*id, load.room())).collect();
    for Runnable { part, by } in runnable.iter().rev() {
        if excess == 0 {
            break;
        }
        if !is_mine(part) || !mine.running.contains(&part.id) {
            continue;
        }
        let taker = by.iter().find(|id| rooms.get(id).is_some_and(|room| *room > 0));
        if let Some(room) = taker.and_then(|id| rooms.get_mut(id)) {
            *room -= 1;
            excess -= 1;
            actions.push(Action::Release(part.id));
        }
    }
    actions
}

/// All parts that somebody may run, in one order for all members.
fn runnable(books: &Books) -> Vec<Runnable<'_>> {
    let mut runnable = Vec::new();
    for follower in &books.followers {
        for build in builds(follower) {
            let by = members(books, follower, build);
            if follower.is_paused || by.is_empty() {
                continue;
            }
            let parts = build
                .parts
                .iter()
                .filter(|part| part.stopped.is_none() && (build.is_made || part.id.part == 0));
            runnable.extend(parts.map(|part| Runnable { part, by: by.clone() }));
        }
    }
    runnable.sort_by_key(|runnable| runnable.part.id);
    runnable
}

pub(crate) fn builds(follower: &FollowerBooks) -> impl Iterator<Item = &Build> {
    [Some(&follower.live), follower.shadow.as_ref()].into_iter().flatten()
}

/// Who is alive and declares the version of `build`.
fn members(books: &Books, follower: &FollowerBooks, build: &Build) -> Vec<MemberId> {
    let is_it = |declared: &DeclaredVersion| {
        declared.name == follower.name && declared.version == build.version
    };
    let members = books.members.iter().filter(|member| member.report.declares.iter().any(is_it));
    members.map(|member| member.id).collect()
}

/// The share of each member: of each part one n-th, where n members may run it, rounded up in the end.
fn loads(runnable: &[Runnable<'_>]) -> BTreeMap<MemberId, Load> {
    let mut counts: BTreeMap<MemberId, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut loads: BTreeMap<MemberId, Load> = BTreeMap::new();
    for part in runnable {
        for member in &part.by {
            *counts.entry(*member).or_default().entry(part.by.len()).or_default() += 1;
        }
        if let Some(owner) = part.runs() {
            loads.entry(owner).or_default().runs += 1;
        }
    }
    for (member, parts) in counts {
        let share = parts.into_iter().map(|(members, parts)| parts.div_ceil(members)).sum();
        loads.entry(member).or_default().share = share;
    }
    loads
}

#[cfg(test)]
mod tests;
