use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(alias = "account.opened")]
    Opened,
}

fn main() {}
