//! Followers that are right pass, however they are followed.

use annals::{
    EventData, MemoryStore, Metadata, Payload,
    testing::{CrashPoint, Following},
};

use crate::shop::{
    Customer, DailySales, InvoiceEvent, Postbox, Sales, Ship, ShipmentEvent, forgotten, placed,
};

fn customers() -> Following<MemoryStore> {
    Following::on(MemoryStore::new)
        .read_model::<Customer>()
        .given("invoice-1", [placed("anna", 500)])
        .with_time("2026-02-03T12:00:00Z".parse().unwrap())
        .with_metadata(Metadata::by("shop 7"))
        .given("invoice-2", [placed("bob", 100), placed("carl", 1), placed("anna", 250)])
        .given("invoice-1", [forgotten("carl"), forgotten("dora")])
}

fn anna() -> Customer {
    Customer::new(2, 750, "2026-02-03", Some("shop 7"))
}

fn bob() -> Customer {
    Customer::new(1, 100, "2026-02-03", Some("shop 7"))
}

#[test]
fn a_read_model_is_what_its_events_say() {
    customers()
        .when_followed()
        .then_rows([("bob", bob()), ("anna", anna())])
        .then_row("anna", anna())
        .then_no_row::<Customer>("carl");
}

#[tokio::test]
async fn a_test_may_be_async() {
    customers().when_followed().then_row("bob", bob());
}

#[test]
fn a_read_model_bears_what_comes_twice() {
    customers().when_repeated().then_rows([("anna", anna()), ("bob", bob())]);
}

#[test]
fn a_read_model_bears_deaths() {
    customers().when_crashing_everywhere().then_rows([("anna", anna()), ("bob", bob())]);
}

#[test]
fn before_the_first_event_there_is_no_row() {
    let nothing = || Following::on(MemoryStore::new).read_model::<Customer>();
    nothing().when_repeated().then_no_rows::<Customer>();
    nothing().when_crashing_at(CrashPoint::AfterMake).then_no_rows::<Customer>();
}

#[test]
fn what_is_given_is_as_it_is_stored() {
    let old = EventData::new(
        "invoice.placed".parse().unwrap(),
        Payload::parse(r#"{"customer":"anna","pence":3,"more":true}"#).unwrap(),
    );
    Following::on(MemoryStore::new)
        .read_model::<Customer>()
        .given_stored("invoice-1", [old])
        .when_followed()
        .then_row("anna", Customer::new(1, 3, "2026-01-01", None));
}

fn sales() -> Following<MemoryStore> {
    Following::on(MemoryStore::new)
        .projection(|_, ()| Sales)
        .read_model::<Customer>()
        .given("invoice-1", [placed("anna", 500), placed("bob", 1)])
        .with_time("2026-02-03T12:00:00Z".parse().unwrap())
        .given("invoice-2", [placed("anna", 250)])
}

async fn per_day(store: &MemoryStore, _: &()) -> DailySales {
    store.table_of("sales")
}

fn sold() -> DailySales {
    DailySales([("2026-01-01".into(), 501), ("2026-02-03".into(), 250)].into())
}

#[test]
fn a_projection_is_looked_at_by_the_test() {
    sales()
        .when_followed()
        .then_found(per_day, sold())
        .then_row("bob", Customer::new(1, 1, "2026-01-01", None));
}

#[test]
fn a_projection_bears_what_comes_twice() {
    sales().when_repeated().then_found(per_day, sold());
}

#[test]
fn a_projection_bears_deaths() {
    sales().when_crashing_everywhere().then_found(per_day, sold());
}

fn shipping() -> Following<MemoryStore, Postbox> {
    Following::on(MemoryStore::new)
        .beside(Postbox::default)
        .reactor(Ship::new)
        .given("invoice-1", [placed("anna", 500)])
        .given("invoice-2", [placed("bob", 1), forgotten("anna")])
}

fn booked() -> [(&'static str, ShipmentEvent); 2] {
    [
        ("shipment-1", ShipmentEvent::Booked { pence: 500 }),
        ("shipment-2", ShipmentEvent::Booked { pence: 1 }),
    ]
}

async fn letters(_: &MemoryStore, postbox: &Postbox) -> Vec<String> {
    postbox.letters()
}

#[test]
fn a_reactor_sends_commands_and_talks_to_others() {
    let wrote = vec!["Dear anna".to_owned(), "Dear bob".to_owned()];
    shipping().when_followed().then_events(booked()).then_found(letters, &wrote);
    shipping().when_repeated().then_events(booked()).then_found(letters, &wrote);
    shipping().when_crashing_everywhere().then_events(booked()).then_found(letters, &wrote);
}

#[test]
fn events_that_were_given_are_not_told_as_followed() {
    shipping().when_followed().then_events::<InvoiceEvent>([]);
}

/// What a reactor has led to is followed as well, by itself and by others.
#[test]
fn what_follows_is_followed() {
    Following::on(MemoryStore::new)
        .beside(Postbox::default)
        .reactor(Ship::new)
        .projection(|_, _| Sales)
        .given("invoice-1", [placed("anna", 500)])
        .when_repeated()
        .then_found(async |store, _| store.table_of::<DailySales>("sales").0["2026-01-01"], 500);
}
