//! Followers that are wrong fail, and the message says in which run and what.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use annals::{
    HandlerError, MemoryStore, Options, Projection, Reaction, Reactor, ReadModel, Recorded,
    RetryPolicy, Tables,
    testing::{CrashPoint, Following},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::shop::{Book, Customer, DailySales, InvoiceEvent, Postbox, Ship, ShipmentEvent, placed};

/// What the test said as it failed.
fn failure(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("it should have failed");
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a message")
}

fn given<B: Send + Sync>(following: Following<MemoryStore, B>) -> Following<MemoryStore, B> {
    following
        .given("invoice-1", [placed("anna", 500)])
        .given("invoice-2", [placed("bob", 1), placed("anna", 2)])
}

#[test]
fn a_row_that_differs_is_shown() {
    let customers = || given(Following::on(MemoryStore::new).read_model::<Customer>());
    let anna = Customer::new(2, 503, "2026-01-01", None);
    let failed = failure(|| {
        customers().when_followed().then_row("anna", anna);
    });
    assert!(
        failed.starts_with(
            "when all was followed, the row anna of customers differs from what is expected:\n"
        ),
        "{failed}"
    );
    assert!(failed.contains("-         spent: 503,\n"), "{failed}");
    assert!(failed.contains("+         spent: 502,\n"), "{failed}");
    let failed = failure(|| {
        customers()
            .when_followed()
            .then_rows([("anna", Customer::new(2, 502, "2026-01-01", None))]);
    });
    assert!(failed.contains("the rows of customers differ"), "{failed}");
    assert!(failed.contains("+     \"bob\": Customer {"), "{failed}");
    let failed = failure(|| {
        customers().when_followed().then_no_row::<Customer>("anna");
    });
    assert!(failed.contains("+ Some("), "{failed}");
}

static APPLIED: AtomicI64 = AtomicI64::new(0);

/// Its rows depend on how often it was called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Impure {
    nth: i64,
}

impl ReadModel for Impure {
    const NAME: &'static str = "impure";
    type Event = InvoiceEvent;
    type Key = String;

    fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = String> {
        Customer::keys(recorded)
    }

    fn apply(&mut self, _: &String, _: &Recorded<InvoiceEvent>) {
        self.nth = APPLIED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_read_model_that_is_not_pure_is_found() {
    let impure = || {
        APPLIED.store(1, Ordering::Relaxed);
        given(Following::on(MemoryStore::new).read_model::<Impure>())
    };
    let expected = || [("anna", Impure { nth: 3 }), ("bob", Impure { nth: 2 })];
    impure().when_followed().then_rows(expected());
    let failed = failure(|| {
        impure().when_repeated().then_rows(expected());
    });
    assert!(failed.contains("impure"), "{failed}");
}

/// Counts orders outside of the transaction.
struct Outside {
    orders: Arc<AtomicI64>,
}

#[async_trait]
impl Projection<Tables> for Outside {
    const NAME: &'static str = "outside";
    type Event = InvoiceEvent;

    async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn handle(&self, _: &Recorded<InvoiceEvent>, _: &mut Tables) -> Result<(), HandlerError> {
        self.orders.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_projection_that_writes_past_its_transaction_is_found() {
    let outside = || {
        given(
            Following::on(MemoryStore::new)
                .beside(Arc::<AtomicI64>::default)
                .projection(|_, orders| Outside { orders: Arc::clone(orders) }),
        )
    };
    let orders = async |_: &MemoryStore, orders: &Arc<AtomicI64>| orders.load(Ordering::Relaxed);
    outside().when_followed().then_found(orders, 3);
    let failed = failure(|| {
        outside().when_repeated().then_found(orders, 3);
    });
    // All three, the first again by itself; the other two, the second by itself; the third, and again.
    assert_eq!(
        failed,
        "when each step was undone and done again, what is found differs from what is expected:\n  \
         - 3\n  + 9\n  (- expected, + actual)"
    );
    let failed = failure(|| {
        outside().when_crashing_at(CrashPoint::WithinStep).then_found(orders, 3);
    });
    assert!(failed.starts_with("when the process died within a step"), "{failed}");
    // No death before the handler has run is to blame, but the rebuild that comes after.
    let failed = failure(|| {
        outside().when_crashing_at(CrashPoint::BeforeStep).then_found(orders, 3);
    });
    assert!(failed.contains("+ 6"), "{failed}");
}

/// Counts what it was given since the process began, and writes that down.
#[derive(Default)]
struct SinceTheStart {
    pence: Mutex<i64>,
}

#[async_trait]
impl Projection<Tables> for SinceTheStart {
    const NAME: &'static str = "since_the_start";
    type Event = InvoiceEvent;

    async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        tables: &mut Tables,
    ) -> Result<(), HandlerError> {
        if let InvoiceEvent::Placed { pence, .. } = recorded.event {
            let mut sum = self.pence.lock().unwrap();
            *sum += pence;
            tables.of_mut::<DailySales>().0.insert("all".into(), *sum);
        }
        Ok(())
    }
}

#[test]
fn a_projection_that_remembers_more_than_its_tables_is_found() {
    let since =
        || given(Following::on(MemoryStore::new).projection(|_, ()| SinceTheStart::default()));
    let sold = async |store: &MemoryStore, _: &()| {
        store.table_of::<DailySales>("since_the_start").0["all"]
    };
    since().when_followed().then_found(sold, 503);
    let failed = failure(|| {
        since().when_crashing_at(CrashPoint::AfterStep).then_found(sold, 503);
    });
    assert!(
        failed.starts_with("when the process died after a step, one event at a time"),
        "{failed}"
    );
    let failed = failure(|| {
        since().when_repeated().then_found(sold, 503);
    });
    assert!(failed.contains("differs"), "{failed}");
}

/// As [`Ship`], without a word about which event it is.
struct ShipAgain(Ship);

#[async_trait]
impl Reactor for ShipAgain {
    const NAME: &'static str = "ship";
    type Event = InvoiceEvent;

    async fn react(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        _: &Reaction,
    ) -> Result<(), HandlerError> {
        if let InvoiceEvent::Placed { customer, pence } = &recorded.event {
            let shipment = recorded.stream.entity_id().to_owned();
            self.0.shipments.execute(&shipment, &Book { pence: *pence }).await?;
            self.0.postbox.post(&format!("Dear {customer}"));
        }
        Ok(())
    }
}

#[test]
fn a_reactor_that_does_not_deduplicate_is_found() {
    let ship = || {
        Following::on(MemoryStore::new)
            .beside(Postbox::default)
            .reactor(|store, postbox| ShipAgain(Ship::new(store, postbox)))
            .given("invoice-1", [placed("anna", 500)])
    };
    let booked = || [("shipment-1", ShipmentEvent::Booked { pence: 500 })];
    let letters = async |_: &MemoryStore, postbox: &Postbox| postbox.letters().len();
    ship().when_followed().then_events(booked()).then_found(letters, 1);
    let failed = failure(|| {
        ship().when_repeated().then_events(booked());
    });
    assert!(
        failed.starts_with(
            "when each step was undone and done again, the events that followed differ"
        ),
        "{failed}"
    );
    let failed = failure(|| {
        ship().when_repeated().then_found(letters, 1);
    });
    assert!(failed.contains("+ 2"), "{failed}");
    for point in [CrashPoint::BeforeStep, CrashPoint::WithinStep] {
        let failed = failure(|| {
            ship().when_crashing_at(point).then_events(booked());
        });
        assert!(failed.starts_with(&format!("when the process died {point}")), "{failed}");
    }
}

/// Fails on bob.
struct Choosy {
    options: Options,
}

#[async_trait]
impl Projection<Tables> for Choosy {
    const NAME: &'static str = "choosy";
    type Event = InvoiceEvent;

    async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        _: &mut Tables,
    ) -> Result<(), HandlerError> {
        match &recorded.event {
            InvoiceEvent::Placed { customer, .. } if customer == "bob" => Err("not bob".into()),
            _ => Ok(()),
        }
    }

    fn options(&self) -> Options {
        self.options.clone()
    }
}

#[test]
fn a_follower_that_stops_or_parks_does_not_pass() {
    let choosy = |options: Options| {
        let options = options.with_retry(RetryPolicy::default().with_retries(0));
        given(
            Following::on(MemoryStore::new)
                .projection(move |_, ()| Choosy { options: options.clone() }),
        )
    };
    let failed = failure(|| drop(choosy(Options::new()).when_followed()));
    assert!(failed.starts_with("when all was followed: follower choosy has stopped"), "{failed}");
    assert!(failed.contains("not bob"), "{failed}");
    let failed = failure(|| drop(choosy(Options::new().park_failures()).when_followed()));
    assert!(failed.contains("follower choosy has parked events"), "{failed}");
    assert!(failed.contains("not bob"), "{failed}");
}

#[test]
fn what_cannot_be_looked_at_or_begun_is_said() {
    let sales = || given(Following::on(MemoryStore::new));
    let failed = failure(|| {
        sales().when_followed().then_no_rows::<Customer>();
    });
    assert!(failed.contains("read model customers has no such table"), "{failed}");
    let failed = failure(|| {
        sales().when_followed().then_found(async |_, _| panic!("there is no table"), ());
    });
    assert_eq!(failed, "there is no table");
    let failed = failure(|| drop(sales().given("no stream", [placed("anna", 1)])));
    assert!(failed.contains("no stream"), "{failed}");
    let twice = || sales().read_model::<Customer>().read_model::<Customer>();
    let failed = failure(|| drop(twice().when_followed()));
    assert!(failed.contains("customers is declared twice"), "{failed}");
}
