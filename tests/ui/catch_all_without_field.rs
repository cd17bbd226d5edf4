use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    Opened,
    #[event(other)]
    Unknown,
}

fn main() {}
