use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent<T: Send> {
    Opened(T),
}

fn main() {}
