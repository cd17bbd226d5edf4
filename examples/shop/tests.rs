//! The story, and what it stands for, on either store.

use std::collections::BTreeMap;

use annals::{EventData, EventStore, EventStoreExt, Recorded, TryStreamExt};
use serde_json::Value;

use super::*;

#[cfg(feature = "postgres")]
#[path = "../../tests/postgres/fresh.rs"]
#[allow(dead_code, reason = "shared with other tests, which need more of it")]
mod fresh;

macro_rules! on_each_store {
    ($($case:ident,)*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(annals::MemoryStore::new()).await;
            })*
        }

        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::fresh::fresh_store().await).await;
            })*
        }
    };
}

on_each_store! {
    the_story_holds,
    it_is_told_once,
    each_order_has_one_shipment_however_often_shipping_is_restarted,
    pricing_that_is_added_later_knows_all_that_came_before,
}

async fn the_story_holds<S: FollowerStore>(store: S) {
    story(store).await.unwrap();
}

async fn it_is_told_once<S: FollowerStore>(store: S) {
    Customers::new(store.clone()).register("carl", "Carl Cobb", "3 Hill Road").await.unwrap();
    let error = story(store).await.unwrap_err();
    assert!(error.to_string().contains("--schema"), "{error}");
}

/// Shipping goes in the middle of its work: every other time it does not even wait for its last step to end.
async fn each_order_has_one_shipment_however_often_shipping_is_restarted<S: FollowerStore>(
    store: S,
) {
    let orders = Orders::start(store.clone()).await.unwrap();
    let mut placed = Vec::new();
    for round in 0..12 {
        let shipping = Shipping::start(store.clone()).await.unwrap();
        let mut positions = Vec::new();
        for nth in 0..10 {
            let order = format!("{round:02}-{nth}");
            positions.push(orders.place(&order, "anna", &[("mug", 1)]).await.unwrap().position);
            placed.push(order);
        }
        shipping.booked(positions[4]).await.unwrap();
        if round % 2 == 0 {
            shipping.stop().await;
        }
    }
    let shipping = Shipping::start(store.clone()).await.unwrap();
    assert_eq!(shipping.booked(store.head().await.unwrap()).await.unwrap(), placed);
    shipping.stop().await;
    orders.stop().await;

    let mut booked = Vec::new();
    let mut causes = BTreeMap::new();
    for recorded in history(&store).await {
        let order = recorded.stream.entity_id().to_owned();
        match recorded.event.event_type.as_str() {
            "order.placed" => drop(causes.insert(order, recorded.id.as_uuid())),
            "shipment.booked" => {
                let cause = recorded.metadata.causation_id.unwrap().as_uuid();
                assert_eq!(causes[&order], cause, "{order}");
                booked.push(order);
            }
            other => panic!("{other}"),
        }
    }
    booked.sort();
    assert_eq!(booked, placed, "once each");
}

async fn pricing_that_is_added_later_knows_all_that_came_before<S: FollowerStore>(store: S) {
    let orders = Orders::start(store.clone()).await.unwrap();
    let place = async |number: u64| {
        let lines = [("mug", number % 5 + 1), ("teapot", 1), ("mug", 2)];
        let lines = &lines[..usize::try_from(number % 3 + 1).unwrap()];
        orders.place(&number.to_string(), "anna", lines).await.unwrap();
    };
    for number in 0..300 {
        place(number).await;
    }
    let before = store.head().await.unwrap();

    let pricing = Pricing::start(store.clone()).await.unwrap();
    let demand = pricing.demand(before).await.unwrap();
    let ordered: BTreeMap<_, _> = demand.into_iter().map(|(key, row)| (key, row.ordered)).collect();
    assert_eq!(ordered, ordered_by(&store).await, "after replay");
    assert_eq!(store.head().await.unwrap(), before, "nobody else was troubled");

    for number in 300..330 {
        place(number).await;
    }
    let demand = pricing.demand(store.head().await.unwrap()).await.unwrap();
    let ordered: BTreeMap<_, _> = demand.into_iter().map(|(key, row)| (key, row.ordered)).collect();
    assert_eq!(ordered, ordered_by(&store).await, "and live");
    pricing.stop().await;
    orders.stop().await;
}

/// What was ordered of each article, by what is stored, not by what the services read.
async fn ordered_by(store: &impl EventStore) -> BTreeMap<String, u64> {
    let mut ordered = BTreeMap::new();
    for recorded in history(store).await {
        if recorded.event.event_type.as_str() == "order.placed" {
            let payload: Value = serde_json::from_str(recorded.event.payload.as_str()).unwrap();
            for line in payload["lines"].as_array().unwrap() {
                let article = line["article"].as_str().unwrap().to_owned();
                *ordered.entry(article).or_default() += line["units"].as_u64().unwrap();
            }
        }
    }
    ordered
}

async fn history(store: &impl EventStore) -> Vec<Recorded<EventData>> {
    store.events_after(Position::START).try_collect().await.unwrap()
}
