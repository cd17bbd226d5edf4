use annals::{Event, EventData};

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(other, name = "account.unknown")]
    Unknown(EventData),
}

fn main() {}
