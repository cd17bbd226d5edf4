use annals::Event;

#[derive(Event)]
#[event(category = account)]
enum AccountEvent {
    Opened,
}

fn main() {}
