//! The end of a round: everything is thawed, writers end, followers catch up, and all is checked.

use std::time::{Duration, Instant};

use annals::{EventStore, FollowerStoreExt, PostgresStore};
use sqlx::Row;
use tokio::time::sleep;

use super::{Round, inflict::CHANGES};
use crate::{
    Trouble,
    checker::{Finding, Law, check},
    follower::NAMES,
    job::Role,
    process::Process,
};

/// For how long nobody may get on, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(150);

impl Round<'_> {
    pub(super) async fn end(&mut self) -> Result<(), Trouble> {
        self.carry_out_all().await?;
        self.look().await;
        for change in CHANGES {
            self.meddle(change).await;
        }
        self.place.proxy.open();
        self.place.proxy.hang_up();
        self.end_all(Role::Writer).await?;
        if !self.has_caught_up().await? {
            self.hangs("followers do not get on").await?;
        }
        self.end_all(Role::Reader).await?;
        self.end_all(Role::Follower).await?;
        let evidence = self.collect().await?;
        let checked = check(&evidence);
        self.summary.add(&evidence, &checked);
        self.findings.extend(checked.findings);
        self.ask(
            &format!(
                "DROP SCHEMA \"{0}\", \"{0}_read\", \"{0}_build\", \"{0}_swap\" CASCADE",
                self.schema
            ),
            |_| Ok(()),
        )
        .await?;
        Ok(())
    }

    async fn end_all(&mut self, role: Role) -> Result<(), Trouble> {
        let is_it = |process: &mut Process| process.job.role == role;
        let mut ending: Vec<_> = self.processes.extract_if(.., is_it).collect();
        ending.iter_mut().for_each(Process::tell_to_end);
        for process in &mut ending {
            match process.ends_within(PATIENCE).await {
                Ok(true) => {}
                Ok(false) => self.hangs(&format!("{} does not end", process.job.name())).await?,
                Err(ended) => self.finds(Law::Hangs, ended.to_string()),
            }
        }
        Ok(())
    }

    /// Waits until all followers have handled everything; false if they do not get on.
    async fn has_caught_up(&mut self) -> Result<bool, Trouble> {
        let store = PostgresStore::builder().with_schema(&self.schema);
        let store = store.connect(&self.place.server.url()).await?;
        let (mut before, mut since) = (Vec::new(), Instant::now());
        while since.elapsed() < PATIENCE {
            let head = store.head().await?;
            let mut positions = Vec::new();
            for name in NAMES {
                // It may not have been declared yet.
                positions.extend(store.follower(name).status().await.map(|status| status.position));
            }
            let are_at_end = positions.iter().all(|position| *position >= head);
            // A reactor adds to what there is.
            if positions.len() == NAMES.len() && are_at_end && store.head().await? == head {
                store.shutdown().await;
                store.pool().close().await;
                return Ok(true);
            }
            if positions != before {
                (before, since) = (positions, Instant::now());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(false)
    }

    /// Nobody gets on: that is a finding, and it says what everyone waits for.
    async fn hangs(&mut self, what: &str) -> Result<(), Trouble> {
        let sessions = "SELECT format('%s %s: %s, %s/%s, blocked by %s: %s', pid, application_name, state, wait_event_type,
                                      wait_event, pg_blocking_pids(pid), left(query, 200))
                        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let mut lines: Vec<String> = self.ask(sessions, |row| row.try_get(0)).await?;
        let schema = &self.schema;
        let parts = format!(
            "SELECT format('%s: %s', b.follower, to_json(p)) FROM \"{schema}\".parts p JOIN \"{schema}\".builds b USING (build)
             UNION ALL SELECT format('%s', to_json(f)) FROM \"{schema}\".failures f
             UNION ALL SELECT format('%s', to_json(m)) FROM \"{schema}\".members m"
        );
        lines.extend(self.ask(&parts, |row| row.try_get::<String, _>(0)).await?);
        let what = format!("{what} for {PATIENCE:?}:\n  {}", lines.join("\n  "));
        self.findings.push(Finding { law: Law::Hangs, what });
        Ok(())
    }
}
