//! The expansion names everything in full and leaves no warning behind.
#![deny(warnings)]
#![allow(dead_code, non_upper_case_globals, non_camel_case_types, unused_macros)]

use super::{Test, read, round_trip, stored};

struct Result;
struct Option;
struct Some;
struct Ok;
struct Err;
struct Vec;
struct Clone;
struct EventData;
const data: () = ();
const events: () = ();
const event: () = ();
const payload: () = ();
const variants: () = ();

macro_rules! assert {
    ($($any:tt)*) => {
        compile_error!("the user's own")
    };
}

trait Same {
    fn same(old: serde_json::Value) -> serde_json::Value {
        old
    }
}

struct Upcasters;
impl Same for Upcasters {}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, annals::Event)]
#[event(category = "hygiene", crate = "annals")]
enum Event {
    #[event(version = 2, upcast(from = 1, with = <Upcasters as Same>::same))]
    Happened {},
    #[deprecated = "no longer happens"]
    Retired,
    #[event(other)]
    Other(annals::EventData),
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, annals::Event)]
enum Second {
    #[event(name = "second")]
    Only,
}

/// Serde's derives do not survive these names; a union has none.
mod primitives {
    struct str;
    struct bool;
    struct u32;
    struct usize;

    #[derive(annals::Event)]
    #[event(union)]
    #[event(crate = "::annals")]
    pub(super) enum Union {
        Event(super::Event),
        Second(super::Second),
        #[event(other)]
        Other(annals::EventData),
    }
}

#[test]
fn shadowed_names_are_no_hindrance() -> Test {
    round_trip(&Event::Happened {})?;
    let again = read::<primitives::Union>(&stored("hygiene.happened", 1, "{}")?)?;
    ::core::assert!(matches!(again[..], [primitives::Union::Event(Event::Happened {})]));
    ::core::result::Result::Ok(())
}
