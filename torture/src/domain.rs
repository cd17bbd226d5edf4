//! What is written: money that moves between accounts, orders, and letters about orders. Every event carries the tag of
//! what was asked for, so that whatever is in the log can be traced to whoever sent it.

use std::convert::Infallible;

use annals::{Aggregate, Context, Event, EventId, NewEvent, Recorded, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Trouble;

/// Of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
pub(crate) enum Moved {
    Deposited { cents: i64, tag: Uuid },
    Withdrawn { cents: i64, tag: Uuid },
}

/// Of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "order")]
pub(crate) enum Ordered {
    Placed { tag: Uuid },
}

/// What a reactor sends, to the customer who has ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "letter")]
pub(crate) enum Letter {
    Sent { tag: Uuid },
}

impl Moved {
    /// What it adds to the account.
    pub(crate) fn cents(&self) -> i64 {
        match self {
            Self::Deposited { cents, .. } => *cents,
            Self::Withdrawn { cents, .. } => -cents,
        }
    }
}

/// An event of `category` that adds `cents`, as it is stored; of an order when the category is not that of accounts.
pub(crate) fn event(
    stream: &StreamId,
    cents: i64,
    tag: Uuid,
    id: Uuid,
) -> Result<NewEvent, Trouble> {
    let event = match (stream.category(), cents) {
        ("account", 0..) => NewEvent::encode(&Moved::Deposited { cents, tag })?,
        ("account", _) => NewEvent::encode(&Moved::Withdrawn { cents: -cents, tag })?,
        _ => NewEvent::encode(&Ordered::Placed { tag })?,
    };
    Ok(event.with_id(EventId::from(id)))
}

/// An account. It must never be overdrawn: who withdraws has looked first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) balance: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) cents: i64,
    pub(crate) tag: Uuid,
}

#[derive(Debug, thiserror::Error)]
#[error("there are only {0} cents")]
pub(crate) struct Insufficient(i64);

impl Aggregate for Account {
    type Id = String;
    type Command = Move;
    type Event = Moved;
    type Error = Insufficient;

    fn handle(&self, command: &Move, _: &Context<Self>) -> Result<Vec<Moved>, Insufficient> {
        let Move { cents, tag } = *command;
        match cents {
            0.. => Ok(vec![Moved::Deposited { cents, tag }]),
            _ if self.balance + cents < 0 => Err(Insufficient(self.balance)),
            _ => Ok(vec![Moved::Withdrawn { cents: -cents, tag }]),
        }
    }

    fn apply(&mut self, event: &Moved) {
        self.balance += event.cents();
    }
}

/// The letters to one customer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Letters;

impl Aggregate for Letters {
    type Id = String;
    type Command = Uuid;
    type Event = Letter;
    type Error = Infallible;

    fn handle(&self, tag: &Uuid, _: &Context<Self>) -> Result<Vec<Letter>, Infallible> {
        Ok(vec![Letter::Sent { tag: *tag }])
    }

    fn apply(&mut self, _: &Letter) {}
}

/// What a read model keeps: how many events there were, what they come to, and which they were in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) events: i64,
    pub(crate) cents: i64,
    pub(crate) last: i64,
    trail: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, position: i64, cents: i64) {
        self.events += 1;
        self.cents += cents;
        self.last = position;
        self.trail = self.trail.rotate_left(7).wrapping_mul(31) ^ position.unsigned_abs();
    }

    pub(crate) fn take(&mut self, recorded: &Recorded<Moved>) {
        self.add(position(recorded), recorded.event.cents());
    }
}

pub(crate) fn position<E>(recorded: &Recorded<E>) -> i64 {
    recorded.position.get().cast_signed()
}
