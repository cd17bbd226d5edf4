//! Faults, carried out.

use std::time::Duration;

use annals::{FollowerStoreExt, PostgresStore};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Row, postgres::PgRow};
use tokio::{task::block_in_place, time::sleep};

use super::{Later, Round};
use crate::{
    Trouble,
    checker::{Finding, Law},
    faults::Fault,
    follower::LEASE,
    job::Role,
    process::{Process, signal},
    views::Views,
};

/// A frozen process loses its parts, or does not.
const FROZEN: Duration = LEASE.saturating_mul(3);
/// Another process has its parts, and is at work.
const BEYOND_LEASE: Duration = LEASE.saturating_mul(2);
/// Of what belongs to the server.
const STUCK: Duration = Duration::from_millis(800);
const SLOW: Duration = Duration::from_secs(3);
/// In microseconds, as Postgres has it.
const COMMIT_DELAY: u32 = 50_000;

/// What must be refused.
pub(super) const CHANGES: [&str; 4] = [
    "UPDATE {schema}.events SET payload = '{}' WHERE position = (SELECT max(position) FROM {schema}.events)",
    "DELETE FROM {schema}.events WHERE position = (SELECT max(position) FROM {schema}.events)",
    "TRUNCATE {schema}.events",
    "INSERT INTO {schema}.events SELECT * FROM {schema}.events LIMIT 1",
];

impl Round<'_> {
    pub(super) async fn inflict(&mut self, fault: Fault) -> Result<(), Trouble> {
        match fault {
            Fault::KillProcess => {
                let role = self.role();
                let Some(victim) = self.victim(role) else { return Ok(()) };
                let process = self.processes.swap_remove(victim);
                let seed = self.random.u64(..);
                *self.summary.killed.entry(process.job.role).or_default() += 1;
                match process.kill(seed).await {
                    Ok(process) => self.processes.push(process),
                    Err(ended) => self.finds(Law::Hangs, ended.to_string()),
                }
            }
            Fault::FreezeProcess => {
                let (role, time) = (self.role(), self.up_to(FROZEN));
                self.freeze_one(role, time);
            }
            Fault::FreezeOwner => self.freeze_one(Role::Follower, BEYOND_LEASE),
            Fault::KillServer => {
                block_in_place(|| self.place.server.kill())?;
                let down = Duration::from_millis(self.random.u64(..1_500));
                sleep(down).await;
                self.restart()?;
            }
            Fault::RestartServer => {
                // What is frozen would not hear that it shall stop.
                self.carry_out_all().await?;
                self.restart()?;
            }
            Fault::FreezeSession => {
                let session = "SELECT pid FROM pg_stat_activity
                               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
                let session = self.ask(session, |row| row.try_get(0)).await?;
                let time = self.up_to(STUCK);
                self.freeze(session.first().copied(), time);
            }
            Fault::FreezeWriteback => {
                let process = "SELECT pid FROM pg_stat_activity
                               WHERE backend_type IN ('walwriter', 'checkpointer', 'background writer') ORDER BY random() LIMIT 1";
                let process = self.ask(process, |row| row.try_get(0)).await?;
                let time = self.up_to(STUCK);
                self.freeze(process.first().copied(), time);
            }
            Fault::SlowCommits => {
                self.set_commit_delay(COMMIT_DELAY).await?;
                self.do_later(SLOW, Later::FastCommits);
            }
            Fault::CutAll => self.place.proxy.cut_all(),
            Fault::CutAppend(cut) => {
                // Nothing but the arguments of an append has this in it.
                self.place.proxy.trap("\"tag\":", cut, self.random.usize(1..=3));
                self.do_later(FROZEN, Later::HangUp);
            }
            Fault::MoveLeases => {
                let seconds = self.random.i64(-20..=2);
                let schema = &self.schema;
                let sql = format!(
                    "UPDATE \"{schema}\".members SET until = until + {seconds} * interval '1 s'"
                );
                self.ask(&sql, |_| Ok(())).await?;
            }
            Fault::Rebuild => self.rebuild().await?,
            Fault::Meddle => {
                if let Some(change) = self.random.choice(CHANGES) {
                    self.meddle(change).await;
                }
            }
            Fault::Look => self.look().await,
        }
        Ok(())
    }

    pub(super) async fn carry_out(&mut self, later: Later) -> Result<(), Trouble> {
        match later {
            Later::HangUp => {
                self.summary.cuts += self.place.proxy.open() as u64;
                self.place.proxy.hang_up();
            }
            Later::FastCommits => self.set_commit_delay(0).await?,
        }
        Ok(())
    }

    /// All that was to be done later.
    pub(super) async fn carry_out_all(&mut self) -> Result<(), Trouble> {
        for pid in self.frozen.drain(..) {
            signal(pid, Signal::CONT);
        }
        while let Some((_, later)) = self.later.pop() {
            self.carry_out(later).await?;
        }
        Ok(())
    }

    /// Drawn before the process, so that roles with few are met as well.
    fn role(&mut self) -> Role {
        match self.random.u8(..10) {
            ..4 => Role::Writer,
            4..9 => Role::Follower,
            _ => Role::Reader,
        }
    }

    fn victim(&mut self, role: Role) -> Option<usize> {
        let are = (0..).zip(&self.processes).filter(|(_, process)| process.job.role == role);
        let are: Vec<usize> = are.map(|(nth, _)| nth).collect();
        self.random.choice(are)
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.f64())
    }

    fn freeze_one(&mut self, role: Role, time: Duration) {
        let victim = self.victim(role).and_then(|victim| self.processes.get(victim));
        self.freeze(victim.and_then(Process::pid), time);
    }

    fn freeze(&mut self, pid: Option<i32>, time: Duration) {
        let Some(pid) = pid else { return };
        signal(pid, Signal::STOP);
        self.frozen.push(pid);
        tokio::spawn(async move {
            sleep(time).await;
            signal(pid, Signal::CONT);
        });
    }

    fn restart(&mut self) -> Result<(), Trouble> {
        Ok(block_in_place(|| self.place.server.restart())?)
    }

    async fn set_commit_delay(&mut self, microseconds: u32) -> Result<(), Trouble> {
        let settings = [
            "ALTER SYSTEM SET commit_siblings = 0".to_owned(),
            format!("ALTER SYSTEM SET commit_delay = {microseconds}"),
            "SELECT pg_reload_conf()".to_owned(),
        ];
        for sql in &settings {
            self.ask(sql, |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Has one of the followers that have tables built anew. It may be refused, while another rebuild is under way.
    async fn rebuild(&mut self) -> Result<(), Trouble> {
        let store = PostgresStore::builder().with_schema(&self.schema);
        let store = store.connect(&self.place.server.url()).await?;
        if let Some(follower) = self.random.choice(["balances", "volumes", "ledger"]) {
            drop(store.follower(follower).rebuild().await);
        }
        store.pool().close().await;
        Ok(())
    }

    pub(super) async fn look(&mut self) {
        // A session from before the last kill says so once.
        let views = Views::read(&self.place.pool, &self.schema).await;
        self.views.extend(views.ok());
    }

    pub(super) fn finds(&mut self, law: Law, what: String) {
        self.findings.push(Finding { law, what });
    }

    /// I4: the database refuses, and says so by a code.
    pub(super) async fn meddle(&mut self, change: &str) {
        let change = change.replace("{schema}", &format!("\"{}\"", self.schema));
        // What is not refused is not to come to pass, either, so that a run goes on and finds nothing else.
        let mut transaction = match self.place.pool.begin().await {
            Ok(transaction) => transaction,
            Err(_) => return,
        };
        // Who waits for a lock on the table keeps everybody else from it.
        let impatient = format!("SET LOCAL lock_timeout = '200ms'; {change}");
        let outcome = sqlx::raw_sql(AssertSqlSafe(impatient)).execute(&mut *transaction).await;
        drop(transaction.rollback().await);
        match outcome {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
                self.summary.checks += 1;
            }
            Ok(_) => self.finds(Law::I4, format!("the database has done this: {change}")),
            Err(_) => {} // a session from before the last kill, or a lock that was not to be had
        }
    }

    /// Asks the server past the proxy, again if the session was one from before a kill.
    pub(super) async fn ask<T: Send + Unpin>(
        &self,
        sql: &str,
        row: impl Fn(PgRow) -> Result<T, sqlx::Error> + Clone + Send,
    ) -> Result<Vec<T>, Trouble> {
        let mut tries = 0;
        loop {
            let query =
                sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&self.place.pool).await;
            match query {
                Ok(rows) => return Ok(rows.into_iter().map(row).collect::<Result<_, _>>()?),
                Err(error) if tries == 20 => return Err(error.into()),
                Err(_) => tries += 1,
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
