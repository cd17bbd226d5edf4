use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    Eröffnet,
}

fn main() {}
