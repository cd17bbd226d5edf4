use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(version = 4, upcast(from = 2, with = up))]
    Opened,
}

fn main() {}
