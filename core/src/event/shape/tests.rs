#![allow(dead_code, reason = "what is never made is read all the same")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::event::content;

/// The shape of a type, as JSON.
fn shape_of<T: DeserializeOwned>() -> Value {
    serde_json::to_value(trace(|probe| T::deserialize(probe).map(drop)).unwrap()).unwrap()
}

fn parse(shape: Value) -> Shape {
    serde_json::from_value(shape).unwrap()
}

/// What keeps the second shape from reading what the first one stored.
fn changes(old: Value, new: Value) -> Vec<String> {
    parse(old).breaking_changes(&parse(new)).iter().map(ToString::to_string).collect()
}

#[test]
fn fields_have_the_shapes_of_their_types() {
    #[derive(Deserialize)]
    struct Address {
        street: String,
        #[serde(default)]
        zip: u16,
        country: Option<String>,
    }

    #[derive(Deserialize)]
    struct Everything {
        yes: bool,
        small: i8,
        large: u128,
        ratio: f32,
        initial: char,
        nothing: (),
        home: Address,
        others: Vec<Address>,
        by_name: HashMap<String, BTreeSet<u64>>,
        pair: (u8, i64),
        array: [f64; 2],
        boxed: Box<Arc<str>>,
        free: Value,
    }

    let address =
        json!({"fields": {"country?": {"optional": "string"}, "street": "string", "zip?": "u16"}});
    assert_eq!(
        shape_of::<Everything>(),
        json!({"fields": {
            "yes": "bool",
            "small": "i8",
            "large": "u128",
            "ratio": "f32",
            "initial": "char",
            "nothing": "null",
            "home": address,
            "others": {"list": address},
            "by_name": {"map": ["string", {"list": "u64"}]},
            "pair": {"tuple": ["u8", "i64"]},
            "array": {"tuple": ["f64", "f64"]},
            "boxed": "string",
            "free": "any",
        }})
    );
}

#[test]
fn types_that_are_particular_are_content_in_the_end() {
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct Code(String);

    impl TryFrom<String> for Code {
        type Error = &'static str;

        fn try_from(text: String) -> Result<Self, &'static str> {
            if text.contains('-') { Ok(Self(text)) } else { Err("no dash") }
        }
    }

    #[derive(Deserialize)]
    struct Particular {
        id: Uuid,
        at: DateTime<Utc>,
        day: NaiveDate,
        some: NonZeroU32,
        code: Code,
        none_left: Option<Code>,
    }

    assert_eq!(
        shape_of::<Particular>(),
        json!({"fields": {
            "id": {"text": "a formatted UUID string"},
            "at": {"text": "an RFC 3339 formatted date and time string"},
            "day": {"text": "a formatted date string"},
            "some": "u32",
            "code": {"text": "a string"},
            "none_left?": {"optional": {"text": "a string"}},
        }})
    );
}

#[test]
fn enums_show_each_variant_and_renames_and_aliases_count() {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Payment {
        Cash,
        Card { number: String, holder: Holder },
        Transfer(String, u32),
        Voucher(Holder),
    }

    #[derive(Deserialize)]
    enum Holder {
        Person,
        Company {
            #[serde(rename = "taxId", alias = "vat", alias = "a_vat")]
            tax_id: u64,
        },
    }

    let holder =
        json!({"variants": {"Person": "null", "Company": {"fields": {"a_vat|taxId|vat": "u64"}}}});
    assert_eq!(
        shape_of::<Payment>(),
        json!({"variants": {
            "cash": "null",
            "card": {"fields": {"holder": holder, "number": "string"}},
            "transfer": {"tuple": ["string", "u32"]},
            "voucher": holder,
        }})
    );
}

#[test]
fn a_type_within_itself_is_named_and_comes_to_an_end() {
    #[derive(Deserialize)]
    struct Folder {
        name: String,
        folders: Vec<Folder>,
        parent: Option<Box<Folder>>,
    }

    #[derive(Deserialize)]
    enum Term {
        Sum(Box<Term>, Box<Term>),
        Number(i64),
    }

    let again = json!({"again": "Folder"});
    assert_eq!(
        shape_of::<Folder>(),
        json!({"fields": {"name": "string", "folders": {"list": again}, "parent?": {"optional": again}}})
    );
    let again = json!({"again": "Term"});
    assert_eq!(
        shape_of::<Term>(),
        json!({"variants": {"Sum": {"tuple": [again, again]}, "Number": "i64"}})
    );
}

#[test]
fn a_variant_of_an_event_is_its_content() {
    #[derive(Deserialize)]
    enum Event {
        Closed,
        Opened { owner: String },
        Moved(String, i32),
        Noted(BTreeMap<String, bool>),
    }

    let shapes = (0..4).map(|index| {
        let shape = trace(|probe| content::read::<Event, _>(index, probe).map(drop));
        serde_json::to_value(shape.unwrap()).unwrap()
    });
    assert_eq!(
        shapes.collect::<Vec<_>>(),
        [
            json!({"fields": {}}),
            json!({"fields": {"owner": "string"}}),
            json!({"tuple": ["string", "i32"]}),
            json!({"map": ["string", "bool"]}),
        ]
    );
}

#[test]
fn what_takes_nothing_says_so() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Never;

    impl TryFrom<String> for Never {
        type Error = &'static str;

        fn try_from(_: String) -> Result<Self, &'static str> {
            Err("not that one")
        }
    }

    let unknown = trace(|probe| Never::deserialize(probe).map(drop)).unwrap_err();
    assert!(unknown.to_string().ends_with("not that one"), "{unknown}");
}

#[test]
fn what_can_still_be_read_is_no_change() {
    let old = json!({"fields": {"a": "u8", "b?": {"optional": "string"}, "c": {"list": "i32"}, "d": {"text": "a UUID"}}});
    let new = json!({"fields": {
        "a": "i16",
        "b?": {"optional": "string"},
        "c|z": {"list": {"optional": "i64"}},
        "d?": "string",
        "e?": "bool",
    }});
    assert_eq!(changes(old.clone(), old.clone()), [""; 0]);
    assert_eq!(changes(old, new), [""; 0]);
    let (one, two) =
        (json!({"variants": {"A": "null"}}), json!({"variants": {"A": "null", "B": "null"}}));
    assert_eq!(changes(one, two), [""; 0]);
    assert_eq!(changes(json!("u64"), json!("any")), [""; 0]);
    assert_eq!(changes(json!({"fields": {}}), json!({"fields": {"a?": "bool"}})), [""; 0]);
}

#[test]
fn each_change_is_told_with_its_place() {
    let changes_of_field = |old: Value, new: Value| {
        changes(json!({"list": {"fields": {"a": old}}}), json!({"list": {"fields": {"a": new}}}))
    };
    assert_eq!(changes_of_field(json!("u64"), json!("i64")), ["`[].a` was u64, and is i64"]);
    assert_eq!(changes_of_field(json!("u64"), json!("f64")), ["`[].a` was u64, and is f64"]);
    assert_eq!(
        changes_of_field(json!("string"), json!({"text": "a UUID"})),
        ["`[].a` was string, and is a UUID"]
    );
    assert_eq!(
        changes_of_field(json!({"optional": "u8"}), json!("u16")),
        ["`[].a` may have been null, and must not be any longer"]
    );
    assert_eq!(
        changes_of_field(
            json!({"variants": {"A": "null", "B": "null"}}),
            json!({"variants": {"B": "u8"}})
        ),
        ["`[].a<A>` is a variant no longer, or has another name", "`[].a<B>` was null, and is u8"]
    );
    assert_eq!(
        changes_of_field(json!({"tuple": ["u8", "u8"]}), json!({"tuple": ["u8"]})),
        ["`[].a` was list of 2 items, and is list of 1 items"]
    );
    assert_eq!(
        changes_of_field(json!({"map": ["u8", "u8"]}), json!({"map": ["char", "u8"]})),
        ["`[].a{key}` was u8, and is char"]
    );
    assert_eq!(
        changes(
            json!({"fields": {"a": "u8", "b?": "u8"}}),
            json!({"fields": {"b": "u8", "c": "u8"}})
        ),
        [
            "`a` is read no longer: it was removed, or has another name",
            "`b` may have been missing, and is required",
            "`c` is required, and was not there",
        ]
    );
}

#[test]
fn fields_that_become_one_are_told_unless_they_were_one_before() {
    let two = json!({"fields": {"email": "string", "mail?": "string", "name": "string"}});
    let one = json!({"fields": {"email|mail?": "string", "name": "string"}});
    assert_eq!(
        changes(two, one.clone()),
        [
            "`email|mail` is one field, and was `email` and `mail`: what holds more than one of them cannot be read"
        ]
    );
    let renamed = json!({"fields": {"email|mail|post?": "string", "name": "string"}});
    assert_eq!(changes(one, renamed), [""; 0]);
}

#[test]
fn what_is_looked_at_before_it_is_decided_does_not_show() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Cents(u64),
        Text(String),
    }

    #[derive(Deserialize)]
    struct Loose {
        note: Option<String>,
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }

    #[derive(Deserialize)]
    struct Paid {
        amount: Amount,
    }

    /// Is content with whatever comes of it.
    #[derive(Deserialize)]
    struct Lenient {
        #[serde(default, deserialize_with = "or_none")]
        amount: Option<Amount>,
    }

    fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Amount>, D::Error> {
        Ok(Option::deserialize(from).unwrap_or_default())
    }

    fn place_of<T: DeserializeOwned>() -> String {
        let unknown = trace(|probe| T::deserialize(probe).map(drop)).unwrap_err().to_string();
        let place = unknown.strip_prefix("its type looks at all of ").unwrap();
        let (place, why) = place.split_once(" before it decides what that is").unwrap();
        assert_eq!(why, ", as with `#[serde(untagged)]` and `#[serde(flatten)]`");
        place.to_owned()
    }

    assert_eq!(place_of::<Amount>(), "the payload");
    assert_eq!(place_of::<Paid>(), "`amount`");
    assert_eq!(place_of::<Vec<Option<Paid>>>(), "`[]?.amount`");
    assert_eq!(place_of::<HashMap<String, Amount>>(), "`{value}`");
    assert_eq!(place_of::<Loose>(), "`{value}`");
    assert_eq!(place_of::<Lenient>(), "`amount?`");

    #[derive(Deserialize)]
    enum Event {
        Noted {
            note: Option<String>,
            #[serde(flatten)]
            rest: Paid,
        },
    }

    let unknown = trace(|probe| content::read::<Event, _>(0, probe).map(drop)).unwrap_err();
    assert!(unknown.to_string().contains("flatten"), "{unknown}");
}

#[test]
fn what_takes_anything_is_anything() {
    #[derive(Deserialize)]
    struct Any {
        value: Value,
        map: HashMap<String, Value>,
        object: serde_json::Map<String, Value>,
        list: Vec<Value>,
        maybe: Option<Value>,
        number: serde_json::Number,
        ignored: IgnoredAny,
    }

    assert_eq!(
        shape_of::<Any>(),
        json!({"fields": {
            "value": "any",
            "map": {"map": ["string", "any"]},
            "object": {"map": ["string", "any"]},
            "list": {"list": "any"},
            "maybe?": {"optional": "any"},
            "number": "any",
            "ignored": {"fields": {}},
        }})
    );
}
