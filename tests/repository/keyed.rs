//! A command under an idempotency key runs once, and each try gets the answer of the one that ran.

use std::{sync::Arc, time::Duration};

use annals::{
    CommandError, Event, EventData, EventStore, EventStoreExt, Executed, ExpectedVersion,
    IdempotencyKey, MemoryStore, Metadata, NewEvent, Payload, Position, Refusal, Repository,
    RetryPolicy, StoreError, StreamAppend, Version,
};
use uuid::Uuid;

use crate::{
    account::{Account, AccountEvent, Command, Declined, anna},
    faults::{Fault, Faulty},
};

const RIVAL: AccountEvent = AccountEvent::Deposited { cents: 1_000 };

fn key(number: u128) -> IdempotencyKey {
    Uuid::from_u128(number).into()
}

fn of_anna(events: Vec<NewEvent>) -> StreamAppend {
    StreamAppend::new("account-anna".parse().unwrap(), ExpectedVersion::Any, events)
}

/// So many events of one cent, under the ids of `key`: what another try has decided.
fn other_try(key: IdempotencyKey, events: usize) -> StreamAppend {
    let event = AccountEvent::Deposited { cents: 1 };
    let event = |index| NewEvent::encode(&event).unwrap().with_id(key.event_id(index));
    of_anna((0..events).map(event).collect())
}

/// The accounts of a store where anna has 100 cents, and the same ones behind `faults`.
async fn accounts(
    faults: impl IntoIterator<Item = Fault>,
) -> (MemoryStore, Arc<Faulty>, Repository<Account>) {
    let store = MemoryStore::new();
    let deposit = AccountEvent::Deposited { cents: 100 };
    store.append_to_stream(of_anna(vec![NewEvent::encode(&deposit).unwrap()])).await.unwrap();
    let faulty = Arc::new(Faulty::new(store.clone(), &RIVAL).in_appends(faults));
    let pause = Duration::from_micros(1);
    let quickly = RetryPolicy::default().with_first_pause(pause).with_longest_pause(pause);
    let accounts = Repository::new(Arc::clone(&faulty)).with_retry(quickly.with_retries(3));
    (store, faulty, accounts)
}

async fn run(
    accounts: &Repository<Account>,
    command: Command,
    key: IdempotencyKey,
) -> Result<Executed<Account>, CommandError<Declined>> {
    accounts.execute(&anna(), &command).with_idempotency_key(key).await
}

async fn head(store: &MemoryStore) -> u64 {
    store.head().await.unwrap().get()
}

#[tokio::test]
async fn a_command_sent_again_is_answered_as_of_then_and_not_decided() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    let (id, twice) = (anna(), Command::DepositTwice(5));
    let open = || run(&accounts, Command::Open("Anna".into()), key(1));
    let deposit = |metadata| {
        accounts.execute(&id, &twice).with_metadata(metadata).with_idempotency_key(key(2))
    };
    let opened = open().await.unwrap();
    let deposited = deposit(Metadata::by("anna").with_extra("rate", 0.1)).await.unwrap();
    assert_eq!(deposited.event_ids, [key(2).event_id(0), key(2).event_id(1)]);
    assert_eq!((deposited.state.cents, deposited.version), (10, Version::new(3)));
    assert_eq!(deposited.metadata.actor.as_deref(), Some("anna"));
    assert_eq!(deposited.metadata.correlation_id, Some(key(2).event_id(0).into()));
    accounts.execute(&"ben".to_owned(), &twice).await.unwrap();

    // First the stream ends with them, then it goes on; and an open account cannot be opened.
    for _ in 0..2 {
        assert_eq!(open().await.unwrap(), opened);
        assert_eq!(deposit(Metadata::by("ben")).await.unwrap(), deposited);
        accounts.execute(&id, &Command::Deposit(1)).await.unwrap();
    }
    assert_eq!(head(&store).await, 7);
}

#[tokio::test]
async fn that_a_command_has_run_comes_before_the_version_it_expects() {
    let (store, _, accounts) = accounts([]).await;
    let (ben, command) = ("ben".to_owned(), Command::Deposit(5));
    for (id, expected) in [(&ben, ExpectedVersion::NoStream), (&anna(), Version::new(1).into())] {
        let run = || {
            let command =
                accounts.execute(id, &command).with_idempotency_key(key(id.len() as u128));
            command.with_expected_version(expected)
        };
        let first = run().await.unwrap();
        assert_eq!(run().await.unwrap(), first);
        accounts.execute(id, &command).await.unwrap();
        assert_eq!(run().await.unwrap(), first);
        let other = accounts.execute(id, &command).with_idempotency_key(key(9));
        let conflict = other.with_expected_version(expected).await.err();
        assert!(matches!(conflict, Some(CommandError::Conflict(_))), "{conflict:?}");
    }
    assert_eq!(head(&store).await, 5);
}

#[tokio::test]
async fn a_command_that_led_to_nothing_leaves_no_trace() {
    let (store, _, accounts) = accounts([]).await;
    let run =
        async |command| accounts.execute(&anna(), &command).with_idempotency_key(key(1)).await;
    let declined = run(Command::Withdraw(150)).await.err();
    assert!(
        matches!(declined, Some(CommandError::Rejected(Declined::TooLittle(100)))),
        "{declined:?}"
    );
    assert_eq!(run(Command::Look).await.unwrap().events, []);
    accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    assert_eq!(run(Command::Withdraw(150)).await.unwrap().state.cents, 50);
    accounts.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    assert_eq!(run(Command::Look).await.unwrap().state.cents, 50, "the withdrawal's answer");
    assert_eq!(head(&store).await, 4);
}

#[tokio::test]
async fn a_key_used_for_another_entity_is_refused_and_says_where() {
    let (store, _, accounts) = accounts([]).await;
    run(&accounts, Command::DepositTwice(1), key(1)).await.unwrap();
    let ben = "ben".to_owned();
    for command in [Command::Deposit(1), Command::DepositTwice(1)] {
        match accounts.execute(&ben, &command).with_idempotency_key(key(1)).await {
            Err(CommandError::Store(StoreError::Refused(Refusal::IdempotencyKeyTaken {
                key: taken,
                stream,
                version,
            }))) => {
                assert_eq!((taken, stream.as_str()), (key(1), "account-anna"));
                assert!([2, 3].contains(&version.get()), "{version}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(head(&store).await, 3);
}

/// Between load and append another try stores fewer, as many, or more events, at the same version or a later one.
#[tokio::test]
async fn whichever_try_is_stored_first_is_the_answer_to_all() {
    for events in 1..=3 {
        for rivals in [vec![], vec![of_anna(vec![NewEvent::encode(&RIVAL).unwrap()])]] {
            let (store, faulty, accounts) = accounts([Fault::Meanwhile]).await;
            let accounts = accounts.with_retry(RetryPolicy::never());
            let before = 1 + rivals.len() as u64;
            let mut meanwhile = rivals.clone();
            meanwhile.push(other_try(key(1), events));
            meanwhile.extend(rivals);
            *faulty.meanwhile.lock().unwrap() = meanwhile;
            let run = || run(&accounts, Command::DepositTwice(50), key(1));
            let raced = run().await.unwrap();
            let end = head(&store).await;
            assert_eq!(raced.events, vec![AccountEvent::Deposited { cents: 1 }; events]);
            assert_eq!(raced.version, Version::new(before + events as u64));
            assert_eq!(raced.position, Position::new(before + events as u64));
            assert_eq!(raced.state, accounts.load_at(&anna(), raced.version).await.unwrap().state);
            assert_eq!(run().await.unwrap(), raced);
            assert_eq!(head(&store).await, end, "nothing of the later try");
        }
    }
}

#[tokio::test]
async fn the_same_key_settles_an_unknown_outcome() {
    for (fault, stored) in [(Fault::AnswerLost, 3), (Fault::RequestLost, 1)] {
        let (store, _, accounts) = accounts([fault]).await;
        let accounts = accounts.with_retry(RetryPolicy::never());
        let run = || run(&accounts, Command::DepositTwice(50), key(1));
        let lost = run().await.err();
        assert!(
            matches!(lost, Some(CommandError::Store(StoreError::OutcomeUnknown(_)))),
            "{lost:?}"
        );
        assert_eq!(head(&store).await, stored);
        let done = run().await.unwrap();
        assert_eq!((done.state.cents, done.version), (200, Version::new(3)));
        assert_eq!(head(&store).await, 3);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_outcome_unknown() {
    // Reads: the load, and the one after the append; with a try or two left, it is read again.
    for (retries, is_known) in [(0, false), (1, true)] {
        let (store, faulty, accounts) = accounts([]).await;
        accounts.execute(&anna(), &Command::DepositTwice(1)).await.unwrap();
        faulty.reads.lock().unwrap().extend([Fault::None, Fault::Unreachable]);
        let accounts = accounts.with_retry(RetryPolicy::default().with_retries(retries));
        let done = run(&accounts, Command::DepositTwice(50), key(1)).await;
        assert_eq!(head(&store).await, 5);
        match done {
            Ok(done) if is_known => assert_eq!(done.state.cents, 202),
            Err(CommandError::Store(StoreError::OutcomeUnknown(_))) if !is_known => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_old_event_is_answered_as_what_it_is_today() {
    let (store, _, accounts) = accounts([]).await;
    let noted = AccountEvent::NoteAdded { note: 0.0 }.encode().unwrap().event_type;
    let payload = Payload::parse(r#"{"notes":[1.5,2.5]}"#).unwrap();
    let old = NewEvent::new(EventData::new(noted, payload)).with_id(key(1).event_id(0));
    store.append_to_stream(of_anna(vec![old])).await.unwrap();
    accounts.execute(&anna(), &Command::Note(9.0)).await.unwrap();

    let again = run(&accounts, Command::Note(0.0), key(1)).await.unwrap();
    assert_eq!(again.state.notes, [1.5, 2.5]);
    assert_eq!((again.events.len(), again.event_ids.len()), (2, 1));
    assert_eq!(again.version, Version::new(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_with_one_key_run_one_command() {
    let (store, _, accounts) = accounts([]).await;
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                let (id, by_task) = (anna(), Metadata::by(format!("task {task}")));
                let audit = accounts.execute(&id, &Command::Audit).with_metadata(by_task);
                audit.with_idempotency_key(key(1)).await.unwrap()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(head(&store).await, 2);
}
