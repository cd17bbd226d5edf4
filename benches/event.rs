//! What `#[derive(Event)]` and folding cost, on one core and without a store: `cargo bench --bench event`.
//!
//! Each figure is a throughput, in events per second. The same event is decoded as today's version, and as one that an
//! upcaster has to rewrite first; beside it stands what serde_json takes for the plain struct.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use annals::{Aggregate, Context, Event, EventData, EventType, Payload};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 2, upcast(from = 1, with = with_currency))]
    Deposited(Deposited),
    Withdrawn {
        cents: u64,
        reference: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Deposited {
    cents: u64,
    currency: String,
    reference: String,
}

fn with_currency(mut old: Value) -> Value {
    old["currency"] = json!("EUR");
    old
}

#[derive(Debug, Clone, Default)]
struct Account {
    cents: u64,
}

impl Aggregate for Account {
    type Id = u64;
    type Command = AccountEvent;
    type Event = AccountEvent;
    type Error = std::convert::Infallible;

    fn handle(
        &self,
        event: &AccountEvent,
        _: &Context<Self>,
    ) -> Result<Vec<AccountEvent>, Self::Error> {
        Ok(vec![event.clone()])
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited(deposited) => self.cents += deposited.cents,
            AccountEvent::Withdrawn { cents, .. } => self.cents -= cents,
        }
    }
}

fn deposited(nth: u64) -> AccountEvent {
    AccountEvent::Deposited(Deposited {
        cents: 100 + nth,
        currency: "EUR".to_owned(),
        reference: format!("invoice {nth}"),
    })
}

/// One event to its stored form.
fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode one event");
    group.throughput(Throughput::Elements(1));
    let event = deposited(1);
    group.bench_function("derived", |b| b.iter(|| black_box(&event).encode().unwrap()));
    let AccountEvent::Deposited(plain) = &event else { unreachable!() };
    group.bench_function("serde_json alone", |b| {
        b.iter(|| serde_json::to_string(black_box(plain)).unwrap());
    });
}

/// One event from its stored form.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode one event");
    group.throughput(Throughput::Elements(1));
    let today = deposited(1).encode().unwrap();
    let event_type = EventType::from_static("account.deposited");
    let payload = Payload::parse(r#"{"cents":101,"reference":"invoice 1"}"#).unwrap();
    let old = EventData::new(event_type, payload);
    assert_eq!(decoded(&today), decoded(&old));
    for (name, stored) in [("derived", &today), ("derived, upcast", &old)] {
        group.bench_function(name, |b| b.iter(|| decoded(black_box(stored))));
    }
    group.bench_function("serde_json alone", |b| {
        b.iter(|| serde_json::from_str::<Deposited>(black_box(&today).payload.as_str()).unwrap());
    });
}

fn decoded(stored: &EventData) -> Vec<AccountEvent> {
    stored.decode().unwrap()
}

/// The state of an aggregate from its events.
fn fold(c: &mut Criterion) {
    const EVENTS: u64 = 1_000;
    let mut group = c.benchmark_group("fold 1,000 events");
    group.throughput(Throughput::Elements(EVENTS));
    let events: Vec<_> = (0..EVENTS).map(deposited).collect();
    group.bench_function("that are decoded", |b| {
        b.iter(|| {
            let mut account = Account::default();
            black_box(&events).iter().for_each(|event| account.apply(event));
            account
        });
    });
    let stored: Vec<_> = events.iter().map(|event| event.encode().unwrap()).collect();
    group.bench_function("as they are stored", |b| {
        b.iter(|| {
            let (mut account, mut decoded) = (Account::default(), Vec::new());
            for stored in black_box(&stored) {
                AccountEvent::decode_into(stored, &mut decoded).unwrap();
                decoded.drain(..).for_each(|event| account.apply(&event));
            }
            account
        });
    });
}

criterion_group!(benches, encode, decode, fold);
criterion_main!(benches);
