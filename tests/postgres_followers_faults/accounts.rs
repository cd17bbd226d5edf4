//! Deposits, and what is kept of them: by account and by region, as read models and in SQL. An event that is missed,
//! doubled, or out of its order shows in each.

use std::num::NonZeroU16;

use annals::{
    Batch, Event, HandlerError, NewEvent, Options, Projection, ReadModel, Recorded, StreamId,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub(crate) const REGIONS: u64 = 37;
pub(crate) const PARTS: u16 = 2;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "account")]
pub(crate) enum Moved {
    Deposited { region: u64, cents: i64 },
}

pub(crate) fn stream(account: impl std::fmt::Display) -> StreamId {
    StreamId::new("account", account).unwrap()
}

pub(crate) fn deposit(region: u64, cents: i64) -> NewEvent {
    NewEvent::encode(&Moved::Deposited { region, cents }).unwrap()
}

/// How many events there were, what they come to, and which they were in which order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) events: i64,
    pub(crate) cents: i64,
    trail: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, recorded: &Recorded<Moved>) {
        let Moved::Deposited { cents, .. } = recorded.event;
        self.events += 1;
        self.cents += cents;
        self.trail = self.trail.rotate_left(7).wrapping_mul(31) ^ recorded.position.get();
    }
}

/// By account, in one part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Account(pub(crate) Tally);

impl ReadModel for Account {
    const NAME: &'static str = "accounts";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        [recorded.stream.entity_id().to_owned()]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<Moved>) {
        self.0.add(recorded);
    }
}

/// By region, each of which gathers from all streams; divided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Region(pub(crate) Tally);

impl ReadModel for Region {
    const NAME: &'static str = "regions";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        let Moved::Deposited { region, .. } = recorded.event;
        [region.to_string()]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<Moved>) {
        self.0.add(recorded);
    }

    fn options() -> Options {
        Options::new().with_partitions(NonZeroU16::new(PARTS).unwrap())
    }
}

/// Running counters in tables of its own.
#[derive(Debug)]
pub(crate) struct Ledger;

#[async_trait]
impl Projection<PgConnection> for Ledger {
    const NAME: &'static str = "ledger";
    type Event = Moved;

    async fn create(&self, db: &mut PgConnection) -> Result<(), HandlerError> {
        let tables = "CREATE TABLE ledger (account text PRIMARY KEY, events bigint NOT NULL, cents numeric NOT NULL,
                          first bigint NOT NULL, last bigint NOT NULL, disorder bigint NOT NULL DEFAULT 0);
                      CREATE TABLE volume (events bigint NOT NULL, cents numeric NOT NULL);
                      INSERT INTO volume VALUES (0, 0)";
        sqlx::raw_sql(tables).execute(db).await?;
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
        let positions: Vec<_> =
            batch.iter().map(|event| event.position.get().cast_signed()).collect();
        let cents = |event: &Recorded<Moved>| {
            let Moved::Deposited { cents, .. } = event.event;
            cents
        };
        let cents: Vec<_> = batch.iter().map(cents).collect();
        let add = "INSERT INTO ledger AS l (account, events, cents, first, last)
                   SELECT account, count(*), sum(cents), min(position), max(position)
                   FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS e (account, position, cents) GROUP BY account
                   ON CONFLICT (account) DO UPDATE SET events = l.events + excluded.events, cents = l.cents + excluded.cents,
                       last = excluded.last, disorder = l.disorder + (excluded.first <= l.last)::integer";
        sqlx::query(add).bind(&accounts).bind(&positions).bind(&cents).execute(&mut *db).await?;
        let total = "UPDATE volume SET events = events + $1, cents = cents + $2";
        let sum: i64 = cents.iter().sum();
        sqlx::query(total).bind(batch.len() as i64).bind(sum).execute(db).await?;
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(500)
    }
}
