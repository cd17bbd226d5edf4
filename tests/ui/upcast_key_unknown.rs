use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 2, upcast(from = 1, to = 2, with = up))]
    Opened,
}

fn main() {}
