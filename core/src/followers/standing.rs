//! How a follower gets on, read from the books.

use std::time::Duration;

use futures_util::TryStreamExt;

use super::{
    Books, Build, FollowerBooks, FollowerStatus, FollowerStore, Lag, MemberId, PartReport,
    PartState, PartStatus, Progress, ProgressState, State, rebuild::NEAR,
};
use crate::{Filter, Position, ReadAll, StoreError};

/// A moment behind is not behind.
const MOMENT: Duration = Duration::from_secs(2);

/// The books of one follower, with what its members say, and the end of the log.
pub(super) struct Standing {
    pub(super) follower: FollowerBooks,
    books: Books,
    head: Position,
}

impl Standing {
    pub(super) fn new(books: Books, name: &str, head: Position) -> Option<Self> {
        let follower = books.followers.iter().find(|follower| follower.name == name)?.clone();
        Some(Self { follower, books, head })
    }

    /// All but the time by which it lags, which the log has to be asked for.
    pub(super) fn status(&self) -> FollowerStatus {
        let FollowerBooks { live, .. } = &self.follower;
        let positions = live.parts.iter().map(|part| self.position(part));
        let position = positions.min().unwrap_or_default();
        let events = self.head.get().saturating_sub(position.get());
        let rate = self.rate(live);
        FollowerStatus {
            name: self.follower.name.clone(),
            kind: self.follower.kind,
            version: live.version,
            state: self.state(),
            position,
            head: self.head,
            lag: Lag { events, time: Duration::ZERO },
            rate,
            eta: eta(events, rate),
            owners: self.owners(live),
            parked: live.parked,
            last_failure: live.last_failure.clone(),
            rebuild: self.progress(),
            last_rebuild: self.follower.last_rebuild.clone(),
            parts: live.parts.iter().map(|part| self.part(part)).collect(),
        }
    }

    /// Adds how old the first event is that it has not handled. From a program that declares it, in which version
    /// and with which events is known.
    pub(super) async fn add_lag<S: FollowerStore>(
        &self,
        store: &S,
        declared: Option<(u32, &Filter)>,
        status: &mut FollowerStatus,
    ) -> Result<(), StoreError> {
        let filter = declared.map_or_else(Filter::any, |(_, filter)| filter.clone());
        let read = ReadAll::after(status.position).up_to(self.head).with_filter(filter);
        let next = store.read_all(read.with_limit(1)).try_next().await?;
        if let Some(next) = next {
            let age = self.books.now.signed_duration_since(next.recorded_at);
            status.lag.time = age.to_std().unwrap_or_default();
        } else {
            status.lag = Lag::default();
            status.eta = None;
        }
        if status.state == State::Following && status.lag.time >= MOMENT {
            status.state = State::CatchingUp;
        }
        let by = status.version;
        let builds = self.follower.shadow.as_ref().map(|shadow| shadow.version);
        if declared.is_some_and(|(version, _)| version != by && builds != Some(version)) {
            status.state = State::Superseded { by };
        }
        Ok(())
    }

    /// How the rebuild gets on, if there is one.
    pub(super) fn progress(&self) -> Option<Progress> {
        let shadow = self.follower.shadow.as_ref()?;
        let positions = shadow.parts.iter().map(|part| self.position(part).get());
        let parts = u64::try_from(shadow.parts.len()).unwrap_or(1).max(1);
        let position = positions.fold(0, u64::saturating_add) / parts;
        let (rate, left) = (self.rate(shadow), self.head.get().saturating_sub(position));
        Some(Progress {
            build: shadow.id,
            version: shadow.version,
            state: self.progress_state(shadow, left),
            position: Position::new(position),
            head: self.head,
            rate,
            eta: eta(left, rate),
            parked: shadow.parked,
            owners: self.owners(shadow),
        })
    }

    fn state(&self) -> State {
        let live = &self.follower.live;
        if live.parts.iter().any(|part| part.stopped.is_some()) {
            State::Stopped
        } else if self.follower.is_paused {
            State::Paused
        } else if live.parts.iter().any(|part| !part.owner_is_alive) {
            State::Waiting
        } else if let Some(reason) = self.reports(live).find_map(|said| said.interrupted.clone()) {
            State::Interrupted { reason }
        } else {
            State::Following
        }
    }

    fn progress_state(&self, shadow: &Build, left: u64) -> ProgressState {
        let held_by = self.reports(shadow).find_map(|said| said.held_by.clone());
        if let Some(failure) = shadow.parts.iter().find_map(|part| part.stopped.clone()) {
            ProgressState::Failed(Box::new(failure))
        } else if self.follower.is_paused {
            ProgressState::Paused
        } else if shadow.parts.iter().any(|part| !part.owner_is_alive) {
            ProgressState::Waiting
        } else if let Some(by) = held_by {
            ProgressState::Held { by }
        } else if shadow.is_held_back() && left <= NEAR {
            ProgressState::Ready
        } else if left > 0 {
            ProgressState::Rebuilding
        } else {
            ProgressState::CaughtUp
        }
    }

    fn part(&self, part: &PartState) -> PartStatus {
        let said = self.said(part);
        let busy = said.and_then(|said| said.busy_since);
        PartStatus {
            part: part.id.part,
            position: self.position(part),
            events: part.events,
            owner: self.owner(part),
            busy_for: busy.map(|at| (self.books.now - at).to_std().unwrap_or_default()),
            stopped: part.stopped.clone(),
        }
    }

    fn position(&self, part: &PartState) -> Position {
        self.said(part).map_or(part.position, |said| said.seen.max(part.position))
    }

    fn rate(&self, build: &Build) -> f64 {
        // A sum of nothing is -0, which would be shown.
        self.reports(build).map(|said| said.rate).fold(0.0, |sum, rate| sum + rate)
    }

    fn reports<'a>(&'a self, build: &'a Build) -> impl Iterator<Item = &'a PartReport> {
        build.parts.iter().filter_map(|part| self.said(part))
    }

    /// What the part's owner says about it.
    fn said(&self, part: &PartState) -> Option<&PartReport> {
        let reports = &self.member(part.owner?)?.report.parts;
        reports.iter().find(|said| said.part == part.id && said.fence == part.fence)
    }

    fn member(&self, id: MemberId) -> Option<&super::Member> {
        self.books.members.iter().find(|member| member.id == id)
    }

    fn owner(&self, part: &PartState) -> Option<String> {
        let owner = part.owner.filter(|_| part.owner_is_alive)?;
        self.member(owner).map(|member| member.name.clone())
    }

    fn owners(&self, build: &Build) -> Vec<String> {
        let mut owners: Vec<_> = build.parts.iter().filter_map(|part| self.owner(part)).collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn eta(left: u64, rate: f64) -> Option<Duration> {
    if left == 0 || rate < 0.1 {
        return None;
    }
    Duration::try_from_secs_f64(left as f64 / rate).ok()
}
