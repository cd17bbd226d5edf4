use annals::Event;

#[derive(Event)]
#[event(category = "account")]
#[event(category = "bank")]
enum AccountEvent {
    Opened,
}

fn main() {}
