use annals::Event;

#[derive(Event)]
#[event(category = "account", crate = "my annals")]
enum AccountEvent {
    Opened,
}

fn main() {}
