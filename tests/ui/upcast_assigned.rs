use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 2, upcast = up)]
    Opened,
}

fn main() {}
