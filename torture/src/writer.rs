//! A process that writes, in all ways there are, and does what a careful sender does: it sends again what it does not know the
//! outcome of, with the same ids.

mod ask;
mod task;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use annals::{PostgresStore, Repository};
use fastrand::Rng;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{sync::watch, task::JoinSet};

use self::task::Task;
use crate::{
    Trouble,
    clock::JumpingClock,
    domain::Account,
    job::Job,
    record::{Answer, Line, Moment, Recorder, Request, lines},
};

/// Each does one thing at a time.
const TASKS: u64 = 6;
/// How often in ten a process that is started again settles what its life before has left open.
const SETTLES: u8 = 7;

/// What the tasks of a process share.
struct Writer {
    store: PostgresStore,
    pool: PgPool,
    accounts: Repository<Account>,
    clock: Arc<JumpingClock>,
    recorder: Recorder,
    attempts: AtomicU64,
}

pub(crate) async fn run(job: Job, is_over: watch::Receiver<bool>) -> Result<(), Trouble> {
    let mut random = Rng::with_seed(job.seed);
    let retry_for = Duration::from_millis(random.u64(200..3_000));
    let builder = job.builder().with_retry_for(retry_for).with_max_connections(10);
    let Some(store) = job.open(builder, &is_over).await else { return Ok(()) };
    let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(3));
    let pool = pool.connect_lazy(&job.url)?;
    let clock = Arc::new(JumpingClock::new());
    let accounts = Repository::new(store.clone());
    let accounts = accounts.with_clock(Arc::clone(&clock)).with_ids(Arc::clone(&clock));
    let recorder = Recorder::create(&job.record())?;
    let attempts = AtomicU64::new(0);
    let writer = Arc::new(Writer { store, pool, accounts, clock, recorder, attempts });

    let mut tasks = JoinSet::new();
    let left = job.record_before().filter(|path| path.exists()).map(|path| lines(&path));
    let mut left = left_open(left.transpose()?.unwrap_or_default());
    left.retain(|_| random.u8(..10) < SETTLES);
    let settling = Task::new(Arc::clone(&writer), random.fork(), format!("{}-l", job.name()));
    tasks.spawn(settling.settle(left));
    for number in 0..TASKS {
        let own = format!("{}-{number}", job.name());
        let task = Task::new(Arc::clone(&writer), random.fork(), own);
        tasks.spawn(task.run(is_over.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    writer.store.shutdown().await;
    Ok(())
}

/// What can be sent again and whose last try has no answer.
fn left_open(lines: Vec<Line>) -> Vec<Request> {
    let mut open = HashMap::new();
    for line in lines {
        match line {
            Line::Sent { attempt, request, .. } => {
                open.insert(attempt, request);
            }
            Line::Answered { attempt, answer, .. } if !answer.is_open() => {
                open.remove(&attempt);
            }
            Line::Answered { .. } => {}
        }
    }
    let mut open: Vec<_> = open.into_values().filter(Request::can_come_again).collect();
    open.sort_by_key(Request::tag);
    open.dedup_by_key(|request| request.tag());
    open
}

impl Writer {
    /// Asks for it once, and writes down before that it does, and after that what it was told.
    async fn attempt(&self, request: &Request) -> Result<Answer, Trouble> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let (at, request) = (Moment::now(), request.clone());
        self.recorder.write(&Line::Sent { attempt, at, request: request.clone() })?;
        let answer = self.ask(&request).await?;
        let at = Moment::now();
        self.recorder.write(&Line::Answered { attempt, at, answer: answer.clone() })?;
        Ok(answer)
    }
}
