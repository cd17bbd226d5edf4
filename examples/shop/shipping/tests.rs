use std::{collections::BTreeMap, sync::Mutex};

use annals::{EventId, EventStore, EventStoreExt, MemoryStore, Options, RetryPolicy, TryStreamExt};

use super::*;
use crate::{customers::Customers, orders::Orders};

/// Books, and is killed before it has said so, the first time it hears of an order.
struct KilledAfterwards {
    bookings: BookShipments,
    heard: Mutex<BTreeMap<EventId, u32>>,
}

#[async_trait]
impl Reactor for KilledAfterwards {
    const NAME: &'static str = BookShipments::NAME;
    type Event = OrderNews;

    async fn react(
        &self,
        recorded: &Recorded<OrderNews>,
        cx: &Reaction,
    ) -> Result<(), HandlerError> {
        self.bookings.react(recorded, cx).await?;
        let mut heard = self.heard.lock().unwrap();
        let times = heard.entry(cx.event_id()).or_default();
        *times += 1;
        if *times == 1 { Err("killed".into()) } else { Ok(()) }
    }

    fn options(&self) -> Options {
        let at_once = Duration::from_millis(1);
        Options::new().with_retry(RetryPolicy::default().with_retries(1).with_first_pause(at_once))
    }
}

#[tokio::test]
async fn a_booking_that_is_made_twice_is_made_once() {
    let store = MemoryStore::new();
    let bookings = BookShipments(Repository::new(store.clone()));
    let killed = KilledAfterwards { bookings, heard: Mutex::default() };
    let followers = Followers::new(store.clone()).reactor(killed, Start::Beginning);
    let running = followers.start().await.unwrap();

    let orders = Orders::start(store.clone()).await.unwrap();
    for order in ["1", "2", "3"] {
        let placed = orders.place(order, "anna", &[("mug", 1)]).await.unwrap();
        running.wait_for(BookShipments::NAME, placed.position, PATIENCE).await.unwrap();
    }
    let events: Vec<Recorded<ShipmentEvent>> =
        store.events_after(Position::START).try_collect().await.unwrap();
    let booked: Vec<_> = events.iter().map(|booked| booked.stream.entity_id()).collect();
    assert_eq!(booked, ["1", "2", "3"]);
    orders.stop().await;
    running.shutdown().await;
}

#[tokio::test]
async fn a_parcel_goes_to_where_its_customer_lives_when_it_leaves() {
    let store = MemoryStore::new();
    let customers = Customers::new(store.clone());
    let orders = Orders::start(store.clone()).await.unwrap();
    let shipping = Shipping::start(store.clone()).await.unwrap();
    customers.register("anna", "Anna Ames", "1 Mill Lane").await.unwrap();

    for (order, moved_to) in [("1", "22 Quay Street"), ("2", "3 Hill Road")] {
        let placed = orders.place(order, "anna", &[("mug", 1)]).await.unwrap();
        assert!(shipping.booked(placed.position).await.unwrap().contains(&order.to_owned()));
        let moved = customers.move_to("anna", moved_to).await.unwrap();
        let (name, address) = ("Anna Ames".to_owned(), moved_to.to_owned());
        let parcel = Parcel { order: order.to_owned(), name, address };
        assert_eq!(shipping.dispatch_all(moved).await.unwrap(), [parcel]);
    }
    assert_eq!(shipping.dispatch_all(store.head().await.unwrap()).await.unwrap(), []);
    orders.stop().await;
    shipping.stop().await;
}
