use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(name = "account opened")]
    Opened,
}

fn main() {}
