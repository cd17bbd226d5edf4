use std::collections::{BTreeMap, HashMap};

use annals::{Event, EventData};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Test, read, report, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "any")]
enum Any {
    Integers { a: u64, b: i64, c: u128, d: i128 },
    Text(String),
    Json(Value),
    Float(f64),
    Floats { some: Option<f64>, list: Vec<f32>, map: BTreeMap<String, f64>, point: Point },
    Either(Either),
    Wrapped { newtype: Newtype, pair: Pair, tuple: (u8, f32) },
    Several(u8, f64),
    Keys(HashMap<(u8, u8), u8>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(f64, f64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Either {
    Newtype(f64),
    Tuple(u8, f64),
    Struct { x: f64 },
}

fn floats() -> Any {
    Any::Floats {
        some: Some(1.0),
        list: vec![1.5],
        map: BTreeMap::from([("a".to_owned(), 0.1)]),
        point: Point { x: -0.0, y: 0.1 },
    }
}

#[test]
fn the_ends_of_the_integers_come_back() -> Test {
    for (a, b, c, d) in [(u64::MAX, i64::MIN, u128::MAX, i128::MIN), (0, i64::MAX, 0, i128::MAX)] {
        round_trip(&Any::Integers { a, b, c, d })?;
    }
    Ok(())
}

#[test]
fn any_text_comes_back() -> Test {
    for text in
        ["", "\0", "a\u{0}b", "\u{7f}\u{80}\u{2028}\u{feff}\u{10ffff}", "\"\\/\n", "日本 🦀"]
    {
        round_trip(&Any::Text(text.into()))?;
    }
    Ok(())
}

#[test]
fn any_json_comes_back() -> Test {
    for value in [
        json!(null),
        json!({}),
        json!([]),
        json!([[], {}, [[]], {"": {}}]),
        json!({"": "", "ключ": [u64::MAX, i64::MIN, 0.1], "\0": "\0", "a.b": null}),
        json!("Opened"),
        json!({"Opened": {}}),
    ] {
        assert_eq!(round_trip(&Any::Json(value.clone()))?, value.to_string());
    }
    Ok(())
}

#[test]
fn floats_come_back_to_the_bit_in_their_shortest_form() -> Test {
    for (float, json) in [
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
    ] {
        assert_eq!(round_trip(&Any::Float(float))?, json);
        let read = read::<Any>(&Any::Float(float).encode()?)?;
        assert!(matches!(read[..], [Any::Float(again)] if again.to_bits() == float.to_bits()));
    }
    round_trip(&floats())?;
    round_trip(&Any::Wrapped { newtype: Newtype(0.5), pair: Pair(0.1, -0.0), tuple: (1, 0.1) })?;
    Ok(())
}

#[test]
fn floats_without_json_are_refused_wherever_they_hide() {
    let nan = [("a".to_owned(), 0.5), ("b".to_owned(), f64::NAN)];
    let fine = || (Some(0.5), vec![0.5], BTreeMap::new(), Point { x: 0.5, y: 0.5 });
    for (some, list, map, point) in [
        (Some(f64::INFINITY), fine().1, fine().2, fine().3),
        (fine().0, vec![0.5, f32::NEG_INFINITY], fine().2, fine().3),
        (fine().0, fine().1, BTreeMap::from(nan), fine().3),
        (fine().0, fine().1, fine().2, Point { x: f64::NAN, y: 0.5 }),
        (fine().0, fine().1, fine().2, Point { x: 0.5, y: f32::NAN }),
    ] {
        refuse(&Any::Floats { some, list, map, point });
    }
    for event in [
        Any::Float(f64::NAN),
        Any::Several(1, f64::NAN),
        Any::Either(Either::Newtype(f64::NAN)),
        Any::Either(Either::Tuple(1, f64::NAN)),
        Any::Either(Either::Struct { x: f64::NAN }),
        Any::Wrapped { newtype: Newtype(f64::NAN), pair: Pair(0.5, 0.5), tuple: (1, 0.5) },
        Any::Wrapped { newtype: Newtype(0.5), pair: Pair(0.5, f64::NAN), tuple: (1, 0.5) },
        Any::Wrapped { newtype: Newtype(0.5), pair: Pair(0.5, 0.5), tuple: (1, f32::NAN) },
    ] {
        refuse(&event);
    }

    fn refuse(event: &Any) {
        let text = report(&event.encode().unwrap_err());
        assert!(text.contains("JSON has no number for"), "{event:?}: {text}");
    }
}

#[test]
fn a_map_without_text_keys_is_refused() {
    let error = Any::Keys(HashMap::from([((1, 2), 3)])).encode().unwrap_err();
    assert_eq!(
        report(&error),
        "event any.keys cannot be stored: it cannot be written or read as JSON: key must be a string"
    );
}

#[test]
fn nesting_is_taken_as_deep_as_it_can_be_read() -> Test {
    let nested = |levels: usize| (0..levels).fold(Value::Null, |inner, _| json!([inner]));
    round_trip(&Any::Json(nested(127)))?;
    let error = Any::Json(nested(128)).encode().unwrap_err();
    assert!(report(&error).contains("nests deeper than 127 levels"), "{}", report(&error));
    Ok(())
}

#[test]
fn an_event_can_be_sent_as_json_and_read_again() -> Test {
    let data = Any::Json(json!({"a": [u64::MAX]})).encode()?;
    let text = serde_json::to_string(&data)?;
    assert_eq!(serde_json::from_str::<EventData>(&text)?, data);
    assert_eq!(data, stored("any.json", 1, r#"{"a":[18446744073709551615]}"#)?);
    Ok(())
}
