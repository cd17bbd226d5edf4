//! Whoever can append, and tasks that make it do so: each has one append on its way at a time.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use annals::{
    EventStoreExt, ExpectedVersion, Metadata, NewEvent, PostgresStore, StreamAppend, StreamId,
    Version,
};
use futures_util::future::{BoxFuture, try_join_all};
use uuid::Uuid;

use crate::{account::AccountEvent, ground::Outcome};

/// How long tasks run before they are measured: connections open, statements are prepared.
const WARM_UP: Duration = Duration::from_millis(400);

/// Something that can append.
pub(crate) trait Ledger: Send + Sync {
    /// Appends one event to an account that is at version `expected`, and answers with its position. Whatever that
    /// takes is inside: the name of the stream, the ids, the JSON.
    fn append(
        &self,
        account: Uuid,
        expected: i64,
        event: AccountEvent,
    ) -> BoxFuture<'_, Outcome<i64>>;
}

impl Ledger for PostgresStore {
    fn append(
        &self,
        account: Uuid,
        expected: i64,
        event: AccountEvent,
    ) -> BoxFuture<'_, Outcome<i64>> {
        Box::pin(async move {
            let expected = match expected.unsigned_abs() {
                0 => ExpectedVersion::NoStream,
                version => ExpectedVersion::Exact(Version::new(version)),
            };
            let metadata = Metadata::default().with_correlation_id(Uuid::now_v7());
            let event = NewEvent::encode(&event)?.with_metadata(metadata);
            let stream = StreamId::new("account", account)?;
            let append = StreamAppend::new(stream, expected, vec![event]);
            Ok(self.append_to_stream(append).await?.position.get().cast_signed())
        })
    }
}

/// What one task does.
#[derive(Debug, Clone)]
pub(crate) enum Customer {
    /// Opens one account after the other.
    Opens,
    /// Deposits on its own accounts in turn, each at the version given.
    Deposits(VecDeque<(Uuid, i64)>),
}

impl Customer {
    pub(crate) async fn act(&mut self, ledger: &dyn Ledger, nth: u64) -> Outcome<i64> {
        match self {
            Self::Opens => ledger.append(Uuid::now_v7(), 0, AccountEvent::opened(nth)).await,
            Self::Deposits(accounts) => {
                let (account, version) = accounts.pop_front().ok_or("no account")?;
                let done = ledger.append(account, version, AccountEvent::deposited(nth)).await;
                accounts.push_back((account, version + 1));
                done
            }
        }
    }
}

/// What a run of many tasks gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) per_second: f64,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Run {
    /// The latency that this share of all appends stays within, in seconds.
    pub(crate) fn within(&self, share: f64) -> f64 {
        within(&self.latencies, share)
    }
}

/// What this share of sorted spans stays within, in seconds.
pub(crate) fn within(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share) as usize).copied().unwrap_or_default().as_secs_f64()
}

/// Lets all `customers` act for `duration`, each in a task of its own.
pub(crate) async fn run(
    ledger: &Arc<dyn Ledger>,
    customers: &mut Vec<Customer>,
    duration: Duration,
) -> Outcome<Run> {
    let begin = Instant::now() + WARM_UP;
    let tasks = customers.drain(..).map(|mut customer| {
        let ledger = Arc::clone(ledger);
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            for nth in 0.. {
                let sent = Instant::now();
                if sent >= begin + duration {
                    break;
                }
                customer.act(&*ledger, nth).await?;
                if sent >= begin {
                    latencies.push(sent.elapsed());
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((customer, latencies))
        })
    });
    let mut latencies = Vec::new();
    for done in try_join_all(tasks).await? {
        let (customer, of_one) = done?;
        customers.push(customer);
        latencies.extend(of_one);
    }
    latencies.sort_unstable();
    Ok(Run { per_second: latencies.len() as f64 / duration.as_secs_f64(), latencies })
}
