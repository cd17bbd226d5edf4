use annals::Event;
use serde::{Deserialize, Serialize};

use super::{Test, read, report, round_trip, stored};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "account")]
enum AccountEvent {
    Opened {
        owner: String,
    },
    #[event(alias = "account.deposit", alias = "account.credited")]
    Deposited {
        cents: u64,
    },
    #[event(name = "account.paid_out", version = 1)]
    Withdrawn {
        cents: u64,
    },
    HTTPFailed,
    V2Opened,
    r#Final,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
enum FullyNamed {
    #[event(name = "a")]
    A,
    #[event(name = "!weird/name~")]
    B,
}

#[test]
fn names_come_from_category_and_variant_unless_given() {
    const EVENT_TYPES: &[&str] = AccountEvent::EVENT_TYPES;
    assert_eq!(
        EVENT_TYPES,
        [
            "account.opened",
            "account.deposited",
            "account.deposit",
            "account.credited",
            "account.paid_out",
            "account.http_failed",
            "account.v2_opened",
            "account.final",
        ]
    );
    assert_eq!(FullyNamed::EVENT_TYPES, ["a", "!weird/name~"]);
    const { assert!(!AccountEvent::CATCHES_ALL) };
}

#[test]
fn an_event_is_stored_under_its_name_at_version_1() -> Test {
    let withdrawn = AccountEvent::Withdrawn { cents: 5 };
    assert_eq!(withdrawn.event_type(), "account.paid_out");
    assert_eq!(withdrawn.encode()?, stored("account.paid_out", 1, r#"{"cents":5}"#)?);
    for event in [AccountEvent::HTTPFailed, AccountEvent::V2Opened, AccountEvent::Final] {
        assert_eq!(round_trip(&event)?, "{}");
    }
    round_trip(&AccountEvent::Opened { owner: "anna".into() })?;
    round_trip(&FullyNamed::A)?;
    round_trip(&FullyNamed::B)?;
    Ok(())
}

#[test]
fn aliases_are_read_and_never_written() -> Test {
    for name in ["account.deposited", "account.deposit", "account.credited"] {
        let events = read::<AccountEvent>(&stored(name, 1, r#"{"cents":5}"#)?)?;
        assert_eq!(events, [AccountEvent::Deposited { cents: 5 }]);
        assert_eq!(events[0].encode()?.event_type.as_str(), "account.deposited");
    }
    Ok(())
}

#[test]
fn an_unknown_name_is_refused_by_name() -> Test {
    for name in ["account.closed", "account.Opened", "Opened", "opened", "account.withdrawn"] {
        let error = read::<AccountEvent>(&stored(name, 1, "{}")?).unwrap_err();
        assert!(error.to_string().starts_with(&format!("unknown event type {name}: ")), "{error}");
    }
    Ok(())
}

#[test]
fn an_event_of_a_newer_build_is_refused() -> Test {
    let error = read::<AccountEvent>(&stored("account.opened", 2, "{}")?).unwrap_err();
    assert_eq!(
        error.to_string(),
        "account.opened has schema version 2, but this build knows only versions up to 1"
    );
    Ok(())
}

#[test]
fn a_payload_of_another_shape_is_refused_with_the_place() -> Test {
    let error =
        read::<AccountEvent>(&stored("account.deposit", 1, r#"{"cents":"5"}"#)?).unwrap_err();
    assert_eq!(
        report(&error),
        "the payload of account.deposit (schema version 1) has an unexpected shape: \
         invalid type: string \"5\", expected u64 at line 1 column 12"
    );
    Ok(())
}
