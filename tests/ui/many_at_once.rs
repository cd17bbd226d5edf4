use annals::Event;

#[derive(Event)]
#[event(categroy = "account")]
enum AccountEvent {
    #[event(version = 2, aliases = "account.created")]
    Opened,
    #[event(upcast(from = 0, with = "up"))]
    Closed,
}

fn main() {}
