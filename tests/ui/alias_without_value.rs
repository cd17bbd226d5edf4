use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(alias)]
    Opened,
}

fn main() {}
