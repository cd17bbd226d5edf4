//! What is stored: the events of accounts, as one type for annals and for the code by hand.

use annals::{Aggregate, Context, Event, Snapshot, SnapshotPolicy};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
pub(crate) enum AccountEvent {
    Opened(Opened),
    Deposited(Deposited),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) owner: String,
    pub(crate) currency: String,
    pub(crate) limit_cents: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deposited {
    pub(crate) cents: u64,
    pub(crate) reference: String,
}

impl AccountEvent {
    pub(crate) fn opened(nth: u64) -> Self {
        Self::Opened(Opened {
            owner: format!("customer {nth}"),
            currency: "EUR".to_owned(),
            limit_cents: 50_000,
        })
    }

    pub(crate) fn deposited(nth: u64) -> Self {
        Self::Deposited(Deposited { cents: nth % 10_000, reference: format!("invoice {nth}") })
    }

    /// Mostly deposits.
    pub(crate) fn example(nth: u64) -> Self {
        if nth.is_multiple_of(10) { Self::opened(nth) } else { Self::deposited(nth) }
    }

    /// The stored name and the JSON of the content, the way one writes it by hand.
    pub(crate) fn by_hand(&self) -> serde_json::Result<(&'static str, String)> {
        Ok(match self {
            Self::Opened(opened) => ("account.opened", serde_json::to_string(opened)?),
            Self::Deposited(deposited) => ("account.deposited", serde_json::to_string(deposited)?),
        })
    }

    pub(crate) fn from_hand(event_type: &str, payload: &str) -> serde_json::Result<Self> {
        match event_type {
            "account.opened" => serde_json::from_str(payload).map(Self::Opened),
            "account.deposited" => serde_json::from_str(payload).map(Self::Deposited),
            other => Err(serde::de::Error::custom(format_args!("no event is called {other}"))),
        }
    }
}

/// The balance of an account, or of all of them: a fold that costs next to nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) cents: u64,
}

/// After how many events a snapshot is due; as if nothing were said.
pub(crate) const EVERY: u64 = 100;

impl Snapshot for Account {
    const POLICY: SnapshotPolicy = SnapshotPolicy::every(EVERY);
}

impl Aggregate for Account {
    type Id = uuid::Uuid;
    /// What is to happen.
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
        if let AccountEvent::Deposited(deposited) = event {
            self.cents += deposited.cents;
        }
    }
}
