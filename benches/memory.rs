//! What the memory store and the layers above it cost, on one core: `cargo bench --bench memory`.
//!
//! Each figure is a throughput, in events or commands per second. Everything a caller pays for is inside the
//! measured part: making the event with its UUIDv7, the append, the answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use annals::{
    Aggregate, Context, Event, EventData, EventStore, EventStoreExt, EventType, ExpectedVersion,
    MemoryStore, NewEvent, Payload, Position, Repository, StreamAppend, StreamId, TryStreamExt,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{FutureExt, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    Deposited { cents: u64 },
}

#[derive(Debug, Clone, Default)]
struct Account {
    cents: u64,
}

impl Aggregate for Account {
    type Id = u64;
    type Command = u64;
    type Event = AccountEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, cents: &u64, _: &Context<Self>) -> Result<Vec<AccountEvent>, Self::Error> {
        Ok(vec![AccountEvent::Deposited { cents: *cents }])
    }

    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { cents } = event;
        self.cents += cents;
    }
}

/// How many operations one measured run has.
const RUN: u64 = 100_000;

fn one_core() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// One event to one stream per append.
fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append one event");
    group.throughput(Throughput::Elements(RUN)).sample_size(10);
    let payload = Payload::parse(r#"{"cents":500}"#).unwrap();
    let event = || {
        NewEvent::new(EventData::new(EventType::from_static("account.deposited"), payload.clone()))
    };
    let new_streams: Vec<_> = (0..RUN).map(|id| StreamId::new("account", id).unwrap()).collect();
    for (name, streams) in
        [("to 1,000 streams", &new_streams[..1_000]), ("to a new stream each", &new_streams)]
    {
        group.bench_function(name, |b| {
            b.to_async(one_core()).iter_batched(
                || streams.iter().cycle().take(RUN as usize).cloned().collect::<Vec<_>>(),
                async |streams| {
                    let store = MemoryStore::new();
                    for stream in streams {
                        let append = StreamAppend::new(stream, ExpectedVersion::Any, vec![event()]);
                        black_box(store.append(vec![append]).await).unwrap();
                    }
                    store
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// Commands on accounts that have 10 events each: load, decide, append.
fn execute(c: &mut Criterion) {
    const COMMANDS: u64 = 10_000;
    let mut group = c.benchmark_group("execute a command");
    group.throughput(Throughput::Elements(COMMANDS)).sample_size(10);
    let runtime = one_core();
    group.bench_function("on aggregates of 10 events", |b| {
        b.to_async(&runtime).iter_batched(
            || accounts_of_ten_events(COMMANDS),
            async |accounts| {
                for id in 0..COMMANDS {
                    black_box(accounts.execute(&id, &500).await).unwrap();
                }
                accounts
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("of 16 tasks on one aggregate", |b| {
        b.to_async(&runtime).iter_batched(
            || accounts_of_ten_events(1),
            async |accounts| {
                let commands = (0..COMMANDS).map(|_| async { accounts.execute(&0, &500).await });
                let mut commands = stream::iter(commands).buffer_unordered(16);
                while let Some(executed) = commands.next().await {
                    black_box(executed).unwrap();
                }
                drop(commands);
                accounts
            },
            BatchSize::PerIteration,
        );
    });
}

fn accounts_of_ten_events(count: u64) -> Repository<Account> {
    let store = MemoryStore::new();
    for id in 0..count {
        let ten = (0..10)
            .map(|cents| NewEvent::encode(&AccountEvent::Deposited { cents }).unwrap())
            .collect();
        let stream = StreamId::new(Account::CATEGORY, id).unwrap();
        let append = StreamAppend::new(stream, ExpectedVersion::NoStream, ten);
        store.append(vec![append]).now_or_never().unwrap().unwrap();
    }
    Repository::new(store)
}

/// The whole global stream, decoded and folded.
fn replay(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(RUN)).sample_size(10);
    let (runtime, store) = (one_core(), MemoryStore::new());
    let events = (0..RUN)
        .map(|cents| NewEvent::encode(&AccountEvent::Deposited { cents }).unwrap())
        .collect();
    let append = StreamAppend::new("account-1".parse().unwrap(), ExpectedVersion::Any, events);
    runtime.block_on(store.append(vec![append])).unwrap();
    group.bench_function("the global stream, typed", |b| {
        b.to_async(&runtime).iter(async || {
            let events = store.events_after::<AccountEvent>(Position::START);
            let add = async |sum: u64, recorded: annals::Recorded<AccountEvent>| {
                let AccountEvent::Deposited { cents } = recorded.event;
                Ok(sum + cents)
            };
            black_box(events.try_fold(0, add).await).unwrap()
        });
    });
    let accounts = Repository::<Account>::new(store.clone());
    group.bench_function("one long aggregate", |b| {
        b.to_async(&runtime).iter(async || black_box(accounts.load(&1).await).unwrap());
    });
}

criterion_group!(benches, append, execute, replay);
criterion_main!(benches);
