use annals::{Event, EventData};

#[derive(Event)]
enum AnyEvent {
    One(EventData),
    Two(EventData),
}

fn main() {}
