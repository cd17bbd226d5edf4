//! What is stored: the events of accounts, as one type for annals and for the code by hand.

use annals::Event;
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

    /// The stored name and the JSON of the content, the way one writes it by hand.
    pub(crate) fn by_hand(&self) -> serde_json::Result<(&'static str, String)> {
        Ok(match self {
            Self::Opened(opened) => ("account.opened", serde_json::to_string(opened)?),
            Self::Deposited(deposited) => ("account.deposited", serde_json::to_string(deposited)?),
        })
    }
}
