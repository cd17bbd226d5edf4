use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 0)]
    Opened,
}

fn main() {}
