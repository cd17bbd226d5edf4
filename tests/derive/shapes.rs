use std::collections::BTreeMap;

use annals::Event;
use serde::{Deserialize, Serialize};

use super::{Test, read, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Money {
    cents: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "shape")]
enum Shape {
    Unit,
    NoFields {},
    NoElements(),
    Fields { a: u8, b: Option<bool> },
    Newtype(Money),
    Number(u64),
    Maybe(Option<u8>),
    Nothing(()),
    Marked(Marker),
    Map(BTreeMap<String, Money>),
    Same(Inner),
    Tuple(u8, String),
}

/// Looks like a variant from outside; its own tag must survive.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Inner {
    Unit,
    Newtype(Money),
    #[serde(untagged)]
    Other(String),
}

#[test]
fn each_kind_of_variant_has_its_json_and_comes_back_equal() -> Test {
    let map = BTreeMap::from([("ä\0".to_owned(), Money { cents: 1 })]);
    for (event, json) in [
        (Shape::Unit, "{}"),
        (Shape::NoFields {}, "{}"),
        (Shape::NoElements(), "[]"),
        (Shape::Fields { a: 1, b: Some(true) }, r#"{"a":1,"b":true}"#),
        (Shape::Fields { a: 1, b: None }, r#"{"a":1,"b":null}"#),
        (Shape::Newtype(Money { cents: 7 }), r#"{"cents":7}"#),
        (Shape::Number(u64::MAX), "18446744073709551615"),
        (Shape::Maybe(None), "null"),
        (Shape::Maybe(Some(1)), "1"),
        (Shape::Nothing(()), "null"),
        (Shape::Marked(Marker), "null"),
        (Shape::Map(map), r#"{"ä\u0000":{"cents":1}}"#),
        (Shape::Same(Inner::Unit), r#""Unit""#),
        (Shape::Same(Inner::Newtype(Money { cents: 1 })), r#"{"Newtype":{"cents":1}}"#),
        (Shape::Same(Inner::Other("x".into())), r#""x""#),
        (Shape::Tuple(1, "x".into()), r#"[1,"x"]"#),
    ] {
        assert_eq!(round_trip(&event)?, json, "{event:?}");
    }
    Ok(())
}

#[test]
fn a_unit_variant_reads_a_payload_that_had_or_got_fields() -> Test {
    for json in ["{}", r#"{"reason":"moved","deep":[[{}]]}"#, "[]", "null", "7", r#""text""#] {
        assert_eq!(read::<Shape>(&stored("shape.unit", 1, json)?)?, [Shape::Unit], "{json}");
    }
    Ok(())
}

#[test]
fn fields_may_be_reordered_added_or_left_out_if_optional() -> Test {
    let events = read::<Shape>(&stored("shape.fields", 1, r#"{"new":{"x":[]},"a":1}"#)?)?;
    assert_eq!(events, [Shape::Fields { a: 1, b: None }]);
    assert!(read::<Shape>(&stored("shape.fields", 1, r#"{"b":true}"#)?).is_err());
    Ok(())
}

#[test]
fn a_tuple_of_another_length_is_refused() -> Test {
    for json in ["[1]", r#"[1,"x",2]"#, "{}", "1"] {
        assert!(read::<Shape>(&stored("shape.tuple", 1, json)?).is_err(), "{json}");
    }
    Ok(())
}

#[test]
fn a_stored_text_that_is_not_json_is_refused() -> Test {
    for json in ["", "{", "{} {}", "nul"] {
        let mut data = stored("shape.unit", 1, "{}")?;
        data.payload = annals::Payload::from_stored(json);
        assert!(read::<Shape>(&data).is_err(), "{json:?}");
    }
    Ok(())
}
