//! A shadow takes the place of the live build, or is compared with it.

use std::{cmp::Ordering, mem, time::Duration};

use annals_core::{
    Payload,
    followers::{
        BuildId, Compared, Difference, Differences, LastRebuild, Outcome, Swap, Value, Verify,
    },
};
use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::{
    Followers,
    books::{Filling, Follower, State},
};

impl Followers {
    pub(super) async fn swap(&self, shadow: BuildId, patience: Duration) -> Swap {
        self.holding_still(shadow, patience, Swap::Behind, |state| state.swap(shadow, self.now()))
            .await
    }

    pub(super) async fn compare(&self, shadow: BuildId, patience: Duration) -> Compared {
        self.holding_still(shadow, patience, Compared::Behind, |state| state.compare(shadow)).await
    }

    /// Looks again after each change until there is an answer, while the live build holds still.
    async fn holding_still<T>(
        &self,
        shadow: BuildId,
        patience: Duration,
        too_late: T,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> T {
        let _still = Still::begin(self, shadow);
        let looking = async {
            loop {
                let changed = self.changed.notified();
                let answer = look(&mut self.state());
                match answer {
                    Some(answer) => return answer,
                    None => changed.await,
                }
            }
        };
        timeout(patience, looking).await.unwrap_or(too_late)
    }
}

/// While it is there, the live build beside a shadow changes nothing.
struct Still<'a> {
    followers: &'a Followers,
    live: Option<BuildId>,
}

impl<'a> Still<'a> {
    fn begin(followers: &'a Followers, shadow: BuildId) -> Self {
        let mut state = followers.state();
        let live = state.beside(shadow).map(|follower| {
            follower.live.held += 1;
            follower.live.build.id
        });
        Self { followers, live }
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.followers.change(|state| {
            if let Some(live) = self.live.and_then(|live| state.filling_mut(live)) {
                live.held -= 1;
            }
        });
    }
}

impl State {
    /// The follower that this is the shadow of.
    fn beside(&mut self, shadow: BuildId) -> Option<&mut Follower> {
        self.followers.values_mut().find(|follower| {
            follower.shadow.as_ref().is_some_and(|filling| filling.build.id == shadow)
        })
    }

    /// None while the shadow is behind.
    fn swap(&mut self, shadow: BuildId, now: DateTime<Utc>) -> Option<Swap> {
        let Some(follower) = self.beside(shadow) else { return Some(Swap::Gone) };
        let Follower { live, shadow: Some(shadow), last_rebuild, .. } = follower else {
            return Some(Swap::Gone);
        };
        let has_stopped = shadow.build.parts.iter().any(|part| part.stopped.is_some());
        if has_stopped || shadow.build.verify == Some(Verify::Report) {
            return Some(Swap::Gone);
        }
        if !shadow.parked.is_empty() && !shadow.build.may_swap_parked {
            return Some(Swap::Parked { events: shadow.parked.len() as u64 });
        }
        let floor = live.build.floors.iter().copied().max().unwrap_or_default();
        let mut parts = live.build.parts.iter().zip(&shadow.build.parts);
        let has_passed = parts.all(|(live, shadow)| shadow.position >= live.position.max(floor));
        if !shadow.build.is_made || !has_passed {
            return None;
        }
        mem::swap(live, shadow);
        (live.build.verify, live.build.may_swap_parked) = (None, false);
        let (build, version) = (Some(live.build.id), live.build.version);
        let outcome = Outcome::Swapped;
        *last_rebuild = Some(LastRebuild { build, version, ended_at: now, outcome });
        follower.shadow = None;
        Some(Swap::Swapped)
    }

    /// None while the shadow is behind. What each part of it must have passed is the same part of the live
    /// build, which has done then what its former division had done.
    fn compare(&mut self, shadow: BuildId) -> Option<Compared> {
        let Some(Follower { live, shadow: Some(shadow), .. }) = self.beside(shadow) else {
            return Some(Compared::Gone);
        };
        let parts = live.build.parts.iter().zip(&shadow.build.parts);
        let mut orders = parts.map(|(live, shadow)| shadow.position.cmp(&live.position));
        if orders.clone().any(Ordering::is_gt) {
            return Some(Compared::Behind);
        }
        let is_settled = live.build.floors.iter().all(|floor| *floor <= live.lowest());
        let is_there = shadow.build.is_made && is_settled && orders.all(Ordering::is_eq);
        is_there.then(|| Compared::At(differences(live, shadow)))
    }
}

/// How many of the rows that differ are told.
const TOLD: usize = 100;

fn differences(live: &Filling, shadow: &Filling) -> Differences {
    let row = |table: &str, key: Option<&String>, live, rebuilt| Difference {
        table: table.to_owned(),
        key: key.cloned(),
        live,
        rebuilt,
    };
    let table = live.table.as_ref().map_or("", |table| table.name);
    let new = shadow.rows.keys().filter(|key| !live.rows.contains_key(*key));
    let mut keys: Vec<_> = live.rows.keys().chain(new).collect();
    keys.sort_unstable();
    let rows = keys.into_iter().filter_map(|key| {
        let (live, rebuilt) = (live.rows.get(key), shadow.rows.get(key));
        let is_same = live.zip(rebuilt).is_some_and(|(live, rebuilt)| is_same(live, rebuilt));
        (!is_same).then(|| row(table, Some(key), live.map(text), rebuilt.map(text)))
    });
    let tables = live.tables.differences(&shadow.tables).into_iter();
    let tables = tables.map(|(name, (live, rebuilt))| row(name, None, live, rebuilt));
    let mut rows: Vec<_> = rows.chain(tables).collect();
    let count = rows.len() as u64;
    rows.truncate(TOLD);
    Differences { position: live.highest(), count, rows, ignored_columns: Vec::new() }
}

/// States are compared as JSON, in which the order of an object's fields is no difference.
fn is_same(live: &(Payload, Vec<Value>), rebuilt: &(Payload, Vec<Value>)) -> bool {
    let states = (live.0.to_value(), rebuilt.0.to_value());
    let is_same = matches!(states, (Ok(live), Ok(rebuilt)) if live == rebuilt);
    is_same && live.1 == rebuilt.1
}

fn text((state, values): &(Payload, Vec<Value>)) -> String {
    if values.is_empty() { state.to_string() } else { format!("{state} {values:?}") }
}
