use annals::{DecodeError, Event, EventData, EventType, Upcast};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Test, read, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    #[event(alias = "account.created", version = 2, upcast(from = 1, with = twice))]
    Opened,
    Closed,
    #[event(other)]
    Unknown(EventData),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "transfer")]
enum TransferEvent {
    Requested { cents: u64 },
}

fn twice(old: Value) -> Vec<Upcast> {
    let closed = Upcast::to(EventType::from_static("account.closed"), 1, old.clone());
    vec![Upcast::next(old), closed]
}

#[derive(Debug, PartialEq, Event)]
#[event(union)]
enum BankEvent {
    Account(AccountEvent),
    Transfer(TransferEvent),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "mail")]
enum MailEvent {
    Sent,
}

#[derive(Debug, PartialEq, Event)]
#[event(union)]
enum Everything {
    Bank(BankEvent),
    #[event(other)]
    Other(EventData),
    Mail(MailEvent),
}

#[test]
fn a_union_reads_the_names_of_its_members() {
    const EVENT_TYPES: &[&str] = BankEvent::EVENT_TYPES;
    assert_eq!(
        EVENT_TYPES,
        ["account.opened", "account.created", "account.closed", "transfer.requested"]
    );
    assert_eq!(Everything::EVENT_TYPES[..4], *EVENT_TYPES);
    assert_eq!(Everything::EVENT_TYPES[4..], ["mail.sent"]);
}

#[test]
fn a_member_s_event_is_stored_as_if_there_were_no_union() -> Test {
    let transfer = BankEvent::Transfer(TransferEvent::Requested { cents: 5 });
    assert_eq!(transfer.encode()?, TransferEvent::Requested { cents: 5 }.encode()?);
    assert_eq!(round_trip(&transfer)?, r#"{"cents":5}"#);
    round_trip(&BankEvent::Account(AccountEvent::Opened))?;
    round_trip(&Everything::Bank(transfer))?;
    round_trip(&Everything::Mail(MailEvent::Sent))?;
    Ok(())
}

#[test]
fn a_member_s_upcasters_run() -> Test {
    let events = read::<BankEvent>(&stored("account.created", 1, "{}")?)?;
    assert_eq!(events, [AccountEvent::Opened, AccountEvent::Closed].map(BankEvent::Account));
    Ok(())
}

#[test]
fn a_member_s_catch_all_is_not_asked() -> Test {
    const { assert!(!BankEvent::CATCHES_ALL) };
    let data = stored("elsewhere.happened", 3, "{ }")?;
    assert!(matches!(read::<BankEvent>(&data), Err(DecodeError::Unknown { .. })));
    assert_eq!(read::<AccountEvent>(&data)?, [AccountEvent::Unknown(data)]);
    Ok(())
}

#[test]
fn a_union_s_own_catch_all_keeps_the_rest() -> Test {
    const { assert!(Everything::CATCHES_ALL) };
    let data = stored("elsewhere.happened", 3, "{ }")?;
    let events = read::<Everything>(&data)?;
    assert_eq!(events, [Everything::Other(data.clone())]);
    assert_eq!((events[0].event_type(), events[0].encode()?), ("elsewhere.happened", data));
    Ok(())
}

#[test]
fn what_a_member_cannot_read_is_an_error_of_the_union() -> Test {
    let error = read::<Everything>(&stored("transfer.requested", 1, "{}")?).unwrap_err();
    assert!(matches!(error, DecodeError::Payload { .. }), "{error}");
    Ok(())
}
