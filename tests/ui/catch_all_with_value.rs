use annals::{Event, EventData};

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(other = true)]
    Unknown(EventData),
}

fn main() {}
