use annals::{Event, EventData};

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(other)]
    Unknown(EventData),
    #[event(other)]
    Rest(EventData),
}

fn main() {}
