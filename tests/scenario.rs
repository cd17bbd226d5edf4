//! What the testing kit for users says when a test fails, and that it fails when it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![cfg(feature = "macros")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use annals::{Aggregate, Context, Event, EventData, Metadata, Payload, testing::Scenario};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "parcel")]
enum ParcelEvent {
    Booked {
        to: String,
        by: Option<String>,
        at: DateTime<Utc>,
        id: uuid::Uuid,
    },
    Weighed {
        kilograms: f64,
    },
    Labelled {
        #[serde(skip)]
        forgotten: u32,
        code: u32,
    },
}

#[derive(Debug, Clone)]
enum ParcelCommand {
    Book { to: String },
    Weigh { kilograms: f64 },
    Label { forgotten: u32 },
    Nothing,
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum ParcelError {
    #[error("booked already")]
    Booked,
    #[error("{0} kg is too heavy")]
    TooHeavy(u32),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Parcel {
    to: Option<String>,
    kilograms: f64,
}

impl Aggregate for Parcel {
    type Id = String;
    type Command = ParcelCommand;
    type Event = ParcelEvent;
    type Error = ParcelError;

    fn handle(
        &self,
        command: &ParcelCommand,
        cx: &Context<Self>,
    ) -> Result<Vec<ParcelEvent>, ParcelError> {
        match command {
            ParcelCommand::Book { .. } if self.to.is_some() => Err(ParcelError::Booked),
            ParcelCommand::Book { to } => Ok(vec![ParcelEvent::Booked {
                to: format!("{to} ({}, version {})", cx.id(), cx.version()),
                by: cx.actor().map(str::to_owned),
                at: cx.now(),
                id: cx.new_id(),
            }]),
            ParcelCommand::Weigh { kilograms } if *kilograms > 30.0 => {
                Err(ParcelError::TooHeavy(30))
            }
            ParcelCommand::Weigh { kilograms } => {
                Ok(vec![ParcelEvent::Weighed { kilograms: *kilograms }])
            }
            ParcelCommand::Label { forgotten } => {
                Ok(vec![ParcelEvent::Labelled { forgotten: *forgotten, code: 7 }])
            }
            ParcelCommand::Nothing => Ok(vec![]),
        }
    }

    fn apply(&mut self, event: &ParcelEvent) {
        match event {
            ParcelEvent::Booked { to, .. } => self.to = Some(to.clone()),
            ParcelEvent::Weighed { kilograms } => self.kilograms = *kilograms,
            ParcelEvent::Labelled { .. } => {}
        }
    }
}

fn parcel() -> Scenario<Parcel> {
    Scenario::new("p-1")
}

fn weighed(kilograms: f64) -> ParcelEvent {
    ParcelEvent::Weighed { kilograms }
}

fn book() -> ParcelCommand {
    ParcelCommand::Book { to: "Anna".into() }
}

fn booked(to: &str, by: Option<&str>, at: &str) -> ParcelEvent {
    ParcelEvent::Booked {
        to: to.into(),
        by: by.map(str::to_owned),
        at: at.parse().unwrap(),
        id: uuid::Uuid::from_u128(1),
    }
}

#[test]
fn id_version_time_actor_and_new_ids_are_fixed() {
    parcel().given_nothing().when(book()).then([booked(
        "Anna (p-1, version 0)",
        None,
        "2026-01-01T00:00:00Z",
    )]);
    parcel()
        .with_time("2026-05-05T05:05:05Z".parse().unwrap())
        .with_metadata(Metadata::by("ben"))
        .given([weighed(1.0), weighed(2.0)])
        .when(book())
        .then([booked("Anna (p-1, version 2)", Some("ben"), "2026-05-05T05:05:05Z")]);
}

#[test]
fn what_was_given_decides() {
    let twice = || parcel().given([booked("Anna", None, "2026-01-01T00:00:00Z")]);
    twice().when(book()).then_rejected(ParcelError::Booked);
    twice().when(ParcelCommand::Nothing).then_nothing();
    twice()
        .when(&ParcelCommand::Weigh { kilograms: 2.5 })
        .then([weighed(2.5)])
        .then_state(Parcel { to: Some("Anna".into()), kilograms: 2.5 });
}

/// What a failing scenario says.
fn failure(scenario: impl FnOnce()) -> String {
    let panic =
        catch_unwind(AssertUnwindSafe(scenario)).expect_err("the scenario should have failed");
    *panic.downcast::<String>().unwrap()
}

#[test]
fn other_events_are_shown_as_a_difference() {
    let said = failure(|| {
        parcel().given_nothing().when(ParcelCommand::Weigh { kilograms: 2.5 }).then([weighed(2.0)]);
    });
    let expected = "\
the events differ from those expected:
    [
        Weighed {
  -         kilograms: 2.0,
  +         kilograms: 2.5,
        },
    ]
  (- expected, + actual)";
    assert_eq!(said, expected);
}

#[test]
fn missing_and_needless_events_fail() {
    let weigh = || parcel().given_nothing().when(ParcelCommand::Weigh { kilograms: 2.5 });
    let missing = failure(|| drop(weigh().then([weighed(2.5), weighed(2.5)])));
    assert!(missing.contains("-     Weighed {"), "{missing}");
    let needless = failure(|| drop(weigh().then_nothing()));
    assert!(needless.contains("+     Weighed {"), "{needless}");
}

#[test]
fn a_rejection_that_was_not_expected_says_why() {
    let heavy = || parcel().given_nothing().when(ParcelCommand::Weigh { kilograms: 99.0 });
    let said = failure(|| drop(heavy().then([weighed(99.0)])));
    assert!(
        said.starts_with("the command was rejected (30 kg is too heavy), but these events"),
        "{said}"
    );
    let said = failure(|| drop(heavy().then_state(Parcel::default())));
    assert!(
        said.starts_with("the command was rejected (30 kg is too heavy), but this state"),
        "{said}"
    );
    let said = failure(|| heavy().then_rejected(ParcelError::TooHeavy(31)));
    assert!(
        said.contains("for another reason")
            && said.contains("-     31,")
            && said.contains("+     30,"),
        "{said}"
    );
}

#[test]
fn an_acceptance_that_was_not_expected_shows_the_events() {
    let said = failure(|| {
        parcel()
            .given_nothing()
            .when(ParcelCommand::Weigh { kilograms: 1.0 })
            .then_rejected(ParcelError::Booked);
    });
    assert!(
        said.starts_with("the command was accepted with [")
            && said.ends_with("the rejection Booked was expected"),
        "{said}"
    );
}

#[test]
fn another_state_is_shown_as_a_difference() {
    let said = failure(|| {
        let light = ParcelCommand::Weigh { kilograms: 1.0 };
        parcel().given_nothing().when(light).then_state(Parcel { to: None, kilograms: 2.0 });
    });
    assert!(
        said.contains("-     kilograms: 2.0,") && said.contains("+     kilograms: 1.0,"),
        "{said}"
    );
}

#[test]
fn an_event_that_storage_would_change_fails_wherever_it_stands() {
    let forgetful = || ParcelEvent::Labelled { forgotten: 9, code: 7 };
    let given = failure(|| drop(parcel().given([forgetful()])));
    assert!(
        given.contains("storage changes an event") && given.contains("-         forgotten: 9,"),
        "{given}"
    );
    let then = failure(|| {
        parcel().given_nothing().when(ParcelCommand::Label { forgotten: 9 }).then([forgetful()]);
    });
    assert_eq!(then, given);
    let unstorable = failure(|| drop(parcel().given([weighed(f64::INFINITY)])));
    assert!(
        unstorable.contains("cannot be stored") && unstorable.contains("no number for inf"),
        "{unstorable}"
    );
}

#[test]
fn what_an_older_build_stored_can_be_given() {
    let stored = |json: &str| {
        EventData::new("parcel.weighed".parse().unwrap(), Payload::parse(json).unwrap())
    };
    let light = ParcelCommand::Weigh { kilograms: 1.0 };
    parcel().given_stored([stored(r#"{"kilograms":2.5}"#)]).when(&light).then([weighed(1.0)]);
    let unreadable = failure(|| drop(parcel().given_stored([stored(r#"{"pounds":5}"#)])));
    assert!(unreadable.contains("missing field `kilograms`"), "{unreadable}");
    let newer = failure(|| drop(parcel().given_stored([stored("{}").with_schema_version(2)])));
    assert!(newer.contains("this build knows only versions up to 1"), "{newer}");
}

#[test]
fn a_decision_can_be_checked_in_other_ways() {
    let events =
        parcel().given_nothing().when(ParcelCommand::Weigh { kilograms: 7.0 }).into_result();
    assert_eq!(events, Ok(vec![weighed(7.0)]));
}

#[test]
fn an_id_that_no_stream_can_have_fails() {
    let said = failure(|| drop(Scenario::<Parcel>::new("a\0b")));
    assert!(said.contains("control character"), "{said}");
}

#[test]
fn a_float_that_cannot_be_stored_fails_before_it_is_compared() {
    let nan = || ParcelCommand::Weigh { kilograms: f64::NAN };
    let said = failure(|| drop(parcel().given_nothing().when(nan()).then([weighed(f64::NAN)])));
    assert!(said.contains("no number for NaN"), "{said}");
}
