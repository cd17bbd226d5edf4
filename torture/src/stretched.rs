//! A store that takes its time between what a follower has read and the step that it commits, so that what is killed and
//! frozen meets it there; and the place for what can be done wrong about steps.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use annals::{
    EventStore, FollowerStore, Position, PostgresStore, StoreError,
    followers::{Claim, MemberId, Note, PartId, Step, StepError, Work},
    forward,
};
use async_trait::async_trait;
use fastrand::Rng;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::sleep;

use crate::{breaks::Break, job::Job, record::Moment};

/// The longest pause before a step, and before one step in eight.
const PAUSE: u64 = 40;
const LONG_PAUSE: u64 = 300;

#[derive(Clone)]
pub(crate) struct Stretched {
    store: PostgresStore,
    name: String,
    random: Arc<Mutex<Rng>>,
    broken: Option<Break>,
}

impl Stretched {
    pub(crate) fn new(store: PostgresStore, job: &Job) -> Self {
        let random = Arc::new(Mutex::new(Rng::with_seed(job.seed)));
        Self { store, name: job.name(), random, broken: job.broken }
    }

    async fn pause(&self) {
        let pause = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            let longest = if random.u8(..8) == 0 { LONG_PAUSE } else { PAUSE };
            random.u64(..longest)
        };
        sleep(Duration::from_millis(pause)).await;
    }

    /// What was done with the books, for whoever looks for the reason of a finding.
    fn say(&self, what: &str, outcome: &dyn std::fmt::Debug) {
        eprintln!("{} {}: {what}: {outcome:?}", Moment::now().0 / 1_000_000, self.name);
    }

    async fn commit_or_break(&self, mut step: Step<'_, PgConnection>) -> Result<(), StepError> {
        let work = step.work.take();
        let work = work.map(|work| -> &mut dyn Work<PgConnection> { work });
        let Step { claim, from, to, events, rows, park, settle, limits, .. } = step;
        match self.broken {
            Some(Break::CheckpointOutsideTransaction) => {
                let moved = Step {
                    claim,
                    from,
                    to,
                    events,
                    rows: None,
                    work: None,
                    park: &[],
                    settle: &[],
                    limits,
                };
                self.store.commit(moved).await?;
                self.pause().await;
                let done =
                    Step { claim, from: to, to, events: 0, rows, work, park, settle, limits };
                self.store.commit(done).await
            }
            Some(Break::FenceNotChecked) => {
                let (claim, from) =
                    self.forged(claim).await.unwrap_or_else(|| (claim.clone(), from));
                let (claim, to) = (&claim, to.max(from));
                let step = Step { claim, from, to, events, rows, work, park, settle, limits };
                self.store.commit(step).await
            }
            _ => {
                let step = Step { claim, from, to, events, rows, work, park, settle, limits };
                self.store.commit(step).await
            }
        }
    }

    /// The same claim with the fence that is in the books, and where the checkpoint is there.
    async fn forged(&self, claim: &Claim) -> Option<(Claim, Position)> {
        let schema = self.store.schema();
        let sql = format!(
            "SELECT fence, position FROM \"{schema}\".parts WHERE build = $1 AND part = $2"
        );
        let query = sqlx::query_as::<_, (i64, i64)>(AssertSqlSafe(sql));
        let query =
            query.bind(claim.part.build.get().cast_signed()).bind(i32::from(claim.part.part));
        let (fence, position) = query.fetch_one(self.store.pool()).await.ok()?;
        let claim = Claim { fence: fence.unsigned_abs(), ..claim.clone() };
        Some((claim, Position::new(position.unsigned_abs())))
    }
}

impl EventStore for Stretched {
    forward!(self => self.store; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl FollowerStore for Stretched {
    type Connection = PgConnection;

    forward!(
        self => self.store;
        declare, books, command, failures, parked, make, swap, compare, rows,
    );

    async fn commit(&self, step: Step<'_, PgConnection>) -> Result<(), StepError> {
        self.pause().await;
        let what =
            format!("step {:?} {}..{} of {} events", step.claim, step.from, step.to, step.events);
        let outcome = self.commit_or_break(step).await;
        self.say(&what, &outcome);
        outcome
    }

    async fn claim(&self, member: MemberId, parts: &[PartId]) -> Result<Vec<Claim>, StoreError> {
        let claims = self.store.claim(member, parts).await;
        self.say(&format!("claim {parts:?}"), &claims);
        claims
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), StoreError> {
        let outcome = self.store.release(claims).await;
        self.say(&format!("release {claims:?}"), &outcome);
        outcome
    }

    async fn note(&self, claim: &Claim, note: &Note) -> Result<(), StepError> {
        let outcome = self.store.note(claim, note).await;
        self.say(&format!("note {claim:?} {note:?}"), &outcome);
        outcome
    }
}
