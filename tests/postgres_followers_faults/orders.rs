//! Orders.

use annals::{Event, NewEvent, StreamId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "order")]
pub(crate) enum Ordered {
    Placed { number: u64, day: i32, cents: i64 },
}

pub(crate) fn stream(customer: impl std::fmt::Display) -> StreamId {
    StreamId::new("order", customer).unwrap()
}

pub(crate) fn placed(number: u64) -> NewEvent {
    let day = i32::try_from(number % 50).unwrap();
    let cents = (number % 977).cast_signed();
    NewEvent::encode(&Ordered::Placed { number, day, cents }).unwrap()
}
