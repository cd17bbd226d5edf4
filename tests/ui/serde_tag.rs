use annals::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[derive(Serialize, Deserialize)]
#[event(category = "account")]
#[serde(tag = "type", content = "data")]
enum AccountEvent {
    Opened,
}

fn main() {}
