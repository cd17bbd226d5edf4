use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

use super::lagging::Lagging;
use crate::{
    Filter, Position,
    followers::{Books, BuildId, Claim, FollowerStore, MemberId, Outcome, PartId, PartState},
};

/// A process that runs followers: what becomes of rebuilds, and how far everything is.
#[derive(Default)]
pub(crate) struct ObservedMember {
    /// The rebuilds whose first part runs here, and so are told of here.
    rebuilds: BTreeMap<BuildId, Rebuild>,
    lagging: Lagging,
}

struct Rebuild {
    follower: &'static str,
    version: u32,
    has_caught_up: bool,
}

/// How far a part is that runs here.
pub(crate) struct Here {
    pub(crate) seen: Position,
    /// When the oldest event was recorded that it is at work on; none while there is none.
    pub(crate) oldest: Option<DateTime<Utc>>,
}

/// An event about a rebuild.
#[cfg(feature = "tracing")]
macro_rules! tell {
    ($build:expr, $rebuild:expr, $($what:tt)+) => {
        tracing::info!(
            target: "annals::followers",
            follower = $rebuild.follower,
            build = $build.get(),
            version = $rebuild.version,
            $($what)+
        )
    };
}

impl ObservedMember {
    /// A part of a follower of this version was claimed.
    pub(crate) fn claimed(&mut self, follower: &'static str, version: u32, claim: &Claim) {
        if claim.is_live || claim.part.part != 0 {
            return;
        }
        let rebuild = Rebuild { follower, version, has_caught_up: false };
        traced! {
            if claim.position == Position::START {
                tell!(claim.part.build, rebuild, "rebuild begun");
            }
        }
        self.rebuilds.insert(claim.part.build, rebuild);
    }

    /// A rebuild is near enough to its end to be swapped or compared.
    pub(crate) fn caught_up(&mut self, build: BuildId) {
        let Some(rebuild) = self.rebuilds.get_mut(&build) else { return };
        traced! {
            if !rebuild.has_caught_up {
                tell!(build, rebuild, "rebuild caught up");
            }
        }
        rebuild.has_caught_up = true;
    }

    /// The store does not answer this process, whose lease will be over unless that changes.
    pub(crate) fn beat_failed(&self, reason: &str) {
        traced! { tracing::warn!(target: "annals::followers", reason, "no sign of life"); }
    }

    /// The server has lost steps of a part that runs here, whose checkpoint was left at `left`.
    pub(crate) fn set_back(&self, follower: &str, part: &PartState, left: Position) {
        traced! {
            let PartState { id: PartId { build, part }, position, .. } = part;
            tracing::warn!(
                target: "annals::followers",
                follower,
                part,
                build = build.get(),
                position = position.get(),
                left = left.get(),
                "set back"
            );
        }
    }

    /// The books after a sign of life of `me`, who declares what `declares` knows the filter of, and runs the parts that
    /// `here` knows. It looks into the store only for what nobody runs, and for no longer than `patience`.
    pub(crate) async fn beat<'a, S: FollowerStore>(
        &mut self,
        store: &S,
        (me, books): (MemberId, &Books),
        declares: impl Fn(&str) -> Option<(&'static str, &'a Filter)> + Sync,
        here: impl Fn(PartId) -> Option<Here> + Sync,
        patience: Duration,
    ) {
        self.end_rebuilds(me, books);
        counted! { self.lagging.measure(store, books, declares, here, patience).await; }
    }

    /// It runs nothing any more.
    pub(crate) fn ended(&mut self) {
        counted! { self.lagging.hide(); }
    }

    fn end_rebuilds(&mut self, me: MemberId, books: &Books) {
        self.rebuilds.retain(|build, rebuild| {
            let follower = books.followers.iter().find(|one| one.name == rebuild.follower);
            let Some(follower) = follower else { return false };
            if let Some(shadow) = follower.shadow.as_ref().filter(|shadow| shadow.id == *build) {
                let owner = shadow.parts.first().and_then(|part| part.owner);
                return owner.is_none_or(|owner| owner == me);
            }
            let last = follower.last_rebuild.as_ref().filter(|last| last.build == Some(*build));
            let outcome = match last.map(|last| &last.outcome) {
                _ if follower.live.id == *build => "swapped",
                Some(Outcome::Compared(_)) => "compared",
                _ => "cancelled",
            };
            traced! { tell!(build, rebuild, outcome, "rebuild ended"); }
            counted! {
                let follower = rebuild.follower;
                metrics::counter!("annals_follower_rebuilds_total", "follower" => follower, "outcome" => outcome)
                    .increment(1);
            }
            false
        });
    }
}

/// What tells the two builds of a follower from each other, as long as there are two.
pub(super) fn role(is_live: bool) -> &'static str {
    if is_live { "live" } else { "shadow" }
}
