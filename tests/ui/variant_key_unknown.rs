use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(rename = "account.created")]
    Opened,
}

fn main() {}
