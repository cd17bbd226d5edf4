use annals::{Event, EventData};

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    Opened,
    #[event(other)]
    Unknown { data: EventData },
}

fn main() {}
