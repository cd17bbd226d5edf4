use annals::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[derive(Serialize, Deserialize)]
#[event(category = "account")]
#[serde(untagged)]
enum AccountEvent {
    Opened,
}

fn main() {}
