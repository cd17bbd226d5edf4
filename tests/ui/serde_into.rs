use annals::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[derive(Clone, Serialize, Deserialize)]
#[event(category = "account")]
#[serde(into = "String", from = "String")]
enum AccountEvent {
    Opened,
}

impl From<AccountEvent> for String {
    fn from(_: AccountEvent) -> Self {
        Self::new()
    }
}

impl From<String> for AccountEvent {
    fn from(_: String) -> Self {
        Self::Opened
    }
}

fn main() {}
