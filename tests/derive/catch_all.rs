use annals::{Event, EventData, EventType, Upcast};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Test, read, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    Opened,
    #[event(other)]
    Unknown(EventData),
    #[event(version = 2, upcast(from = 1, with = renamed))]
    Closed {
        reason: String,
    },
}

fn renamed(old: Value) -> Upcast {
    Upcast::to(EventType::from_static("account.retired"), 7, old)
}

/// Takes whatever there is.
#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
enum Untyped {
    #[event(other)]
    Any(EventData),
}

#[test]
fn unknown_events_are_kept_to_the_letter_and_written_back_the_same() -> Test {
    for json in [r#"{ "b" : 1.0e0, "a" : 18446744073709551616 }"#, "null", r#""\u0000""#] {
        let data = stored("elsewhere.happened", 42, json)?;
        let events = read::<AccountEvent>(&data)?;
        assert_eq!(events, [AccountEvent::Unknown(data.clone())]);
        assert_eq!(events[0].event_type(), "elsewhere.happened");
        assert_eq!(events[0].encode()?, data);
        assert_eq!(events[0].encode()?.payload.as_str(), json);
        assert_eq!(read::<Untyped>(&data)?, [Untyped::Any(data)]);
    }
    const { assert!(AccountEvent::CATCHES_ALL && Untyped::CATCHES_ALL) };
    assert_eq!(AccountEvent::EVENT_TYPES, ["account.opened", "account.closed"]);
    assert!(Untyped::EVENT_TYPES.is_empty());
    Ok(())
}

#[test]
fn the_variants_around_a_catch_all_are_read_as_themselves() -> Test {
    round_trip(&AccountEvent::Opened)?;
    assert_eq!(
        round_trip(&AccountEvent::Closed { reason: "moved".into() })?,
        r#"{"reason":"moved"}"#
    );
    Ok(())
}

#[test]
fn a_catch_all_hides_no_mistake_in_a_known_event() -> Test {
    assert!(read::<AccountEvent>(&stored("account.closed", 2, "{}")?).is_err());
    assert!(read::<AccountEvent>(&stored("account.closed", 3, r#"{"reason":""}"#)?).is_err());
    Ok(())
}

#[test]
fn an_upcaster_may_lead_to_the_catch_all() -> Test {
    let events = read::<AccountEvent>(&stored("account.closed", 1, r#"{"why":0}"#)?)?;
    assert_eq!(events, [AccountEvent::Unknown(stored("account.retired", 7, r#"{"why":0}"#)?)]);
    Ok(())
}
