use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 4294967296)]
    Opened,
}

fn main() {}
