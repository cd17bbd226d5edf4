use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(upcast(from = 1, with = up))]
    Opened,
}

fn main() {}
