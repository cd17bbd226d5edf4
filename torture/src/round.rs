//! One round: a schema of its own, processes that work on it, faults, an end, and what is held against the log.

mod collect;
mod ending;
mod inflict;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use annals::PostgresStore;
use annals_test_server::{Proxy, Server};
use fastrand::Rng;
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    Trouble,
    breaks::Break,
    checker::Finding,
    faults::Fault,
    guard::Guard,
    job::{Job, Role},
    process::Process,
    summary::Summary,
    views::Views,
};

const READERS: u64 = 1;
const FOLLOWERS: u64 = 2;

/// What all rounds of a run share.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) guard: Guard,
    /// Past the proxy.
    pub(crate) pool: PgPool,
    pub(crate) writers: u64,
    pub(crate) broken: Option<Break>,
}

/// What is to be done in a while.
enum Later {
    HangUp,
    FastCommits,
}

pub(crate) struct Round<'a> {
    place: &'a mut Place,
    schema: String,
    folder: PathBuf,
    random: Rng,
    processes: Vec<Process>,
    later: Vec<(Instant, Later)>,
    /// The processes that were frozen. Each is thawed by a task of its own, since this one may come to wait for them.
    frozen: Vec<i32>,
    views: Vec<Views>,
    findings: Vec<Finding>,
    summary: Summary,
}

impl<'a> Round<'a> {
    /// Tortures for `time`, and checks. Everything is written to `folder`.
    pub(crate) async fn run(
        place: &'a mut Place,
        seed: u64,
        time: Duration,
        folder: PathBuf,
    ) -> Result<(Summary, Vec<Finding>), Trouble> {
        let schema = format!("torture_{seed:x}");
        // The pool may hold sessions from before the last kill.
        let store =
            PostgresStore::builder().with_schema(&schema).connect(&place.server.url()).await?;
        store.migrate().await?;
        if let Some(broken) = place.broken {
            broken.apply(store.pool(), &schema).await?;
        }
        store.shutdown().await;
        store.pool().close().await;
        let mut round = Self {
            place,
            schema,
            folder,
            random: Rng::with_seed(seed),
            processes: Vec::new(),
            later: Vec::new(),
            frozen: Vec::new(),
            views: Vec::new(),
            findings: Vec::new(),
            summary: Summary::default(),
        };
        round.start()?;
        let end = Instant::now() + time;
        while Instant::now() < end && round.findings.is_empty() {
            let pause = Duration::from_millis(round.random.u64(50..1_200));
            round.wait(pause).await?;
            let drawn = Fault::draw(&mut round.random);
            let wanted = round.place.broken.map_or(&[][..], Break::shows_by);
            let wanted = round.random.choice(wanted).filter(|_| round.random.u8(..2) == 0);
            let fault = wanted.copied().unwrap_or(drawn);
            *round.summary.faults.entry(fault).or_default() += 1;
            round.inflict(fault).await?;
        }
        round.end().await?;
        Ok((round.summary, round.findings))
    }

    fn start(&mut self) -> Result<(), Trouble> {
        let roles = [
            (Role::Writer, self.place.writers),
            (Role::Reader, READERS),
            (Role::Follower, FOLLOWERS),
        ];
        for (role, processes) in roles {
            for number in 0..processes {
                let job = Job {
                    role,
                    number,
                    life: 0,
                    url: self.place.proxy.url(),
                    schema: self.schema.clone(),
                    folder: self.folder.clone(),
                    seed: self.random.u64(..),
                    broken: self.place.broken,
                };
                self.processes.push(Process::start(job, self.place.guard.group())?);
            }
        }
        Ok(())
    }

    /// Waits, and does what is due meanwhile.
    async fn wait(&mut self, pause: Duration) -> Result<(), Trouble> {
        let end = Instant::now() + pause;
        loop {
            let now = Instant::now();
            let due = self.later.iter().position(|(at, _)| *at <= now);
            if let Some(due) = due {
                let (_, later) = self.later.swap_remove(due);
                self.carry_out(later).await?;
                continue;
            }
            if now >= end {
                return Ok(());
            }
            let next = self.later.iter().map(|(at, _)| *at).min().unwrap_or(end).min(end);
            sleep(next - now).await;
        }
    }

    fn do_later(&mut self, longest: Duration, later: Later) {
        let after = longest.mul_f64(self.random.f64());
        self.later.push((Instant::now() + after, later));
    }
}
