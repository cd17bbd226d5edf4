//! The expansion names everything in full and leaves no warning behind.
#![deny(warnings)]
#![allow(dead_code, non_upper_case_globals, non_camel_case_types)]

use super::{Test, read, round_trip, stored};

struct Result;
struct Option;
struct Some;
struct Ok;
struct Vec;
struct Box;
struct Clone;
struct str;
struct bool;
struct u32;
const data: () = ();
const events: () = ();
const event: () = ();
const payload: () = ();

macro_rules! assert {
    ($($any:tt)*) => {
        compile_error!("the user's own")
    };
}

/// Two modules, so that the derives of serde see the names they expect.
mod inner {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Empty {}
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, annals::Event)]
#[event(category = "hygiene", crate = "annals")]
pub enum Event {
    #[event(version = 2, upcast(from = 1, with = <Up as Upcasts>::same))]
    Happened(inner_alias::Empty),
    #[deprecated = "old history holds it"]
    Retired,
    #[event(other)]
    Other(annals::EventData),
}

use inner as inner_alias;

trait Upcasts {
    fn same(old: serde_json::Value) -> serde_json::Value {
        old
    }
}

struct Up;
impl Upcasts for Up {}

#[derive(Debug, PartialEq, annals::Event)]
#[event(union)]
#[event(crate = "::annals")]
enum Union {
    Event(Event),
    #[event(other)]
    Other(annals::EventData),
}

#[test]
fn shadowed_names_are_no_hindrance() -> Test {
    let happened = Event::Happened(inner::Empty {});
    round_trip(&Union::Event(Event::Happened(inner::Empty {})))?;
    assert_eq!(read::<Event>(&stored("hygiene.happened", 1, "{}")?)?, [happened]);
    ::core::result::Result::Ok(())
}
