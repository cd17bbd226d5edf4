#![allow(non_camel_case_types)]

use annals::Event;

#[derive(Event)]
#[event(category = "account")]
enum AccountEvent {
    PaidOut,
    Paid_Out,
}

fn main() {}
