use annals::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[derive(Serialize, Deserialize)]
#[event(category = "account")]
enum AccountEvent {
    #[serde(skip)]
    Opened,
    #[serde(skip_deserializing)]
    Closed,
}

fn main() {}
