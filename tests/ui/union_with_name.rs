use annals::Event;

#[derive(Event)]
#[event(union)]
enum BankEvent {
    #[event(name = "account")]
    Account(AccountEvent),
}

fn main() {}
