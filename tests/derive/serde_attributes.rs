use std::collections::BTreeMap;

use annals::Event;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Test, read, report, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "order")]
#[serde(rename = "ignored", rename_all = "SCREAMING-KEBAB-CASE", rename_all_fields = "camelCase")]
enum OrderEvent {
    #[serde(rename = "p", alias = "q")]
    Placed {
        order_lines: u32,
        #[serde(default = "euro")]
        currency: String,
    },
    #[serde(rename_all = "kebab-case")]
    Paid {
        paid_by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card_no: Option<u64>,
    },
    /// Read, never written again.
    #[serde(skip_serializing)]
    Retired {
        order_lines: u32,
    },
    #[serde(with = "as_text")]
    Weighed(u32),
    #[serde(serialize_with = "as_text::unit", deserialize_with = "as_text::to_unit")]
    Checked,
    Noted {
        #[serde(rename = "type")]
        kind: u8,
        #[serde(flatten)]
        more: BTreeMap<String, u8>,
    },
    Changed {
        #[serde(skip)]
        cache: u8,
        #[serde(with = "as_text")]
        grams: u32,
    },
    Hidden(#[serde(skip)] u8),
    Last(std::borrow::Cow<'static, str>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "strict")]
#[serde(deny_unknown_fields)]
enum Strict {
    #[serde(bound = "")]
    One {
        #[serde(default)]
        a: u8,
        #[serde(default)]
        b: Option<String>,
    },
}

fn euro() -> String {
    "eur".into()
}

mod as_text {
    use super::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&number.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }

    pub(super) fn unit<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("checked")
    }

    pub(super) fn to_unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        String::deserialize(deserializer).map(|_| ())
    }
}

#[test]
fn serde_shapes_the_payload_and_not_the_name() -> Test {
    let more = BTreeMap::from([("x".to_owned(), 1)]);
    for (event, name, json) in [
        (
            OrderEvent::Placed { order_lines: 2, currency: "usd".into() },
            "order.placed",
            r#"{"orderLines":2,"currency":"usd"}"#,
        ),
        (
            OrderEvent::Paid { paid_by: "anna".into(), card_no: Some(1) },
            "order.paid",
            r#"{"paid-by":"anna","card-no":1}"#,
        ),
        (
            OrderEvent::Paid { paid_by: "anna".into(), card_no: None },
            "order.paid",
            r#"{"paid-by":"anna"}"#,
        ),
        (OrderEvent::Weighed(5), "order.weighed", r#""5""#),
        (OrderEvent::Checked, "order.checked", r#""checked""#),
        (OrderEvent::Noted { kind: 1, more }, "order.noted", r#"{"type":1,"x":1}"#),
        (OrderEvent::Changed { cache: 0, grams: 7 }, "order.changed", r#"{"grams":"7"}"#),
        (OrderEvent::Hidden(0), "order.hidden", "{}"),
        (OrderEvent::Last("x".into()), "order.last", r#""x""#),
    ] {
        assert_eq!(event.event_type(), name);
        assert_eq!(round_trip(&event)?, json);
    }
    Ok(())
}

#[test]
fn defaults_fill_what_was_not_stored() -> Test {
    let events = read::<OrderEvent>(&stored("order.placed", 1, r#"{"orderLines":2}"#)?)?;
    assert_eq!(events, [OrderEvent::Placed { order_lines: 2, currency: "eur".into() }]);
    assert_eq!(read::<Strict>(&stored("strict.one", 1, "{}")?)?, [Strict::One { a: 0, b: None }]);
    Ok(())
}

#[test]
fn deny_unknown_fields_denies() -> Test {
    let error = read::<Strict>(&stored("strict.one", 1, r#"{"c":1}"#)?).unwrap_err();
    assert!(report(&error).contains("unknown field `c`"), "{}", report(&error));
    round_trip(&Strict::One { a: 1, b: Some("x".into()) })?;
    Ok(())
}

#[test]
fn a_variant_that_is_not_serialised_is_read_and_not_written() -> Test {
    let retired = OrderEvent::Retired { order_lines: 1 };
    assert!(report(&retired.encode().unwrap_err()).contains("cannot be serialized"));
    assert_eq!(read::<OrderEvent>(&stored("order.retired", 1, r#"{"orderLines":1}"#)?)?, [retired]);
    Ok(())
}
