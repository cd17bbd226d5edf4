//! The lock on the shapes of stored events: what breaks history fails, and what does not is taken in.
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test")]
#![cfg(feature = "macros")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use annals::{Event, testing::EventShapes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Declares the account's events with `Opened` as given.
macro_rules! account {
    ($($variant:tt)*) => {{
        #[derive(Serialize, Deserialize)]
        struct Address {
            street: String,
        }

        #[derive(Serialize, Deserialize, Event)]
        #[event(category = "account")]
        enum AccountEvent {
            $($variant)*
            Closed,
        }

        EventShapes::of::<AccountEvent>()
    }};
}

fn before() -> EventShapes {
    account! { Opened { owner: String, limit: u32, home: Option<Address> }, }
}

/// A file of its own, in which the shapes of before are locked.
fn lock() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event-shapes.json");
    let said = failure(&before(), &path).unwrap();
    assert!(
        said.ends_with(
            "was brought up to date: look at what has changed, commit it, and test again"
        ),
        "{said}"
    );
    assert_eq!(failure(&before(), &path), None, "the second time all is well");
    (folder, path)
}

fn failure(shapes: &EventShapes, path: &PathBuf) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| shapes.assert_locked(path))).err()?;
    Some(*panic.downcast::<String>().unwrap())
}

fn content(path: &PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What the failure says of events and their changes.
fn broken(shapes: &EventShapes) -> Vec<String> {
    let (_folder, path) = lock();
    let before = content(&path);
    let said = failure(shapes, &path).unwrap();
    assert_eq!(content(&path), before, "what breaks is not written");
    for way in ["#[event(alias = ", "#[serde(alias = ", "upcast(from = 1, with = "] {
        assert!(said.contains(way), "{said}");
    }
    let told = said.split("\nTwo ways out:").next().unwrap();
    told.lines().skip(2).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

const OPENED: &str = "account.opened, version 1:";

#[test]
fn the_file_holds_names_versions_and_shapes() {
    let (_folder, path) = lock();
    let home = json!({"optional": {"fields": {"street": "string"}}});
    assert_eq!(
        content(&path),
        json!({
            "account.closed": {"1": {"fields": {}}},
            "account.opened": {"1": {"fields": {"home?": home, "limit": "u32", "owner": "string"}}},
        })
    );
}

#[test]
fn a_field_that_is_renamed_fails() {
    let shapes = account! { Opened { holder: String, limit: u32, home: Option<Address> }, };
    assert_eq!(
        broken(&shapes),
        [
            OPENED,
            "`owner` is read no longer: it was removed, or has another name",
            "`holder` is required, and was not there",
        ]
    );
}

#[test]
fn a_field_that_is_removed_fails() {
    let shapes = account! { Opened { owner: String, home: Option<Address> }, };
    assert_eq!(
        broken(&shapes),
        [OPENED, "`limit` is read no longer: it was removed, or has another name"]
    );
}

#[test]
fn a_field_that_becomes_required_fails() {
    let shapes = account! { Opened { owner: String, limit: u32, home: Address }, };
    assert_eq!(
        broken(&shapes),
        [
            OPENED,
            "`home` may have been missing, and is required",
            "`home` may have been null, and must not be any longer",
        ]
    );
}

#[test]
fn a_field_of_another_type_fails() {
    let shapes = account! { Opened { owner: String, limit: i32, home: Option<Address> }, };
    assert_eq!(broken(&shapes), [OPENED, "`limit` was u32, and is i32"]);
}

#[test]
fn a_variant_that_is_renamed_without_an_alias_fails() {
    let shapes = account! { Begun { owner: String, limit: u32, home: Option<Address> }, };
    assert_eq!(broken(&shapes), [OPENED, "no variant has this name any longer"]);
}

#[test]
fn an_alias_of_a_variant_that_is_removed_fails() {
    let (_folder, path) = lock();
    let aliased = account! {
        #[event(alias = "account.begun")]
        Opened { owner: String, limit: u32, home: Option<Address> },
    };
    assert!(failure(&aliased, &path).unwrap().contains("brought up to date"));
    assert_eq!(failure(&aliased, &path), None);
    assert_eq!(content(&path)["account.begun"], content(&path)["account.opened"]);
    let said = failure(&before(), &path).unwrap();
    let told = "account.begun, version 1:\n    no variant has this name any longer";
    assert!(said.contains(told), "{said}");
}

#[test]
fn fields_that_become_one_by_an_alias_fail() {
    let shapes = account! {
        Opened { #[serde(alias = "home")] owner: Option<String>, limit: u32 },
    };
    let told = broken(&shapes);
    assert!(
        told.iter().any(|told| told.starts_with("`home|owner` is one field, and was")),
        "{told:?}"
    );
}

#[test]
fn a_version_that_is_lowered_fails() {
    fn upcast(old: Value) -> Value {
        old
    }
    let second = account! {
        #[event(version = 2, upcast(from = 1, with = upcast))]
        Opened { owner: String },
    };
    let (_folder, path) = lock();
    assert!(failure(&second, &path).unwrap().contains("brought up to date"));
    let said = failure(&before(), &path).unwrap();
    assert!(
        said.contains("account.opened, version 2:\n    this build knows it in version 1 at most"),
        "{said}"
    );
}

#[test]
fn what_keeps_history_readable_is_taken_in() {
    fn upcast(old: Value) -> Value {
        old
    }
    let ways = [
        (
            "a new event",
            account! { Opened { owner: String, limit: u32, home: Option<Address> }, Frozen, },
        ),
        (
            "a field that may be missing",
            account! {
                Opened { owner: String, limit: u32, home: Option<Address>, #[serde(default)] note: String },
            },
        ),
        (
            "a wider integer",
            account! { Opened { owner: String, limit: u64, home: Option<Address> }, },
        ),
        (
            "an alias of a field",
            account! {
                Opened { #[serde(alias = "owner")] holder: String, limit: u32, home: Option<Address> },
            },
        ),
        (
            "an alias of a variant",
            account! {
                #[event(alias = "account.opened")]
                Begun { owner: String, limit: u32, home: Option<Address> },
            },
        ),
        (
            "a new version",
            account! {
                #[event(version = 2, upcast(from = 1, with = upcast))]
                Opened { holder: String },
            },
        ),
    ];
    for (way, shapes) in ways {
        let (_folder, path) = lock();
        let said = failure(&shapes, &path).unwrap();
        assert!(said.contains("was brought up to date"), "{way}: {said}");
        assert_eq!(failure(&shapes, &path), None, "{way}");
    }
}

#[test]
fn the_shapes_of_old_versions_stay_in_the_file() {
    fn upcast(old: Value) -> Value {
        old
    }
    let (_folder, path) = lock();
    let second = account! {
        #[event(version = 2, upcast(from = 1, with = upcast))]
        Opened { holder: String },
    };
    failure(&second, &path);
    let versions = content(&path)["account.opened"].clone();
    assert_eq!(versions["2"], json!({"fields": {"holder": "string"}}));
    assert_eq!(versions["1"]["fields"]["owner"], "string");
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Payment {
    Card { number: String },
}

#[derive(Serialize, Deserialize, Event)]
#[event(category = "bill")]
enum BillEvent {
    Paid { payment: Payment },
}

#[test]
fn a_shape_that_does_not_show_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shapes.json");
    let said = failure(&EventShapes::of::<BillEvent>(), &path).unwrap();
    assert!(said.starts_with("the shape of bill.paid is not known"), "{said}");
    assert!(said.ends_with("show one with `with_example`"), "{said}");

    let paid = BillEvent::Paid { payment: Payment::Card { number: "1".into() } };
    let shapes = EventShapes::of::<BillEvent>().with_example(&paid);
    failure(&shapes, &path);
    assert_eq!(failure(&shapes, &path), None);
    let payment = json!({"fields": {"kind": "string", "number": "string"}});
    assert_eq!(content(&path), json!({"bill.paid": {"1": {"fields": {"payment": payment}}}}));
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Amount {
    Cents(u64),
    Text(String),
}

#[derive(Serialize, Deserialize, Event)]
#[event(category = "sum")]
enum SumEvent {
    Set { amount: Amount },
}

#[test]
fn what_serde_looks_at_before_it_decides_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shapes.json");
    let shapes = EventShapes::of::<SumEvent>();
    assert_eq!(
        failure(&shapes, &path).unwrap(),
        "the shape of sum.set is not known, since its type looks at all of `amount` before it decides what that is, as with \
         `#[serde(untagged)]` and `#[serde(flatten)]`; show one with `with_example`"
    );
    failure(&shapes.with_example(&SumEvent::Set { amount: Amount::Cents(1) }), &path);
    assert_eq!(content(&path), json!({"sum.set": {"1": {"fields": {"amount": "u64"}}}}));
}

#[test]
fn a_union_stores_what_its_members_store_and_no_name_is_stored_twice() {
    #[derive(Event)]
    #[event(union)]
    enum All {
        Bill(BillEvent),
    }

    assert_eq!(All::shapes().len(), 1);
    let twice = EventShapes::of::<All>().and::<BillEvent>();
    let paid = BillEvent::Paid { payment: Payment::Card { number: "1".into() } };
    let said = failure(&twice.with_example(&paid), &PathBuf::from("nowhere.json")).unwrap();
    assert!(said.contains("bill.paid"), "{said}");
}

#[test]
fn a_file_that_is_no_lock_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shapes.json");
    fs::write(&path, "{\"a\": 1}").unwrap();
    let said = failure(&before(), &path).unwrap();
    assert!(said.contains("cannot be read"), "{said}");
}
