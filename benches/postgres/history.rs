//! A history to read: deposits on many accounts, interleaved as they are in life.

use annals::{
    EventStore, ExpectedVersion, Metadata, NewEvent, PostgresStore, StreamAppend, StreamId,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    account::AccountEvent,
    by_hand::{self, Row},
    ground::Outcome,
};

/// How many events of an account come one after the other.
const RUN: usize = 10;
/// How many accounts are stored together.
const TOGETHER: usize = 100;
/// How many bulk appends are on their way at once.
const AT_ONCE: usize = 4;

/// The same number of events for each account.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) accounts: Vec<Uuid>,
    pub(crate) events: usize,
}

/// Some events of one account, after a version.
struct Run {
    account: Uuid,
    after: usize,
    events: Vec<AccountEvent>,
}

impl History {
    pub(crate) fn new(accounts: usize, events: usize) -> Self {
        let each = events.div_ceil(accounts).next_multiple_of(RUN);
        let accounts: Vec<_> = (0..accounts).map(|_| Uuid::now_v7()).collect();
        Self { events: accounts.len() * each, accounts }
    }

    fn bulks(&self) -> impl Iterator<Item = Vec<Run>> {
        let each = self.events / self.accounts.len();
        let run = |after: usize, account: &Uuid| Run {
            account: *account,
            after,
            events: (after..after + RUN).map(|nth| AccountEvent::example(nth as u64)).collect(),
        };
        (0..each).step_by(RUN).flat_map(move |after| {
            let together = self.accounts.chunks(TOGETHER);
            together
                .map(move |accounts| accounts.iter().map(|account| run(after, account)).collect())
        })
    }

    /// Stores it in annals.
    pub(crate) async fn append_to(&self, store: &PostgresStore) -> Outcome {
        let bulks = stream::iter(self.bulks()).map(async |bulk: Vec<Run>| {
            let appends: Outcome<_> = bulk.into_iter().map(Run::append).collect();
            store.append(appends?).await?;
            Ok(())
        });
        bulks.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Stores it in the table of the code by hand.
    pub(crate) async fn insert_into(&self, pool: &PgPool) -> Outcome {
        let mut connection = pool.acquire().await?;
        for bulk in self.bulks() {
            let rows: Outcome<Vec<_>> = bulk.iter().flat_map(Run::rows).collect();
            by_hand::insert(by_hand::OPEN_EACH, &rows?.iter().collect::<Vec<_>>(), &mut connection)
                .await?;
        }
        Ok(())
    }
}

impl Run {
    fn append(self) -> Outcome<StreamAppend> {
        let new = |event| {
            let metadata = Metadata::default().with_correlation_id(Uuid::now_v7());
            Ok(NewEvent::encode(event)?.with_metadata(metadata))
        };
        let stream = StreamId::new("account", self.account)?;
        let events: Outcome<_> = self.events.iter().map(new).collect();
        Ok(StreamAppend::new(stream, ExpectedVersion::Any, events?))
    }

    fn rows(&self) -> impl Iterator<Item = Outcome<Row>> {
        let rows = (self.after..).zip(&self.events);
        rows.map(|(after, event)| Row::new(self.account, after as i64, event))
    }
}
