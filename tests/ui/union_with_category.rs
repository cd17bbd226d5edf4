use annals::Event;

#[derive(Event)]
#[event(union, category = "bank")]
enum BankEvent {
    Account(AccountEvent),
}

fn main() {}
