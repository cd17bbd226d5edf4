//! What the customers order, and how their orders stand.
//!
//! What others may rely on: `order.placed` with the customer and the lines, in the stream of the order.

use std::time::Duration;

use annals::{
    Aggregate, CommandError, Context, Event, Executed, FollowerStore, Followers, Metadata,
    Position, ReadModel, Recorded, Repository, Running, StartError,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Problem;

/// The service.
pub(crate) struct Orders<S: FollowerStore> {
    orders: Repository<Order>,
    running: Running<S>,
}

impl<S: FollowerStore> Orders<S> {
    pub(crate) async fn start(store: S) -> Result<Self, StartError> {
        let running = Followers::new(store.clone()).read_model::<Standing>().start().await?;
        Ok(Self { orders: Repository::new(store), running })
    }

    pub(crate) async fn place(
        &self,
        order: &str,
        customer: &str,
        lines: &[(&str, u64)],
    ) -> Result<Executed<Order>, CommandError<Declined>> {
        let line = |&(article, units): &(&str, u64)| Line { article: article.to_owned(), units };
        let (customer, lines) = (customer.to_owned(), lines.iter().map(line).collect());
        let by_customer = Metadata::by(&customer);
        let place = PlaceOrder { customer, lines };
        self.orders.execute(&order.to_owned(), &place).with_metadata(by_customer).await
    }

    /// How the order stands once everything up to `position` is known here.
    pub(crate) async fn standing(
        &self,
        order: &str,
        position: Position,
    ) -> Result<Option<Standing>, Problem> {
        let standings = self.running.reader::<Standing>();
        let standings = standings.wait_for(position, Duration::from_secs(10)).await?;
        Ok(standings.get(&order.to_owned()).await?)
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "order")]
pub(crate) enum OrderEvent {
    Placed { customer: String, lines: Vec<Line> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    article: String,
    units: u64,
}

pub(crate) struct PlaceOrder {
    customer: String,
    lines: Vec<Line>,
}

#[derive(Debug, Error)]
pub(crate) enum Declined {
    #[error("the order is placed already")]
    PlacedAlready,
    #[error("an order has at least one line")]
    Empty,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    is_placed: bool,
}

impl Aggregate for Order {
    type Id = String;
    type Command = PlaceOrder;
    type Event = OrderEvent;
    type Error = Declined;

    fn handle(&self, place: &PlaceOrder, _: &Context<Self>) -> Result<Vec<OrderEvent>, Declined> {
        if self.is_placed {
            return Err(Declined::PlacedAlready);
        }
        if place.lines.is_empty() {
            return Err(Declined::Empty);
        }
        let PlaceOrder { customer, lines } = place;
        Ok(vec![OrderEvent::Placed { customer: customer.clone(), lines: lines.clone() }])
    }

    fn apply(&mut self, _: &OrderEvent) {
        self.is_placed = true;
    }
}

/// What is heard of shipping: one name, and of what it says only what counts here.
#[derive(Debug, Serialize, Deserialize, Event)]
pub(crate) enum ShippingNews {
    #[event(name = "shipment.dispatched")]
    Dispatched { order: String, address: String },
}

/// Own events and news, in one global order.
#[derive(Debug, Event)]
#[event(union)]
pub(crate) enum Heard {
    Order(OrderEvent),
    Shipping(ShippingNews),
}

/// How an order stands, for its customer to see.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) units: u64,
    /// Where it was sent to.
    pub(crate) sent_to: Option<String>,
}

impl ReadModel for Standing {
    const NAME: &'static str = "orders_standing";
    type Event = Heard;
    type Key = String;

    fn keys(recorded: &Recorded<Heard>) -> impl IntoIterator<Item = String> {
        match &recorded.event {
            Heard::Order(_) => Some(recorded.stream.entity_id().to_owned()),
            Heard::Shipping(ShippingNews::Dispatched { order, .. }) => Some(order.clone()),
        }
    }

    fn apply(&mut self, _order: &String, recorded: &Recorded<Heard>) {
        match &recorded.event {
            Heard::Order(OrderEvent::Placed { lines, .. }) => {
                self.units = lines.iter().map(|line| line.units).sum();
            }
            Heard::Shipping(ShippingNews::Dispatched { address, .. }) => {
                self.sent_to = Some(address.clone());
            }
        }
    }
}
