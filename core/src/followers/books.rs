use std::{fmt, num::NonZeroU16, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Failure, LastRebuild, Projection, Reactor, ReadModel, Verify,
    name::{is_name, named},
};
use crate::{Position, ids::MemberId};

/// One filling of a follower's tables. A store gives each number once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BuildId(u64);

impl BuildId {
    /// Build `number`: for stores.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One part of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartId {
    /// The build.
    pub build: BuildId,
    /// Which part of it, counted from 0.
    pub part: u16,
}

/// `9/0`: build and part.
impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.build, self.part)
    }
}

/// What a follower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FollowerKind {
    /// A [`ReadModel`].
    ReadModel,
    /// A [`Projection`].
    Projection,
    /// A [`Reactor`]. It has no tables, so its one build is made from the start and never rebuilt.
    Reactor,
}

named!(FollowerKind is "kind of follower" {
    ReadModel = "read model",
    Projection = "projection",
    Reactor = "reactor",
});

/// What a process says about a follower when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Its name, checked: 1 to 48 of `a-z`, `0-9` and `_`, a letter first.
    pub name: &'static str,
    /// What it is.
    pub kind: FollowerKind,
    /// Which version of it the process runs; 1 for a reactor.
    pub version: u32,
    /// Into how many parts the first build is divided; later it has no effect.
    pub parts: NonZeroU16,
    /// Where the parts of the first build begin; later it has no effect. Always
    /// [`Position::START`] but for a reactor.
    pub start: Position,
}

impl Declaration {
    /// Declares `M`. A [`ReadModel::NAME`] that breaks the rule does not compile, here as below.
    #[must_use]
    pub fn read_model<M: ReadModel>() -> Self {
        const { assert!(is_name(M::NAME), "ReadModel::NAME must be 1 to 48 of a-z, 0-9, '_'") }
        Self {
            name: M::NAME,
            kind: FollowerKind::ReadModel,
            version: M::VERSION,
            parts: M::options().partitions,
            start: Position::START,
        }
    }

    /// Declares a projection.
    #[must_use]
    pub fn projection<C: ?Sized + Send, P: Projection<C>>(projection: &P) -> Self {
        const { assert!(is_name(P::NAME), "Projection::NAME must be 1 to 48 of a-z, 0-9, '_'") }
        Self {
            name: P::NAME,
            kind: FollowerKind::Projection,
            version: P::VERSION,
            parts: projection.options().partitions,
            start: Position::START,
        }
    }

    /// Declares a reactor that begins after `start` if the store does not know it yet.
    #[must_use]
    pub fn reactor<R: Reactor>(reactor: &R, start: Position) -> Self {
        const { assert!(is_name(R::NAME), "Reactor::NAME must be 1 to 48 of a-z, 0-9, '_'") }
        Self {
            name: R::NAME,
            kind: FollowerKind::Reactor,
            version: 1,
            parts: reactor.options().partitions,
            start,
        }
    }
}

/// A sign of life of a member, and what it has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// Who.
    pub member: MemberId,
    /// Its name for operators; several may have the same.
    pub name: String,
    /// How long it counts as alive from now on, by the store's clock. Zero: it leaves, and is forgotten.
    pub lease: Duration,
    /// What it has to say.
    pub report: Report,
}

/// What a member tells the others. Stores keep it as the JSON that it serialises to, and give it back; what
/// an older build has not written, or a newer one has added, is passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// What it can run.
    pub declares: Vec<DeclaredVersion>,
    /// How the parts that it owns get on.
    pub parts: Vec<PartReport>,
}

/// One version of a follower.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeclaredVersion {
    /// The follower.
    pub name: String,
    /// The version.
    pub version: u32,
}

/// How a part gets on, by its owner: what changes too often to be written into the books.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartReport {
    /// The part.
    pub part: PartId,
    /// The claim that it speaks of ([`Claim::fence`]): under another one the part may be another part of the log.
    #[serde(default)]
    pub fence: u64,
    /// Everything up to here was looked at; the checkpoint can be lower while nothing concerns the part.
    pub seen: Position,
    /// Events handled a second, over the last few seconds.
    pub rate: f64,
    /// Since when it handles the present batch, by the member's clock; none while it waits.
    #[serde(default)]
    pub busy_since: Option<DateTime<Utc>>,
    /// Why it cannot work at present although nothing of its own failed: the store is not there, for instance.
    #[serde(default)]
    pub interrupted: Option<String>,
    /// Who keeps the swap of its build waiting ([`Swap::Held`](super::Swap::Held)); from the first part only.
    #[serde(default)]
    pub held_by: Option<String>,
}

/// Who does what: one snapshot, which a store answers from one statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Books {
    /// The store's clock.
    pub now: DateTime<Utc>,
    /// The members whose lease is not over, by id.
    pub members: Vec<Member>,
    /// All followers that were ever declared, by name.
    pub followers: Vec<FollowerBooks>,
}

/// A member that is alive.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Who.
    pub id: MemberId,
    /// Its name for operators.
    pub name: String,
    /// Until when it counts as alive, by the store's clock.
    pub until: DateTime<Utc>,
    /// What it said last.
    pub report: Report,
}

/// One follower.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowerBooks {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FollowerKind,
    /// The version that was declared last: what [`Command::Rebuild`](super::Command::Rebuild) builds.
    pub declared: u32,
    /// Whether it is paused.
    pub is_paused: bool,
    /// The build that serves; before its tables are made, the first one.
    pub live: Build,
    /// The build that is to take its place, or is to be compared with it.
    pub shadow: Option<Build>,
    /// The rebuild that ended last.
    pub last_rebuild: Option<LastRebuild>,
}

/// One build of a follower.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Which.
    pub id: BuildId,
    /// The version that fills it.
    pub version: u32,
    /// Whether its tables are there. Until then only part 0 can do anything: make them.
    pub is_made: bool,
    /// Whether and how a shadow is compared; none in a live build.
    pub verify: Option<Verify>,
    /// Whether a shadow takes the live one's place although events of it are parked.
    pub may_swap_parked: bool,
    /// Where each part of the former division was when the build was divided anew, by the number of the former
    /// part; empty if it never was. An event at position q that fell to the former part p is done if q is not
    /// above `floors[p]`.
    pub floors: Vec<Position>,
    /// Its parts, by number: 0 to n-1 without a hole, at least one.
    pub parts: Vec<PartState>,
    /// How many events are parked, one in two sequences counted twice.
    pub parked: u64,
    /// How many of them are to be tried again.
    pub to_retry: u64,
    /// The failure with the latest [`Failure::last_at`].
    pub last_failure: Option<Failure>,
    /// When it was put on the books, by the store's clock.
    pub started_at: DateTime<Utc>,
}

impl Build {
    /// Whether this shadow waits for what becomes of its parked events. One that is compared and not swapped waits for nothing.
    pub(super) fn is_held_back(&self) -> bool {
        self.parked > 0 && !self.may_swap_parked && self.verify != Some(Verify::Report)
    }
}

/// One part of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartState {
    /// Which.
    pub id: PartId,
    /// Its checkpoint.
    pub position: Position,
    /// How many events its steps have handled.
    pub events: u64,
    /// When its checkpoint last moved, by the store's clock.
    pub advanced_at: Option<DateTime<Utc>>,
    /// Who claimed it last and has not released it.
    pub owner: Option<MemberId>,
    /// Whether the owner's lease is not over, by the store's clock; false if there is none.
    pub owner_is_alive: bool,
    /// The number of the last claim; it changes whenever the part is claimed or taken away.
    pub fence: u64,
    /// Why it stopped, if it has; nobody can claim it then.
    pub stopped: Option<Failure>,
}

/// The right to run a part, until somebody else claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The part.
    pub part: PartId,
    /// How many parts the build has.
    pub parts: NonZeroU16,
    /// What tells this claim from every other: a store never gives a number twice, over all parts. It alone
    /// decides whether the claim holds.
    pub fence: u64,
    /// Where the checkpoint was when it was claimed: the truth about a step whose outcome was unknown.
    pub position: Position,
    /// Whether the build was the live one when that was last looked at. A swap changes it and leaves the claim as it is.
    pub is_live: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read_whatever_build_wrote_it() {
        let part = PartId { build: BuildId::new(9), part: 1 };
        let report = Report {
            declares: vec![DeclaredVersion { name: "customers".into(), version: 2 }],
            parts: vec![PartReport {
                part,
                fence: 3,
                seen: Position::new(7),
                rate: 0.1,
                busy_since: Some(DateTime::UNIX_EPOCH),
                interrupted: Some("no route".into()),
                held_by: None,
            }],
        };
        let mut json = serde_json::to_value(&report).unwrap();
        json["news"] = json!([1]);
        json["parts"][0]["more"] = json!({});
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
        assert_eq!(serde_json::from_value::<Report>(json!({})).unwrap(), Report::default());
        let brief =
            json!({ "parts": [{ "part": { "build": 9, "part": 1 }, "seen": 7, "rate": 0.1 }] });
        assert_eq!(serde_json::from_value::<Report>(brief).unwrap().parts[0].part, part);
        assert_eq!(part.to_string(), "9/1");
    }
}
