//! A process that runs followers of all kinds.

use std::{num::NonZeroU16, time::Duration};

use annals::{
    Batch, Followers, HandlerError, Options, PostgresStore, Projection, Reaction, Reactor,
    ReadModel, Recorded, Repository, Start,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::{sync::watch, time::sleep};

use crate::{
    Trouble,
    breaks::Break,
    domain::{Letters, Moved, Ordered, Tally, position},
    job::{Job, record},
    record::{Met, Recorder},
    stretched::Stretched,
};

/// So short that a frozen process loses its parts while others still wait for it to thaw.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
const PARTS: NonZeroU16 = match NonZeroU16::new(2) {
    Some(parts) => parts,
    None => NonZeroU16::MIN,
};
/// Into how many rows [`Volume`] gathers all events.
const VOLUMES: i64 = 13;

pub(crate) const NAMES: [&str; 4] = ["balances", "volumes", "ledger", "write_letters"];
/// The file that all reactors write to.
pub(crate) const MET: &str = "met";

/// Each account, in one part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Balance(pub(crate) Tally);

impl ReadModel for Balance {
    const NAME: &'static str = "balances";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        [recorded.stream.entity_id().to_owned()]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<Moved>) {
        self.0.take(recorded);
    }
}

/// Each row gathers from all accounts; divided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Volume(pub(crate) Tally);

/// In which row of [`Volume`] it is counted.
pub(crate) fn volume(cents: i64) -> String {
    cents.rem_euclid(VOLUMES).to_string()
}

impl ReadModel for Volume {
    const NAME: &'static str = "volumes";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        [volume(recorded.event.cents())]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<Moved>) {
        self.0.take(recorded);
    }

    fn options() -> Options {
        Options::new().with_partitions(PARTS)
    }
}

/// Running sums in a table of its own.
struct Ledger;

#[async_trait]
impl Projection<PgConnection> for Ledger {
    const NAME: &'static str = "ledger";
    type Event = Moved;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let table = "CREATE TABLE ledger (account text PRIMARY KEY, events bigint NOT NULL, cents bigint NOT NULL,
                                          first bigint NOT NULL, last bigint NOT NULL, disorder bigint NOT NULL DEFAULT 0)";
        sqlx::raw_sql(table).execute(db).await?;
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<Moved>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        self.handle_batch(&Batch::new(std::slice::from_ref(recorded)), db).await
    }

    async fn handle_batch(
        &self,
        batch: &Batch<'_, Moved>,
        db: &mut PgConnection,
    ) -> Result<(), HandlerError> {
        let accounts: Vec<_> = batch.iter().map(|event| event.stream.entity_id()).collect();
        let positions: Vec<_> = batch.iter().map(position).collect();
        let cents: Vec<_> = batch.iter().map(|event| event.event.cents()).collect();
        let add = "INSERT INTO ledger AS l (account, events, cents, first, last)
                   SELECT account, count(*), sum(cents), min(position), max(position)
                   FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS e (account, position, cents) GROUP BY account
                   ON CONFLICT (account) DO UPDATE SET events = l.events + excluded.events, cents = l.cents + excluded.cents,
                       last = excluded.last, disorder = l.disorder + (excluded.first <= l.last)::integer";
        sqlx::query(add).bind(&accounts).bind(&positions).bind(&cents).execute(db).await?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(100)
    }
}

/// Sends a letter about each order.
struct Write {
    letters: Repository<Letters>,
    met: Recorder,
    by: String,
    broken: Option<Break>,
}

#[async_trait]
impl Reactor for Write {
    const NAME: &'static str = "write_letters";
    type Event = Ordered;

    async fn react(&self, recorded: &Recorded<Ordered>, cx: &Reaction) -> Result<(), HandlerError> {
        let (id, position) = (cx.event_id().as_uuid(), position(recorded));
        self.met.write(&Met { id, position, by: self.by.clone() })?;
        let customer = recorded.stream.entity_id().to_owned();
        match self.broken {
            Some(Break::ReactionsNotKeyed) => self.letters.execute(&customer, &id).await?,
            _ => cx.execute(&self.letters, &customer, &id).await?,
        };
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_partitions(PARTS)
    }
}

pub(crate) async fn run(job: Job, mut is_over: watch::Receiver<bool>) -> Result<(), Trouble> {
    let running = loop {
        let builder = job.builder().with_max_connections(16);
        let Some(store) = job.open(builder, &is_over).await else { return Ok(()) };
        match start(&job, store).await {
            Ok(running) => break running,
            // The server may be lost at any moment; that is not what is looked for.
            Err(error) => eprintln!("{} begins again: {error}", job.name()),
        }
        sleep(Duration::from_millis(100)).await;
    };
    is_over.wait_for(|is_over| *is_over).await?;
    running.shutdown().await;
    Ok(())
}

async fn start(job: &Job, store: PostgresStore) -> Result<annals::Running<Stretched>, Trouble> {
    let write = Write {
        letters: Repository::new(store.clone()),
        met: Recorder::create(&record(&job.folder, MET))?,
        by: job.name(),
        broken: job.broken,
    };
    let followers = Followers::new(Stretched::new(store, job))
        .read_model::<Balance>()
        .read_model::<Volume>()
        .projection(Ledger)
        .reactor(write, Start::Beginning);
    Ok(followers.with_name(job.name()).with_lease(LEASE).start().await?)
}
