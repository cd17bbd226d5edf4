use annals::Event;

#[derive(Event)]
#[event(category = "account")]
struct AccountOpened {
    owner: String,
}

fn main() {}
