use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::InvalidPayload;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Sample {
    Unit,
    Newtype(Vec<f64>),
    Tuple(u8, String),
    Struct { a: u8 },
    Caught(EventData),
}

const SAMPLES: Variants<Sample> = Variants {
    known: &[
        Variant { names: &["unit"], index: 0, schema_version: 1, upcasters: &[] },
        Variant { names: &["newtype"], index: 1, schema_version: 1, upcasters: &[] },
        Variant { names: &["tuple"], index: 2, schema_version: 1, upcasters: &[] },
        Variant {
            names: &["struct", "old.struct"],
            index: 3,
            schema_version: 3,
            upcasters: &[(2, |payload| Ok(vec![json!({ "a": payload }).into()])), (1, split)],
        },
    ],
    catch_all: None,
};

#[expect(clippy::needless_pass_by_value, reason = "an upcaster is given the payload")]
fn split(payload: Value) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
    let numbers = payload.as_array().ok_or("no list")?;
    Ok(numbers.iter().cloned().map(Upcast::next).collect())
}

fn name(name: &'static str) -> EventType {
    EventType::from_static(name)
}

fn stored(event_type: &'static str, schema_version: u32, json: &str) -> EventData {
    EventData { event_type: name(event_type), schema_version, payload: Payload::from_stored(json) }
}

fn read(variants: &Variants<Sample>, data: &EventData) -> Result<Vec<Sample>, DecodeError> {
    let mut events = Vec::new();
    variants.decode(data, &mut events).map(|()| events)
}

#[test]
fn each_kind_of_variant_is_written_without_its_name_and_read_by_its_index() {
    for (sample, event_type, version, json) in [
        (Sample::Unit, "unit", 1, "{}"),
        (Sample::Newtype(vec![0.1]), "newtype", 1, "[0.1]"),
        (Sample::Tuple(1, "x".into()), "tuple", 1, r#"[1,"x"]"#),
        (Sample::Struct { a: 1 }, "struct", 3, r#"{"a":1}"#),
    ] {
        let data = encode(&sample, name(event_type), version).unwrap();
        assert_eq!(data, stored(event_type, version, json));
        assert_eq!(read(&SAMPLES, &data).unwrap(), [sample]);
    }
}

#[test]
fn what_is_no_variant_is_not_written() {
    #[derive(Serialize)]
    struct Plain {
        a: u8,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Untagged {
        Text(&'static str),
        Nothing,
        List(u8, u8),
        Object { a: u8 },
    }

    fn refuse<E: Serialize>(event: &E) {
        let error = encode(event, name("any"), 1).unwrap_err();
        let InvalidPayload::Json(source) = error.source else { panic!("{error:?}") };
        assert_eq!(
            source.to_string(),
            "an event serialises as a variant of its enum, in serde's default form"
        );
    }
    refuse(&Plain { a: 1 });
    refuse(&Untagged::Text("x"));
    refuse(&Untagged::Nothing);
    refuse(&Untagged::List(1, 2));
    refuse(&Untagged::Object { a: 1 });
    refuse(&Some(1));
    refuse(&json!({}));
}

#[test]
fn a_float_without_json_is_not_written() {
    let error = encode(&Sample::Newtype(vec![1.0, f64::NAN]), name("newtype"), 1).unwrap_err();
    assert_eq!(error.to_string(), "event newtype cannot be stored");
    assert_eq!(error.source.source().unwrap().to_string(), "JSON has no number for NaN");
}

#[test]
fn nothing_may_follow_the_payload() {
    let error = read(&SAMPLES, &stored("unit", 1, "{} {}")).unwrap_err();
    assert!(matches!(error, DecodeError::Payload { .. }));
}

#[test]
fn upcasters_run_in_the_order_of_versions_and_for_each_result() {
    let events = read(&SAMPLES, &stored("old.struct", 1, "[1, 2]")).unwrap();
    assert_eq!(events, [Sample::Struct { a: 1 }, Sample::Struct { a: 2 }]);
    assert_eq!(read(&SAMPLES, &stored("struct", 2, "3")).unwrap(), [Sample::Struct { a: 3 }]);
}

#[test]
fn what_stands_in_the_way_of_reading_is_told_apart() {
    let read = |name, version, json| read(&SAMPLES, &stored(name, version, json)).unwrap_err();
    assert!(matches!(read("other", 1, "{}"), DecodeError::Unknown { .. }));
    assert!(matches!(
        read("struct", 4, "{}"),
        DecodeError::Newer { schema_version: 4, known: 3, .. }
    ));
    assert!(matches!(read("struct", 0, "{}"), DecodeError::NoUpcaster { schema_version: 0, .. }));
    assert!(matches!(read("struct", 1, "{}"), DecodeError::Upcast { schema_version: 1, .. }));
    assert!(matches!(read("struct", 3, "{}"), DecodeError::Payload { schema_version: 3, .. }));
    assert!(matches!(read("struct", 1, "{"), DecodeError::Payload { schema_version: 1, .. }));
}

#[test]
fn the_catch_all_takes_only_unknown_names() {
    let catching = Variants { catch_all: Some(Sample::Caught), ..SAMPLES };
    let data = stored("other", 9, "{ }");
    assert_eq!(read(&catching, &data).unwrap(), [Sample::Caught(data)]);
    assert!(read(&catching, &stored("struct", 4, "{}")).is_err());
}

#[test]
fn a_circle_of_upcasters_through_two_variants_ends() {
    fn to_b(payload: Value) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        Ok(vec![Upcast::to(name("b"), 1, payload.clone()), Upcast::to(name("b"), 1, payload)])
    }
    fn to_a(payload: Value) -> Result<Vec<Upcast>, Box<dyn Error + Send + Sync>> {
        Ok(vec![Upcast::to(name("a"), 1, payload)])
    }
    let circular = Variants {
        known: &[
            Variant { names: &["a"], index: 0, schema_version: 2, upcasters: &[(1, to_b)] },
            Variant { names: &["b"], index: 0, schema_version: 2, upcasters: &[(1, to_a)] },
        ],
        catch_all: None,
    };
    let error = read(&circular, &stored("a", 1, "{}")).unwrap_err();
    assert_eq!(error.to_string(), "b cannot be brought up from schema version 1");
    assert_eq!(
        error.source().unwrap().to_string(),
        "the upcaster leads back to a of schema version 1"
    );
}

#[test]
fn names_are_joined_and_compared() {
    const LISTS: &[&[&str]] = &[&["a", "b"], &[], &["ab"]];
    assert_eq!(count(LISTS), 3);
    assert_eq!(join::<{ count(LISTS) }>(LISTS), ["a", "b", "ab"]);
    assert!(are_disjoint(&["a", "b"], &["ab", "aa", "", "c"]));
    assert!(!are_disjoint(&["a", "ab"], &["c", "ab"]));
    assert!(are_disjoint(&[], &["a"]));
}
