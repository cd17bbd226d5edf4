use annals::Event;
use serde::{Deserialize, Serialize};

#[derive(Event)]
#[derive(Serialize, Deserialize)]
#[event(category = "account")]
enum AccountEvent {
    Opened,
    #[serde(other)]
    Unknown,
}

fn main() {}
