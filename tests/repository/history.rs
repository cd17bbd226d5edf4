use std::time::Duration;

use annals::{
    AsOf, EventData, EventStore, EventType, ExpectedVersion, MemoryStore, Metadata, NewEvent,
    Payload, Repository, StoreError, StreamAppend, StreamExt, TryStreamExt, Version,
    testing::FixedClock,
};
use chrono::{DateTime, Utc};

use crate::account::{Account, AccountEvent, Command, anna};

fn time(minute: u32) -> DateTime<Utc> {
    format!("2026-01-31T12:{minute:02}:00Z").parse().unwrap()
}

/// 100 cents at 12:00, 100 more at 12:01, and so on, by alternating clerks.
async fn five_deposits() -> (MemoryStore, Repository<Account>) {
    let clock = FixedClock::at(time(0));
    let store = MemoryStore::with_clock(clock.clone());
    let accounts = Repository::<Account>::new(store.clone());
    for round in 0..5 {
        let by = Metadata::by(if round % 2 == 0 { "clerk 1" } else { "clerk 2" });
        accounts.execute(&anna(), &Command::Deposit(100)).with_metadata(by).await.unwrap();
        clock.advance(Duration::from_secs(60));
    }
    (store, accounts)
}

#[tokio::test]
async fn an_entity_that_never_was_is_its_default_at_version_none() {
    let loaded = Repository::<Account>::new(MemoryStore::new()).load(&anna()).await.unwrap();
    assert_eq!((loaded.state, loaded.version), (Account::default(), Version::NONE));
}

#[tokio::test]
async fn an_entity_loads_as_of_a_version() {
    let (_, accounts) = five_deposits().await;
    for (version, cents, actual) in [(0, 0, 0), (1, 100, 1), (4, 400, 4), (5, 500, 5), (9, 500, 5)]
    {
        let loaded = accounts.load_at(&anna(), Version::new(version)).await.unwrap();
        assert_eq!(
            (loaded.state.cents, loaded.version),
            (cents, Version::new(actual)),
            "as of version {version}"
        );
    }
}

#[tokio::test]
async fn an_entity_loads_as_of_a_time() {
    let (_, accounts) = five_deposits().await;
    let just_before = time(2) - Duration::from_micros(1);
    let points = [
        (time(0) - Duration::from_secs(1), 0),
        (time(0), 1),
        (just_before, 2),
        (time(2), 3),
        (time(59), 5),
    ];
    for (time, version) in points {
        let loaded = accounts.load_at(&anna(), time).await.unwrap();
        assert_eq!(
            (loaded.state.cents, loaded.version.get()),
            (version * 100, version),
            "as of {time}"
        );
        assert_eq!(accounts.load_at(&anna(), AsOf::Time(time)).await.unwrap(), loaded);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_let_later_events_overtake() {
    let clock = FixedClock::at(time(0));
    let accounts = Repository::<Account>::new(MemoryStore::with_clock(clock.clone()));
    for minute in [1, 3, 2, 4] {
        clock.set(time(minute));
        accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    }
    for (minute, version) in [(1, 1), (2, 1), (3, 3), (4, 4)] {
        let loaded = accounts.load_at(&anna(), time(minute)).await.unwrap();
        assert_eq!(
            (loaded.state.cents, loaded.version.get()),
            (version * 100, version),
            "at 12:0{minute}"
        );
    }
}

#[tokio::test]
async fn history_tells_who_when_what_and_what_it_changed() {
    let (_, accounts) = five_deposits().await;
    let history: Vec<_> = accounts.history(&anna()).try_collect().await.unwrap();
    assert_eq!(history.len(), 5);
    for (index, change) in history.iter().enumerate() {
        let number = index as u64;
        assert_eq!((change.before.cents, change.after.cents), (number * 100, number * 100 + 100));
        assert_eq!(change.recorded.event, AccountEvent::Deposited { cents: 100 });
        assert_eq!(change.recorded.version, Version::new(number + 1));
        assert_eq!(change.recorded.recorded_at, time(index as u32));
        let clerk = if index % 2 == 0 { "clerk 1" } else { "clerk 2" };
        assert_eq!(change.recorded.metadata.actor.as_deref(), Some(clerk));
    }
}

/// Appends what an older build would have stored, or a newer one.
async fn append_raw(store: &MemoryStore, event_type: &'static str, payload: &str) {
    let data = EventData::new(EventType::from_static(event_type), Payload::parse(payload).unwrap());
    let stream = "account-anna".parse().unwrap();
    store
        .append(vec![StreamAppend::new(stream, ExpectedVersion::Any, vec![NewEvent::new(data)])])
        .await
        .unwrap();
}

#[tokio::test]
async fn one_old_event_can_be_several_of_today() {
    let (store, accounts) = five_deposits().await;
    append_raw(&store, "account.note_added", r#"{"notes":[1.5,2.5]}"#).await;
    accounts.execute(&anna(), &Command::Note(3.5)).await.unwrap();
    let loaded = accounts.load(&anna()).await.unwrap();
    assert_eq!((loaded.state.notes, loaded.version), (vec![1.5, 2.5, 3.5], Version::new(7)));

    let history: Vec<_> = accounts.history(&anna()).try_collect().await.unwrap();
    let notes: Vec<_> =
        history.iter().skip(5).map(|c| (c.recorded.version.get(), c.after.notes.len())).collect();
    assert_eq!(notes, [(6, 1), (6, 2), (7, 3)]);
}

#[tokio::test]
async fn an_unknown_event_ends_the_history_with_an_error_that_names_it() {
    let (store, accounts) = five_deposits().await;
    append_raw(&store, "account.frozen", "{}").await;
    append_raw(&store, "account.deposited", r#"{"cents":1}"#).await;
    let expect_unreadable = |error: StoreError| match error {
        StoreError::Unreadable(unreadable) => {
            assert_eq!(unreadable.version, Version::new(6));
            assert_eq!(unreadable.stream.as_str(), "account-anna");
            assert!(
                unreadable.source.to_string().contains("unknown event type account.frozen"),
                "{unreadable:?}"
            );
        }
        other => panic!("{other:?}"),
    };
    expect_unreadable(accounts.load(&anna()).await.unwrap_err());
    assert_eq!(accounts.load_at(&anna(), Version::new(5)).await.unwrap().state.cents, 500);

    let mut history = accounts.history(&anna());
    for _ in 0..5 {
        history.next().await.unwrap().unwrap();
    }
    expect_unreadable(history.next().await.unwrap().unwrap_err());
    assert!(history.next().await.is_none(), "nothing after a gap");
}
