//! What these tests follow: invoices, and followers that are right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use annals::{
    Aggregate, Columns, Context, Event, EventId, EventStore, HandlerError, Projection, Reaction,
    Reactor, ReadModel, Recorded, Repository, Tables,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "invoice")]
pub(crate) enum InvoiceEvent {
    Placed { customer: String, pence: i64 },
    Forgotten { customer: String },
}

pub(crate) fn placed(customer: &str, pence: i64) -> InvoiceEvent {
    InvoiceEvent::Placed { customer: customer.to_owned(), pence }
}

pub(crate) fn forgotten(customer: &str) -> InvoiceEvent {
    InvoiceEvent::Forgotten { customer: customer.to_owned() }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) orders: i64,
    pub(crate) spent: i64,
    pub(crate) last: Option<(String, Option<String>)>,
    forgotten: bool,
}

impl Customer {
    pub(crate) fn new(orders: i64, spent: i64, at: &str, by: Option<&str>) -> Self {
        let last = Some((at.to_owned(), by.map(str::to_owned)));
        Self { orders, spent, last, forgotten: false }
    }
}

impl ReadModel for Customer {
    const NAME: &'static str = "customers";
    type Event = InvoiceEvent;
    type Key = String;

    fn keys(recorded: &Recorded<InvoiceEvent>) -> impl IntoIterator<Item = String> {
        let (InvoiceEvent::Placed { customer, .. } | InvoiceEvent::Forgotten { customer }) =
            &recorded.event;
        [customer.clone()]
    }

    fn apply(&mut self, _: &String, recorded: &Recorded<InvoiceEvent>) {
        match recorded.event {
            InvoiceEvent::Placed { pence, .. } => {
                self.orders += 1;
                self.spent += pence;
                let day = recorded.recorded_at.format("%F").to_string();
                let by = recorded.metadata.actor.as_deref().map(str::to_owned);
                self.last = Some((day, by));
            }
            InvoiceEvent::Forgotten { .. } => self.forgotten = true,
        }
    }

    fn is_deleted(&self) -> bool {
        self.forgotten
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("spent", |customer: &Self| customer.spent)
    }
}

/// What was sold on each day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DailySales(pub(crate) BTreeMap<String, i64>);

pub(crate) struct Sales;

#[async_trait]
impl Projection<Tables> for Sales {
    const NAME: &'static str = "sales";
    type Event = InvoiceEvent;

    async fn create(&self, tables: &mut Tables) -> Result<(), HandlerError> {
        let _empty = tables.of_mut::<DailySales>();
        Ok(())
    }

    async fn handle(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        tables: &mut Tables,
    ) -> Result<(), HandlerError> {
        if let InvoiceEvent::Placed { pence, .. } = recorded.event {
            let day = recorded.recorded_at.format("%F").to_string();
            *tables.of_mut::<DailySales>().0.entry(day).or_default() += pence;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "shipment")]
pub(crate) enum ShipmentEvent {
    Booked { pence: i64 },
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shipment;

pub(crate) struct Book {
    pub(crate) pence: i64,
}

impl Aggregate for Shipment {
    type Id = String;
    type Command = Book;
    type Event = ShipmentEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, book: &Book, _: &Context<Self>) -> Result<Vec<ShipmentEvent>, Self::Error> {
        Ok(vec![ShipmentEvent::Booked { pence: book.pence }])
    }

    fn apply(&mut self, _: &ShipmentEvent) {}
}

/// Another system, which takes each letter once if it is told by which id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Postbox(Arc<Mutex<(BTreeSet<EventId>, Vec<String>)>>);

impl Postbox {
    pub(crate) fn post_once(&self, id: EventId, letter: &str) {
        let mut posted = self.0.lock().unwrap();
        if posted.0.insert(id) {
            posted.1.push(letter.to_owned());
        }
    }

    pub(crate) fn post(&self, letter: &str) {
        self.0.lock().unwrap().1.push(letter.to_owned());
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

/// Books a shipment for each order, and writes to the customer.
pub(crate) struct Ship {
    pub(crate) shipments: Repository<Shipment>,
    pub(crate) postbox: Postbox,
}

impl Ship {
    pub(crate) fn new<S: EventStore + Clone + 'static>(store: &S, postbox: &Postbox) -> Self {
        Self { shipments: Repository::new(store.clone()), postbox: postbox.clone() }
    }
}

#[async_trait]
impl Reactor for Ship {
    const NAME: &'static str = "ship";
    type Event = InvoiceEvent;

    async fn react(
        &self,
        recorded: &Recorded<InvoiceEvent>,
        cx: &Reaction,
    ) -> Result<(), HandlerError> {
        if let InvoiceEvent::Placed { customer, pence } = &recorded.event {
            let shipment = recorded.stream.entity_id().to_owned();
            cx.execute(&self.shipments, &shipment, &Book { pence: *pence }).await?;
            self.postbox.post_once(cx.event_id(), &format!("Dear {customer}"));
        }
        Ok(())
    }
}
