//! When a shadow is to take the place of the live build, or to be compared with it: attempts beside the
//! runners, which must go on meanwhile, or a swap would wait for itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{
    Books, Build, BuildId, Command, CommandRefused, Compared, FollowerBooks, FollowerStore,
    Outcome, PartId, Swap, Verify,
    member::{Member, seen},
};
use crate::{StoreError, report::report};

/// A shadow that is further behind need not try. The log grows while it is built, so it is hardly ever at its very end.
pub(super) const NEAR: u64 = 10_000;
/// How long the live build holds still for one attempt.
const PATIENCE: Duration = Duration::from_secs(1);

/// The attempts for the shadows whose first part runs here.
#[derive(Default)]
pub(super) struct Attempts(BTreeMap<BuildId, Attempt>);

struct Attempt {
    task: Option<JoinHandle<Attempted>>,
    not_before: Instant,
    held_by: Option<String>,
}

/// What came of an attempt.
enum Attempted {
    /// The books tell how it ended.
    Done,
    /// To be tried again after this pause.
    Again(Duration),
    Held(String),
    Refused(String),
}

impl Attempts {
    /// Looks after attempts that have ended, and begins those that are due. Answers which shadows are refused,
    /// with the reason.
    pub(super) async fn attend<S: FollowerStore>(
        &mut self,
        member: &Arc<Member<S>>,
        books: &Books,
        is_at_end: impl Fn(PartId) -> bool,
        stop: &watch::Receiver<bool>,
    ) -> Vec<(PartId, String)> {
        let mut refused = Vec::new();
        for (build, attempt) in &mut self.0 {
            let Some(task) = attempt.task.take_if(|task| task.is_finished()) else { continue };
            let (pause, held_by) =
                match task.await.unwrap_or_else(|panic| Attempted::Held(panic.to_string())) {
                    Attempted::Done => (PATIENCE, None),
                    Attempted::Again(pause) => (pause, None),
                    Attempted::Held(by) => (Duration::from_millis(200), Some(by)),
                    Attempted::Refused(reason) => {
                        refused.push((PartId { build: *build, part: 0 }, reason));
                        (PATIENCE, None)
                    }
                };
            (attempt.not_before, attempt.held_by) = (Instant::now() + pause, held_by);
        }
        let mut shadows = Vec::new();
        for follower in &books.followers {
            let Some(shadow) = &follower.shadow else { continue };
            if is_at_end(PartId { build: shadow.id, part: 0 }) {
                shadows.push(shadow.id);
                self.begin(member, books, follower, shadow, stop);
            }
        }
        self.0.retain(|build, attempt| attempt.task.is_some() || shadows.contains(build));
        refused
    }

    fn begin<S: FollowerStore>(
        &mut self,
        member: &Arc<Member<S>>,
        books: &Books,
        follower: &FollowerBooks,
        shadow: &Build,
        stop: &watch::Receiver<bool>,
    ) {
        let now = Instant::now();
        let attempt = self.0.entry(shadow.id).or_insert_with(|| Attempt {
            task: None,
            not_before: now,
            held_by: None,
        });
        if attempt.task.is_some() || attempt.not_before > now || !is_due(books, follower, shadow) {
            return;
        }
        let (member, mut stop) = (Arc::clone(member), stop.clone());
        let (name, id, verify) = (follower.name.clone(), shadow.id, shadow.verify);
        attempt.task = Some(tokio::spawn(async move {
            let attempted = tokio::select! {
                attempted = attempt_once(&member.store, &name, id, verify) => attempted,
                _ = stop.wait_for(|stop| *stop) => return Attempted::Done,
            };
            member.nudge.notify_one();
            attempted.unwrap_or_else(|error| Attempted::Held(report(&error)))
        }));
    }

    /// Who keeps the swap of the part's build waiting.
    pub(super) fn held_by(&self, part: PartId) -> Option<String> {
        let attempt = self.0.get(&part.build).filter(|_| part.part == 0);
        attempt.and_then(|attempt| attempt.held_by.clone())
    }

    /// Whether one is under way, so that a shadow that is compared must learn quickly where the live build is.
    pub(super) fn are_under_way(&self) -> bool {
        self.builds().next().is_some()
    }

    /// The builds that one is under way for.
    pub(super) fn builds(&self) -> impl Iterator<Item = BuildId> {
        let under_way = self.0.iter().filter(|(_, attempt)| attempt.task.is_some());
        under_way.map(|(build, _)| *build)
    }

    /// When the next one that was put off is due.
    pub(super) fn next(&self) -> Option<Instant> {
        // One whose time has come waits for the books to change, as the beats tell.
        let now = Instant::now();
        let waiting = self.0.values().filter(|attempt| attempt.task.is_none());
        waiting.map(|attempt| attempt.not_before).filter(|at| *at > now).min()
    }

    /// Waits for those under way, which have been told to stop.
    pub(super) async fn end(&mut self) {
        for attempt in self.0.values_mut() {
            if let Some(task) = attempt.task.take() {
                let _stopped = task.await;
            }
        }
    }
}

fn is_due(books: &Books, follower: &FollowerBooks, shadow: &Build) -> bool {
    let at = |build: &Build| {
        let parts = build.parts.iter().map(|part| part.position.max(seen(books, part)).get());
        parts.collect::<Vec<_>>()
    };
    let behind = at(&follower.live).into_iter().max().unwrap_or_default();
    let behind = behind.saturating_sub(at(shadow).into_iter().min().unwrap_or_default());
    shadow.is_made
        && behind <= NEAR
        && !shadow.is_held_back()
        && !follower.is_paused
        && shadow.parts.iter().all(|part| part.stopped.is_none())
}

async fn attempt_once<S: FollowerStore>(
    store: &S,
    name: &str,
    shadow: BuildId,
    verify: Option<Verify>,
) -> Result<Attempted, StoreError> {
    if let Some(verify) = verify {
        let differences = match store.compare(shadow, PATIENCE).await? {
            Compared::At(differences) => differences,
            Compared::Gone => return Ok(Attempted::Done),
            Compared::Behind => return Ok(Attempted::Again(Duration::from_millis(100))),
        };
        if verify == Verify::Report || !differences.is_empty() {
            let outcome = Outcome::Compared(differences);
            let end = Command::EndRebuild { build: Some(shadow), outcome };
            return match store.command(name, &end).await {
                // Somebody else has ended it.
                Ok(()) | Err(CommandRefused::NoRebuild { .. }) => Ok(Attempted::Done),
                Err(CommandRefused::Store(error)) => Err(error),
                Err(_) => Ok(Attempted::Again(PATIENCE)),
            };
        }
    }
    Ok(match store.swap(shadow, PATIENCE).await? {
        Swap::Swapped | Swap::Gone => Attempted::Done,
        Swap::Behind => Attempted::Again(Duration::from_millis(100)),
        Swap::Held { by } => Attempted::Held(by),
        Swap::Parked { .. } => Attempted::Again(PATIENCE),
        Swap::Refused(dependents) => {
            let dependents: Vec<_> = dependents.iter().map(ToString::to_string).collect();
            Attempted::Refused(format!("it cannot be swapped: {}", dependents.join(", ")))
        }
    })
}
