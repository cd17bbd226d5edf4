use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {}

fn main() {}
