use annals::Event;

#[derive(Event)]
#[event(union)]
enum BankEvent {
    Opened { owner: String },
    Closed,
    Account(AccountEvent, u8),
}

fn main() {}
