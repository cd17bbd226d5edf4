use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(alias = "account.closed")]
    Opened,
    Closed,
}

fn main() {}
