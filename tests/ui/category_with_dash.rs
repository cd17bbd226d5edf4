use annals::Event;

#[derive(Event)]
#[event(category = "bank-account")]
enum AccountEvent {
    Opened,
}

fn main() {}
