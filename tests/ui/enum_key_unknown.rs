use annals::Event;

#[derive(Event)]
#[event(categroy = "account")]
enum AccountEvent {
    Opened,
}

fn main() {}
