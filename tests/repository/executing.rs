use annals::{
    CommandError, EventId, EventStoreExt, ExpectedVersion, MemoryStore, Metadata, Position,
    Refusal, Repository, RetryPolicy, StoreError, TryStreamExt, Version,
    testing::{FixedClock, SequentialIds},
};
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent, Command, Declined, anna},
    faults::{Fault, Faulty},
};

#[tokio::test]
async fn a_command_has_an_answer() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts.execute(&anna(), &Command::Open("Anna".into())).await.unwrap();
    let done = accounts.execute(&anna(), &Command::DepositTwice(250)).await.unwrap();
    assert_eq!(done.state, Account { owner: Some("Anna".into()), cents: 500, notes: vec![] });
    assert_eq!(done.version, Version::new(3));
    assert_eq!(done.position, Position::new(3));
    assert_eq!(done.events, vec![AccountEvent::Deposited { cents: 250 }; 2]);

    let loaded = accounts.load(&anna()).await.unwrap();
    assert_eq!(
        (loaded.state, loaded.version, loaded.position),
        (done.state, done.version, done.position)
    );
}

#[tokio::test]
async fn a_command_without_events_is_a_success_that_appends_nothing() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let done = accounts.execute(&anna(), &Command::Look).await.unwrap();
    assert_eq!(
        (done.version, done.position, done.events),
        (Version::NONE, Position::START, vec![])
    );

    accounts.execute(&anna(), &Command::Deposit(5)).await.unwrap();
    accounts.execute(&"ben".to_owned(), &Command::Deposit(5)).await.unwrap();
    let done = accounts.execute(&anna(), &Command::Look).await.unwrap();
    assert_eq!(
        (done.version, done.position, done.state.cents),
        (Version::new(1), Position::new(1), 5)
    );
    assert_eq!(annals::EventStore::head(&store).await.unwrap(), Position::new(2));
}

#[tokio::test]
async fn a_declined_command_appends_nothing_and_says_why() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute(&anna(), &Command::Deposit(5)).await.unwrap();
    match accounts.execute(&anna(), &Command::Withdraw(6)).await {
        Err(CommandError::Rejected(Declined::TooLittle(5))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(annals::EventStore::head(&store).await.unwrap(), Position::new(1));
}

#[tokio::test]
async fn an_expected_version_is_held_without_deciding() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    accounts
        .execute(&anna(), &Command::Deposit(5))
        .with_expected_version(ExpectedVersion::NoStream)
        .await
        .unwrap();
    let done = accounts
        .execute(&anna(), &Command::Deposit(5))
        .with_expected_version(Version::new(1))
        .await
        .unwrap();
    assert_eq!(done.version, Version::new(2));
    let wrong = [ExpectedVersion::NoStream, Version::new(1).into(), Version::new(3).into()];
    for expected in wrong {
        // Both would fail for another reason, or not at all, if they were decided.
        for command in [Command::Withdraw(1_000), Command::Look] {
            match accounts.execute(&anna(), &command).with_expected_version(expected).await {
                Err(CommandError::Conflict(conflict)) => {
                    assert_eq!((conflict.expected, conflict.actual), (expected, Version::new(2)));
                    assert_eq!(conflict.stream, accounts.stream_id(&anna()).unwrap());
                }
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
    accounts
        .execute(&anna(), &Command::Deposit(5))
        .with_expected_version(ExpectedVersion::Exists)
        .await
        .unwrap();
}

#[tokio::test]
async fn time_ids_and_actor_come_from_outside() {
    let clock = FixedClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let accounts = Repository::<Account>::new(MemoryStore::with_clock(clock.clone()))
        .with_clock(clock.clone())
        .with_ids(SequentialIds::default());
    accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
    let audit = accounts
        .execute(&anna(), &Command::Audit)
        .with_metadata(Metadata::by("ben"))
        .await
        .unwrap();
    let expected = AccountEvent::Audited {
        at: "2026-01-31T12:00:00Z".parse().unwrap(),
        by: Some("ben".into()),
        version: 1,
        ticket: Uuid::from_u128(2),
    };
    assert_eq!(audit.events, [expected]);
    let last = accounts.history(&anna()).try_collect::<Vec<_>>().await.unwrap().pop().unwrap();
    assert_eq!(last.recorded.id, EventId::from(Uuid::from_u128(3)));
    assert_eq!(
        last.recorded.recorded_at,
        "2026-01-31T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
}

#[tokio::test]
async fn a_clone_goes_on_with_the_same_clock_ids_and_retries() {
    let clock = FixedClock::at("2026-01-31T12:00:00Z".parse().unwrap());
    let store = MemoryStore::new();
    let rival = AccountEvent::Deposited { cents: 1 };
    let accounts =
        Repository::<Account>::new(Faulty::new(store, &rival).in_appends([Fault::Rival]))
            .with_clock(clock)
            .with_ids(SequentialIds::default())
            .with_retry(RetryPolicy::never());
    let clone = accounts.clone();
    assert!(matches!(
        clone.execute(&anna(), &Command::Audit).await,
        Err(CommandError::Conflict(_))
    ));
    let audit = clone.execute(&anna(), &Command::Audit).await.unwrap().events;
    match &audit[..] {
        [AccountEvent::Audited { at, ticket, .. }] => {
            assert_eq!(at.to_rfc3339(), "2026-01-31T12:00:00+00:00");
            assert_eq!(*ticket, Uuid::from_u128(3), "two went to the first try");
        }
        other => panic!("{other:?}"),
    }
    let last = clone.history(&anna()).try_collect::<Vec<_>>().await.unwrap().pop().unwrap();
    assert_eq!(last.recorded.id, EventId::from(Uuid::from_u128(4)));
}

#[tokio::test]
async fn an_id_given_twice_is_refused_and_no_command_is_lost_for_it() {
    let store = MemoryStore::new();
    let [first, second] = [(); 2]
        .map(|()| Repository::<Account>::new(store.clone()).with_ids(SequentialIds::default()));
    first.execute(&anna(), &Command::DepositTwice(1)).await.unwrap();
    match second.execute(&anna(), &Command::DepositTwice(5)).await {
        Err(CommandError::Store(StoreError::Refused(Refusal::EventIdTaken {
            id,
            stream,
            version,
        }))) => {
            assert_eq!(id, EventId::from(Uuid::from_u128(1)));
            assert_eq!((stream.as_str(), version), ("account-anna", Version::new(1)));
        }
        other => panic!("{other:?}"),
    }
    let third = second.execute(&anna(), &Command::Deposit(7)).await.unwrap();
    assert_eq!((third.state.cents, third.version), (9, Version::new(3)));
}

#[tokio::test]
async fn the_events_of_a_command_share_its_metadata_and_a_correlation() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let by_ben = Metadata::by("ben").with_extra("ip", "203.0.113.7");
    accounts.execute(&anna(), &Command::DepositTwice(1)).with_metadata(by_ben).await.unwrap();
    accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();

    let recorded: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    let [first, second, third] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!(first.metadata.actor.as_deref(), Some("ben"));
    assert_eq!(first.metadata.extra["ip"], "203.0.113.7");
    assert_eq!(first.metadata.correlation_id, Some(first.id.into()));
    assert_eq!(second.metadata, first.metadata);
    assert_eq!(
        third.metadata.correlation_id,
        Some(third.id.into()),
        "another command, another course of things"
    );
    assert_eq!(third.metadata.actor, None);
}

#[tokio::test]
async fn what_follows_carries_the_correlation_and_names_its_cause() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let ben = "ben".to_owned();
    accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
    for (position, to) in [(0, &ben), (1, &anna())] {
        let after = Position::new(position);
        let cause = store.events_after::<AccountEvent>(after).try_next().await.unwrap().unwrap();
        let effect =
            accounts.execute(to, &Command::Deposit(1)).with_metadata(Metadata::caused_by(&cause));
        effect.await.unwrap();
    }
    let recorded: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    let [root, second, third] = &recorded[..] else { panic!("{recorded:?}") };
    assert_eq!(root.metadata.causation_id, None);
    assert_eq!(second.metadata.causation_id, Some(root.id.into()));
    assert_eq!(third.metadata.causation_id, Some(second.id.into()));
    let correlations = [second, third].map(|event| event.metadata.correlation_id);
    assert_eq!(correlations, [Some(root.id.into()); 2]);
}

#[tokio::test]
async fn an_id_that_names_no_stream_is_refused_and_says_so() {
    let accounts = Repository::<Account>::new(MemoryStore::new());
    for id in ["", "a\0b", &"x".repeat(600)] {
        let id = id.to_owned();
        let executed = accounts.execute(&id, &Command::Deposit(1)).await.err();
        assert!(
            matches!(
                executed,
                Some(CommandError::Store(StoreError::Refused(Refusal::StreamId(_))))
            ),
            "{executed:?}"
        );
        let loaded = accounts.load(&id).await.unwrap_err();
        assert!(matches!(loaded, StoreError::Refused(Refusal::StreamId(_))));
        assert!(loaded.to_string().starts_with("stream id "), "{loaded}");
        let history = accounts.history(&id).try_collect::<Vec<_>>().await;
        assert!(matches!(history, Err(StoreError::Refused(Refusal::StreamId(_)))));
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_is_refused_before_anything_is() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    match accounts.execute(&anna(), &Command::Note(f64::NAN)).await {
        Err(CommandError::Store(StoreError::Refused(Refusal::Event(error)))) => {
            assert_eq!(error.event_type.as_str(), "account.note_added");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(annals::EventStore::head(&store).await.unwrap(), Position::START);
}

#[tokio::test]
async fn the_answer_of_a_command_is_a_cause_itself() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let first = accounts.execute(&anna(), &Command::DepositTwice(1)).await.unwrap();
    let because = Metadata::caused_by(&first);
    let second = accounts
        .execute(&"ben".to_owned(), &Command::Deposit(1))
        .with_metadata(because)
        .await
        .unwrap();
    let recorded: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    let ids: Vec<_> = recorded.iter().map(|event| event.id).collect();
    assert_eq!([first.event_ids.clone(), second.event_ids.clone()].concat(), ids);
    assert_eq!(first.metadata, recorded[0].metadata);
    assert_eq!(
        recorded[2].metadata.causation_id,
        Some(ids[1].into()),
        "the last event is the cause"
    );
    assert_eq!(recorded[2].metadata.correlation_id, Some(ids[0].into()));

    let looked = accounts
        .execute(&anna(), &Command::Look)
        .with_metadata(Metadata::caused_by(&second))
        .await
        .unwrap();
    let after_nothing = Metadata::caused_by(&looked);
    assert_eq!(
        (after_nothing.causation_id, after_nothing.correlation_id),
        (None, Some(ids[0].into()))
    );
}

#[test]
fn only_what_stored_nothing_invites_another_try() {
    let down = || "down".into();
    assert!(StoreError::Unavailable(down()).is_transient());
    for error in [StoreError::OutcomeUnknown(down()), StoreError::Failed(down())] {
        assert!(!error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn an_aggregate_may_state_a_category_of_its_own() {
    #[derive(Debug, Clone, Default)]
    struct Archive;

    impl annals::Aggregate for Archive {
        const CATEGORY: &'static str = "archive";
        type Id = String;
        type Command = ();
        type Event = AccountEvent;
        type Error = std::convert::Infallible;

        fn handle(
            &self,
            (): &(),
            _: &annals::Context<Self>,
        ) -> Result<Vec<AccountEvent>, Self::Error> {
            Ok(vec![AccountEvent::Deposited { cents: 1 }])
        }

        fn apply(&mut self, _: &AccountEvent) {}
    }

    let store = MemoryStore::new();
    Repository::<Archive>::new(store.clone()).execute(&anna(), &()).await.unwrap();
    Repository::<Account>::new(store.clone()).execute(&anna(), &Command::Deposit(1)).await.unwrap();
    let recorded: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    let streams: Vec<_> = recorded.iter().map(|event| event.stream.as_str()).collect();
    assert_eq!(streams, ["archive-anna", "account-anna"]);
}
