//! Brings to the customers what they ordered.
//!
//! What others may rely on: `shipment.booked` and `shipment.dispatched`, each with the order.
//!
//! A [reactor](BookShipments) books a shipment for each order that is placed. Where the customers live, the
//! service knows from [a copy of its own](Address), which it keeps from their events: it asks nobody, and works on
//! while the others are down.

use std::time::Duration;

use annals::{
    Aggregate, Columns, Context, Event, FollowerStore, Followers, HandlerError, Metadata, Position,
    Query, Reaction, Reactor, ReadModel, Recorded, Repository, Running, Start, StartError,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Problem;

const PATIENCE: Duration = Duration::from_secs(10);

/// The service.
pub(crate) struct Shipping<S: FollowerStore> {
    store: S,
    shipments: Repository<Shipment>,
    running: Running<S>,
}

/// A parcel that has left.
#[derive(Debug, PartialEq)]
pub(crate) struct Parcel {
    pub(crate) order: String,
    pub(crate) name: String,
    pub(crate) address: String,
}

impl<S: FollowerStore> Shipping<S> {
    pub(crate) async fn start(store: S) -> Result<Self, StartError> {
        let shipments = Repository::new(store.clone());
        let running = Followers::new(store.clone())
            .read_model::<Address>()
            .read_model::<Delivery>()
            .reactor(BookShipments(shipments.clone()), Start::Beginning)
            .start()
            .await?;
        Ok(Self { store, shipments, running })
    }

    /// The orders with a shipment, once everything up to `position` was heard of.
    pub(crate) async fn booked(&self, position: Position) -> Result<Vec<String>, Problem> {
        let deliveries = self.deliveries(Query::all(), position).await?;
        Ok(deliveries.into_iter().map(|(order, _)| order).collect())
    }

    /// Sends off what has not left yet, to where the customers live by now.
    pub(crate) async fn dispatch_all(&self, position: Position) -> Result<Vec<Parcel>, Problem> {
        let waiting = Query::all().equal("has_left", false);
        let addresses = self.running.reader::<Address>();
        let addresses = addresses.wait_for(position, PATIENCE).await?;

        let mut parcels = Vec::new();
        for (order, delivery) in self.deliveries(waiting, position).await? {
            let Some(Address { name, address }) = addresses.get(&delivery.customer).await? else {
                return Err(format!("nobody knows where {} lives", delivery.customer).into());
            };
            let dispatch = ShipmentCommand::Dispatch { address: address.clone() };
            let because = delivery.because.with_actor("warehouse");
            self.shipments.execute(&order, &dispatch).with_metadata(because).await?;
            parcels.push(Parcel { order, name, address });
        }
        Ok(parcels)
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
    }

    async fn deliveries(
        &self,
        query: Query,
        position: Position,
    ) -> Result<Vec<(String, Delivery)>, Problem> {
        self.running.wait_for(BookShipments::NAME, position, PATIENCE).await?;
        // What it has booked by now is further on.
        let deliveries = self.running.reader::<Delivery>();
        let deliveries = deliveries.wait_for(self.store.head().await?, PATIENCE).await?;
        Ok(deliveries.list(query).await?.rows)
    }
}

/// What is heard of customers.
#[derive(Debug, Serialize, Deserialize, Event)]
enum CustomerNews {
    #[event(name = "customer.registered")]
    Registered { name: String, address: String },
    #[event(name = "customer.moved")]
    Moved { address: String },
}

/// What is heard of orders. What was ordered does not count here: the warehouse knows.
#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) enum OrderNews {
    #[event(name = "order.placed")]
    Placed { customer: String },
}

/// A customer's address: shipping's own copy.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Address {
    name: String,
    address: String,
}

impl ReadModel for Address {
    const NAME: &'static str = "shipping_addresses";
    type Event = CustomerNews;
    type Key = String;

    fn keys(recorded: &Recorded<CustomerNews>) -> impl IntoIterator<Item = String> {
        [recorded.stream.entity_id().to_owned()]
    }

    fn apply(&mut self, _customer: &String, recorded: &Recorded<CustomerNews>) {
        match &recorded.event {
            CustomerNews::Registered { name, address } => {
                (self.name, self.address) = (name.clone(), address.clone());
            }
            CustomerNews::Moved { address } => self.address = address.clone(),
        }
    }
}

/// Books a shipment for each order that is placed. It may be told of an order twice, after a crash; the
/// command runs once.
#[derive(Clone)]
struct BookShipments(Repository<Shipment>);

#[async_trait]
impl Reactor for BookShipments {
    const NAME: &'static str = "shipping_bookings";
    type Event = OrderNews;

    async fn react(
        &self,
        recorded: &Recorded<OrderNews>,
        cx: &Reaction,
    ) -> Result<(), HandlerError> {
        let OrderNews::Placed { customer } = &recorded.event;
        let order = recorded.stream.entity_id().to_owned();
        let book = ShipmentCommand::Book { customer: customer.clone() };
        cx.execute(&self.0, &order, &book).await?;
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "shipment")]
enum ShipmentEvent {
    Booked { order: String, customer: String },
    Dispatched { order: String, address: String },
}

enum ShipmentCommand {
    Book { customer: String },
    Dispatch { address: String },
}

#[derive(Debug, Error)]
enum Declined {
    #[error("a shipment is booked for this order already")]
    BookedAlready,
    #[error("no shipment that could leave is booked for this order")]
    NothingToDispatch,
}

/// The one shipment of an order; its id is the order's.
#[derive(Debug, Clone, Default, PartialEq)]
enum Shipment {
    #[default]
    None,
    Booked,
    Dispatched,
}

impl Aggregate for Shipment {
    type Id = String;
    type Command = ShipmentCommand;
    type Event = ShipmentEvent;
    type Error = Declined;

    fn handle(
        &self,
        command: &ShipmentCommand,
        cx: &Context<Self>,
    ) -> Result<Vec<ShipmentEvent>, Declined> {
        let order = cx.id().clone();
        let event = match (command, self) {
            (ShipmentCommand::Book { customer }, Self::None) => {
                ShipmentEvent::Booked { order, customer: customer.clone() }
            }
            (ShipmentCommand::Dispatch { address }, Self::Booked) => {
                ShipmentEvent::Dispatched { order, address: address.clone() }
            }
            (ShipmentCommand::Book { .. }, _) => return Err(Declined::BookedAlready),
            (ShipmentCommand::Dispatch { .. }, _) => return Err(Declined::NothingToDispatch),
        };
        Ok(vec![event])
    }

    fn apply(&mut self, event: &ShipmentEvent) {
        *self = match event {
            ShipmentEvent::Booked { .. } => Self::Booked,
            ShipmentEvent::Dispatched { .. } => Self::Dispatched,
        };
    }
}

/// What is to be brought to whom: the warehouse's list, by order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Delivery {
    customer: String,
    has_left: bool,
    /// What the next thing that is done about it follows from.
    because: Metadata,
}

impl ReadModel for Delivery {
    const NAME: &'static str = "shipping_deliveries";
    type Event = ShipmentEvent;
    type Key = String;

    fn keys(recorded: &Recorded<ShipmentEvent>) -> impl IntoIterator<Item = String> {
        [recorded.stream.entity_id().to_owned()]
    }

    fn apply(&mut self, _order: &String, recorded: &Recorded<ShipmentEvent>) {
        match &recorded.event {
            ShipmentEvent::Booked { customer, .. } => self.customer = customer.clone(),
            ShipmentEvent::Dispatched { .. } => self.has_left = true,
        }
        self.because = Metadata::caused_by(recorded);
    }

    fn columns() -> Columns<Self> {
        Columns::new().indexed("has_left", |delivery: &Self| delivery.has_left)
    }
}

#[cfg(test)]
mod tests;
