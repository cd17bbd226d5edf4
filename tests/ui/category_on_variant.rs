use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(category = "account")]
    Opened,
}

fn main() {}
