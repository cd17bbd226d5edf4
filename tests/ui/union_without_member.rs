use annals::{Event, EventData};

#[derive(Event)]
#[event(union)]
enum BankEvent {
    #[event(other)]
    Other(EventData),
}

fn main() {}
