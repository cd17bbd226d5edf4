use annals::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(name = "account.opened")]
    Opened,
    Closed,
}

fn main() {}
