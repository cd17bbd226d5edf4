use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    Opened,
    #[event(name = "account.opened")]
    Created,
}

fn main() {}
