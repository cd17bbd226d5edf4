#![expect(clippy::needless_pass_by_value, reason = "an upcaster is given the payload")]
#![expect(clippy::indexing_slicing, reason = "a JSON value gives null for what is not there")]

use annals::{DecodeError, Event, EventType, NewEvent, Upcast};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Test, read, report, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "person")]
enum PersonEvent {
    #[event(version = 3, upcast(from = 2, with = names::with_country), upcast(from = 1, with = names::split))]
    #[event(alias = "person.created")]
    Registered {
        first: String,
        last: String,
        country: String,
    },

    #[event(version = 2, upcast(from = 1, with = one_by_one))]
    Tagged(String),

    #[event(version = 2, upcast(from = 1, with = left_and_entered))]
    Moved,
    Left {
        house: u32,
    },
    Entered {
        house: u32,
    },

    #[event(version = 2, upcast(from = 1, with = nothing))]
    Pinged,

    #[event(version = 3, upcast(from = 1, with = next), upcast(from = 2, with = back_to_1))]
    Circular,

    #[event(version = 2, upcast(from = 1, with = to_the_future))]
    Early,
}

mod names {
    use super::{Value, json};

    pub(super) fn split(old: Value) -> Result<Value, &'static str> {
        let (first, last) =
            old["name"].as_str().and_then(|name| name.split_once(' ')).ok_or("no full name")?;
        Ok(json!({ "first": first, "last": last }))
    }

    pub(super) fn with_country(old: Value) -> Value {
        json!({ "first": old["first"], "last": old["last"], "country": "unknown" })
    }
}

fn one_by_one(old: Value) -> Vec<Value> {
    old.as_array().cloned().unwrap_or_default()
}

fn left_and_entered(old: Value) -> Vec<Upcast> {
    const LEFT: EventType = EventType::from_static("person.left");
    const ENTERED: EventType = EventType::from_static("person.entered");
    vec![
        Upcast::to(LEFT, 1, json!({ "house": old["from"] })),
        Upcast::next(json!({})),
        Upcast::to(ENTERED, 1, json!({ "house": old["to"] })),
    ]
}

fn nothing(_: Value) -> Vec<Upcast> {
    Vec::new()
}

fn next(old: Value) -> Upcast {
    Upcast::next(old)
}

const CIRCULAR: EventType = EventType::from_static("person.circular");

fn back_to_1(old: Value) -> Upcast {
    Upcast::to(CIRCULAR, 1, old)
}

fn to_the_future(old: Value) -> Upcast {
    Upcast::to(EventType::from_static("person.tagged"), 9, old)
}

fn anna(country: &str) -> PersonEvent {
    PersonEvent::Registered { first: "Anna".into(), last: "Bell".into(), country: country.into() }
}

#[test]
fn today_s_events_are_stored_at_today_s_version() -> Test {
    assert_eq!(anna("de").encode()?.schema_version, 3);
    assert_eq!(NewEvent::encode(&anna("de"))?.event, anna("de").encode()?);
    round_trip(&anna("de"))?;
    Ok(())
}

#[test]
fn upcasters_run_one_after_the_other_from_the_stored_version_on() -> Test {
    for name in ["person.registered", "person.created"] {
        let first = stored(name, 1, r#"{"name":"Anna Bell"}"#)?;
        assert_eq!(read::<PersonEvent>(&first)?, [anna("unknown")]);
        let second = stored(name, 2, r#"{"first":"Anna","last":"Bell"}"#)?;
        assert_eq!(read::<PersonEvent>(&second)?, [anna("unknown")]);
        let third = stored(name, 3, r#"{"first":"Anna","last":"Bell","country":"de"}"#)?;
        assert_eq!(read::<PersonEvent>(&third)?, [anna("de")]);
    }
    Ok(())
}

#[test]
fn one_event_of_old_may_be_several_of_today_but_not_none() -> Test {
    let tags = read::<PersonEvent>(&stored("person.tagged", 1, r#"["a","b"]"#)?)?;
    assert_eq!(tags, [PersonEvent::Tagged("a".into()), PersonEvent::Tagged("b".into())]);
    let error = read::<PersonEvent>(&stored("person.pinged", 1, "{}")?).unwrap_err();
    assert!(report(&error).contains("the upcaster returned no event"), "{error}");
    Ok(())
}

#[test]
fn an_event_of_old_may_be_other_events_of_today() -> Test {
    let moved = read::<PersonEvent>(&stored("person.moved", 1, r#"{"from":1,"to":2}"#)?)?;
    let today =
        [PersonEvent::Left { house: 1 }, PersonEvent::Moved, PersonEvent::Entered { house: 2 }];
    assert_eq!(moved, today);
    Ok(())
}

#[test]
fn a_failing_upcaster_says_what_it_was_given_and_why_it_failed() -> Test {
    let error =
        read::<PersonEvent>(&stored("person.created", 1, r#"{"name":"Anna"}"#)?).unwrap_err();
    assert!(matches!(error, DecodeError::Upcast { schema_version: 1, .. }));
    let text = "person.created cannot be brought up from schema version 1: no full name";
    assert_eq!(report(&error), text);
    Ok(())
}

#[test]
fn what_an_upcaster_made_is_checked_like_what_was_stored() -> Test {
    let error = read::<PersonEvent>(&stored("person.tagged", 1, "[7]")?).unwrap_err();
    assert!(matches!(error, DecodeError::Payload { .. }), "{error}");
    let error = read::<PersonEvent>(&stored("person.early", 1, "{}")?).unwrap_err();
    assert!(matches!(error, DecodeError::Newer { schema_version: 9, known: 2, .. }), "{error}");
    Ok(())
}

#[test]
fn upcasters_that_lead_in_a_circle_are_an_error() -> Test {
    let error = read::<PersonEvent>(&stored("person.circular", 1, "{}")?).unwrap_err();
    let text = "person.circular cannot be brought up from schema version 2: \
                the upcaster leads back to person.circular of schema version 1";
    assert_eq!(report(&error), text);
    Ok(())
}

#[test]
fn versions_start_at_1() -> Test {
    let error = read::<PersonEvent>(&stored("person.created", 0, "{}")?).unwrap_err();
    assert!(matches!(error, DecodeError::NoUpcaster { schema_version: 0, .. }), "{error}");
    Ok(())
}
