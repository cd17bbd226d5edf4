use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryStreamExt};

use super::member::{Here, role};
use crate::{
    Filter, Position, ReadAll,
    followers::{Books, FollowerStore, PartId, PartState, builds, seen},
};

/// The gauges: how far parts are, and how far behind. A part is shown by the process that runs it; one that nobody
/// runs, by each process that declares it. Elsewhere it is at 0, so that the highest value of all processes is right.
#[derive(Default)]
pub(super) struct Lagging {
    /// The end of the log as far as it is known.
    head: Position,
    resting: BTreeMap<PartId, Resting>,
    shown: BTreeSet<Shown>,
}

/// What is known of a part that nobody runs.
struct Resting {
    position: Position,
    /// Up to here nothing concerns it.
    looked: Position,
    oldest: Option<DateTime<Utc>>,
}

/// A part as its gauges name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    follower: &'static str,
    part: u16,
    is_live: bool,
}

impl Lagging {
    /// Sets the gauges. Where a part runs here, that takes no question to the store.
    pub(super) async fn measure<'a, S: FollowerStore>(
        &mut self,
        store: &S,
        books: &Books,
        declares: impl Fn(&str) -> Option<(&'static str, &'a Filter)> + Sync,
        here: impl Fn(PartId) -> Option<Here> + Sync,
        patience: Duration,
    ) {
        let mut shown = BTreeSet::new();
        let (mut running, mut resting) = (Vec::new(), Vec::new());
        for follower in &books.followers {
            let Some((name, filter)) = declares(&follower.name) else { continue };
            for build in builds(follower) {
                let is_live = build.id == follower.live.id;
                for part in &build.parts {
                    self.head = self.head.max(part.position).max(seen(books, part));
                    let one = Shown { follower: name, part: part.id.part, is_live };
                    match here(part.id) {
                        Some(here) => {
                            self.head = self.head.max(here.seen);
                            running.push((one, here));
                        }
                        None if part.owner_is_alive => continue,
                        None => resting.push((one, part, filter)),
                    }
                    shown.insert(one);
                    if part.id.part == 0 {
                        one.set_parked(build.parked);
                    }
                }
            }
        }
        // Whoever runs a part waits for the head as well, so the store knows it; a part that is at the end knows it, too.
        let is_told_of_head = !running.is_empty();
        let is_any_behind = running.iter().any(|(_, here)| here.oldest.is_some());
        if is_told_of_head
            && (is_any_behind || !resting.is_empty())
            && let Some(Ok(head)) = store.wait_for_head(self.head).now_or_never()
        {
            self.head = head;
        }
        let rest = self.rest(store, &resting, is_told_of_head);
        let _too_slow = tokio::time::timeout(patience, rest).await;
        for (one, Here { seen, oldest }) in running {
            one.set(seen, self.head, age(books, oldest));
        }
        for (one, part, _) in resting {
            let known = self.resting.get(&part.id).filter(|known| known.position == part.position);
            let oldest = known.and_then(|known| known.oldest);
            let head = if oldest.is_some() { self.head } else { part.position };
            one.set(part.position, head, age(books, oldest));
        }
        self.shown.difference(&shown).for_each(Shown::hide);
        self.shown = shown;
    }

    /// Learns the oldest event that waits for each of the parts that nobody runs. Once it is found, it stays that one
    /// until the part moves.
    async fn rest<S: FollowerStore>(
        &mut self,
        store: &S,
        resting: &[(Shown, &PartState, &Filter)],
        is_told_of_head: bool,
    ) {
        self.resting.retain(|id, _| resting.iter().any(|(_, part, _)| part.id == *id));
        if !resting.is_empty() && !is_told_of_head {
            self.head = store.head().await.map_or(self.head, |head| head.max(self.head));
        }
        for (_, part, filter) in resting {
            let PartState { id, position, .. } = **part;
            let fresh = || Resting { position, looked: position, oldest: None };
            let known = self.resting.entry(id).or_insert_with(fresh);
            if known.position != position {
                *known = fresh();
            }
            if known.oldest.is_some() || known.looked >= self.head {
                continue;
            }
            let read = ReadAll::after(known.looked).up_to(self.head).with_limit(1);
            match store.read_all(read.with_filter((*filter).clone())).try_next().await {
                Ok(Some(event)) => known.oldest = Some(event.recorded_at),
                Ok(None) => known.looked = self.head,
                // The next beat looks again.
                Err(_) => {}
            }
        }
    }

    /// Nothing is shown by this process any more.
    pub(super) fn hide(&mut self) {
        self.shown.iter().for_each(Shown::hide);
        self.shown.clear();
    }
}

impl Shown {
    fn set(&self, position: Position, head: Position, lag: Duration) {
        let events = head.get().saturating_sub(position.get());
        let Self { follower, part, is_live } = *self;
        let (part, build) = (part.to_string(), role(is_live));
        let gauges = [
            ("annals_follower_position", float(position.get())),
            ("annals_follower_lag_events", float(events)),
            ("annals_follower_lag_seconds", lag.as_secs_f64()),
        ];
        counted! {
            for (name, value) in gauges {
                metrics::gauge!(name, "follower" => follower, "part" => part.clone(), "build" => build).set(value);
            }
        }
    }

    fn set_parked(&self, events: u64) {
        let Self { follower, is_live, .. } = *self;
        counted! {
            metrics::gauge!("annals_follower_parked_events", "follower" => follower, "build" => role(is_live))
                .set(float(events));
        }
    }

    fn hide(&self) {
        self.set(Position::START, Position::START, Duration::ZERO);
        if self.part == 0 {
            self.set_parked(0);
        }
    }
}

/// How old that is, by the store's clock.
fn age(books: &Books, oldest: Option<DateTime<Utc>>) -> Duration {
    let age = oldest.map(|oldest| books.now - oldest);
    age.and_then(|age| age.to_std().ok()).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn float(number: u64) -> f64 {
    number as f64
}
