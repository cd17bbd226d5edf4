use std::{sync::Arc, time::Duration};

use annals::{
    CommandError, EventStore, ExpectedVersion, MemoryStore, Position, Refusal, Repository,
    RetryPolicy, StoreError, Version,
};
use futures_util::future::poll_immediate;

use crate::{
    account::{Account, AccountEvent, Command, Declined, anna},
    faults::{Fault, Faulty},
};

const RIVAL: AccountEvent = AccountEvent::Deposited { cents: 1_000 };

fn quickly(retries: usize) -> RetryPolicy {
    RetryPolicy::default()
        .with_retries(retries)
        .with_first_pause(Duration::from_micros(1))
        .with_longest_pause(Duration::from_micros(1))
}

/// An account with 100 cents on a store with these faults in its appends.
async fn accounts(faults: impl IntoIterator<Item = Fault>) -> (MemoryStore, Repository<Account>) {
    let store = MemoryStore::new();
    Repository::<Account>::new(store.clone())
        .execute(&anna(), &Command::Deposit(100))
        .await
        .unwrap();
    let faulty = Faulty::new(store.clone(), &RIVAL).in_appends(faults);
    (store, Repository::new(faulty).with_retry(quickly(3)))
}

async fn head(store: &MemoryStore) -> Position {
    store.head().await.unwrap()
}

#[tokio::test]
async fn a_conflict_is_decided_again_on_what_the_rival_did() {
    let (store, accounts) = accounts([Fault::Rival, Fault::Rival]).await;
    let done = accounts.execute(&anna(), &Command::Withdraw(2_000)).await;
    match done {
        Err(CommandError::Rejected(Declined::TooLittle(100))) => {}
        other => panic!("decided on the state as it was at first: {other:?}"),
    }
    let done = accounts.execute(&anna(), &Command::Withdraw(50)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (2_050, Version::new(4)));
    assert_eq!(head(&store).await, Position::new(4));
}

#[tokio::test]
async fn the_policy_ends_the_tries() {
    let (store, accounts) = accounts([Fault::Rival; 9]).await;
    match accounts.execute(&anna(), &Command::Withdraw(50)).await {
        Err(CommandError::Conflict(conflict)) => assert_eq!(conflict.actual, Version::new(5)),
        other => panic!("{other:?}"),
    }
    assert_eq!(head(&store).await, Position::new(5), "four tries, four rivals");

    let once = accounts.with_retry(RetryPolicy::never());
    assert!(matches!(
        once.execute(&anna(), &Command::Withdraw(50)).await,
        Err(CommandError::Conflict(_))
    ));
    assert_eq!(head(&store).await, Position::new(6));
}

#[tokio::test]
async fn a_pinned_version_is_not_tried_again() {
    let (store, accounts) = accounts([Fault::Rival]).await;
    match accounts
        .execute(&anna(), &Command::Withdraw(50))
        .with_expected_version(Version::new(1))
        .await
    {
        Err(CommandError::Conflict(conflict)) => {
            assert_eq!(
                (conflict.expected, conflict.actual),
                (Version::new(1).into(), Version::new(2))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(head(&store).await, Position::new(2));
}

#[tokio::test]
async fn a_conflict_with_what_the_caller_expects_says_so_and_is_not_looked_at_again() {
    let store = MemoryStore::new();
    let faulty = Faulty::new(store, &RIVAL).in_appends([Fault::Rival]).in_reads([Fault::None; 2]);
    let faulty = Arc::new(faulty);
    let accounts = Repository::<Account>::new(Arc::clone(&faulty)).with_retry(quickly(3));
    match accounts
        .execute(&anna(), &Command::Deposit(1))
        .with_expected_version(ExpectedVersion::NoStream)
        .await
    {
        Err(CommandError::Conflict(conflict)) => {
            assert_eq!(
                (conflict.expected, conflict.actual),
                (ExpectedVersion::NoStream, Version::new(1))
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(faulty.reads.lock().unwrap().len(), 1, "one load");
}

#[tokio::test]
async fn an_existing_stream_may_be_tried_again() {
    let (_, accounts) = accounts([Fault::Rival]).await;
    let done = accounts
        .execute(&anna(), &Command::Withdraw(50))
        .with_expected_version(ExpectedVersion::Exists)
        .await
        .unwrap();
    assert_eq!((done.state.cents, done.version), (1_050, Version::new(3)));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nothing_is_stored_twice() {
    for faults in [
        &[Fault::AnswerLost][..],
        &[Fault::RequestLost],
        &[Fault::Unreachable],
        &[Fault::RequestLost, Fault::AnswerLost, Fault::AnswerLost],
        &[Fault::Unreachable, Fault::RequestLost, Fault::AnswerLost],
    ] {
        let (store, accounts) = accounts(faults.iter().copied()).await;
        let done = accounts.execute(&anna(), &Command::DepositTwice(25)).await.unwrap();
        assert_eq!(
            (done.state.cents, done.version, done.position),
            (150, Version::new(3), Position::new(3))
        );
        assert_eq!(head(&store).await, Position::new(3), "{faults:?}");
        assert_eq!(accounts.load(&anna()).await.unwrap().state, done.state);
    }
}

#[tokio::test]
async fn a_lost_answer_is_the_first_one_even_if_others_went_on() {
    let (store, accounts) = accounts([Fault::AnswerLostThenRival]).await;
    let done = accounts.execute(&anna(), &Command::Withdraw(30)).await.unwrap();
    assert_eq!(
        (done.state.cents, done.version, done.position),
        (70, Version::new(2), Position::new(2))
    );
    assert_eq!(head(&store).await, Position::new(3));
    assert_eq!(accounts.load(&anna()).await.unwrap().state.cents, 1_070);
}

#[tokio::test]
async fn a_store_that_stays_lost_is_told() {
    let (store, accounts) = accounts([Fault::Unreachable; 9]).await;
    let error = accounts.execute(&anna(), &Command::Withdraw(30)).await.err();
    assert!(matches!(error, Some(CommandError::Store(StoreError::Unavailable(_)))), "{error:?}");
    assert_eq!(head(&store).await, Position::new(1));
}

#[tokio::test]
async fn an_outcome_once_unknown_is_told_as_unknown_whatever_fails_after_it() {
    let afterwards = [Fault::Unreachable, Fault::Broken, Fault::RequestLost];
    for (first, stored) in [(Fault::AnswerLost, 2), (Fault::RequestLost, 1)] {
        for then in afterwards {
            let (store, accounts) = accounts([first, then, then, then]).await;
            let error = accounts.execute(&anna(), &Command::Withdraw(30)).await.err();
            assert!(
                matches!(error, Some(CommandError::Store(StoreError::OutcomeUnknown(_)))),
                "{first:?}, {then:?}: {error:?}"
            );
            assert_eq!(head(&store).await, Position::new(stored));
        }
    }
    let (store, accounts) = accounts([Fault::Broken]).await;
    let error = accounts.execute(&anna(), &Command::Withdraw(30)).await.err();
    assert!(matches!(error, Some(CommandError::Store(StoreError::Failed(_)))), "{error:?}");
    assert_eq!(head(&store).await, Position::new(1));
}

#[tokio::test]
async fn a_rival_after_a_lost_request_settles_that_nothing_was_stored() {
    let (store, accounts) = accounts([Fault::RequestLost, Fault::Rival]).await;
    let done = accounts.execute(&anna(), &Command::Withdraw(30)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (1_070, Version::new(3)));
    assert_eq!(head(&store).await, Position::new(3));
}

#[tokio::test]
async fn a_store_that_does_not_answer_once_leaves_the_outcome_unknown() {
    for times in [0, 2] {
        let (store, accounts_once) = accounts([Fault::Answers(times)]).await;
        let done = accounts_once.execute(&anna(), &Command::Withdraw(30)).await.unwrap();
        assert_eq!(
            (done.version, head(&store).await),
            (Version::new(2), Position::new(2)),
            "settled by asking again"
        );

        let (store, accounts) = accounts([Fault::Answers(times); 4]).await;
        let error = accounts.execute(&anna(), &Command::Withdraw(30)).await.err();
        assert!(
            matches!(error, Some(CommandError::Store(StoreError::OutcomeUnknown(_)))),
            "{error:?}"
        );
        assert_eq!(head(&store).await, Position::new(2));
    }
}

#[tokio::test]
async fn ids_that_somebody_else_used_first_are_refused() {
    let (store, accounts) = accounts([Fault::Twin]).await;
    match accounts.execute(&anna(), &Command::Withdraw(30)).await {
        Err(CommandError::Store(StoreError::Refused(Refusal::EventIdTaken {
            version, ..
        }))) => {
            assert_eq!(version, Version::new(3));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(head(&store).await, Position::new(3));
}

#[tokio::test(start_paused = true)]
async fn each_further_try_comes_after_its_pause() {
    let second = Duration::from_secs(1);
    let (_, accounts) = accounts([Fault::Rival, Fault::Unreachable, Fault::AnswerLost]).await;
    let accounts =
        accounts.with_retry(quickly(3).with_first_pause(second).with_longest_pause(second));
    let start = tokio::time::Instant::now();
    accounts.execute(&anna(), &Command::Withdraw(30)).await.unwrap();
    let took = start.elapsed();
    assert!((second * 3..second * 6 + Duration::from_millis(10)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_broken_read_begins_anew() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute(&anna(), &Command::DepositTwice(100)).await.unwrap();
    let faulty = Arc::new(Faulty::new(store, &RIVAL).in_reads([Fault::Unreachable; 2]));
    let accounts = Repository::<Account>::new(Arc::clone(&faulty)).with_retry(quickly(2));
    let done = accounts.execute(&anna(), &Command::Withdraw(30)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (170, Version::new(3)));
    assert!(faulty.reads.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_on_one_account_lose_nothing() {
    const TASKS: u64 = 64;
    let accounts = Repository::<Account>::new(MemoryStore::new())
        .with_retry(RetryPolicy::default().with_retries(500));
    let tasks: Vec<_> = (0..TASKS)
        .map(|cents| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                accounts.execute(&anna(), &Command::Deposit(cents)).await.unwrap().version
            })
        })
        .collect();
    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap().get());
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=TASKS).collect::<Vec<_>>(), "each command has a version of its own");
    assert_eq!(accounts.load(&anna()).await.unwrap().state.cents, TASKS * (TASKS - 1) / 2);
}

#[tokio::test]
async fn a_dropped_command_has_happened_whole_or_not_at_all() {
    // Dropped before it runs, and in the pause after a try whose request or answer was lost.
    for (polled, fault, cents, version) in [
        (false, Fault::AnswerLost, 100, 1),
        (true, Fault::RequestLost, 100, 1),
        (true, Fault::AnswerLost, 150, 3),
    ] {
        let (store, accounts) = accounts([fault]).await;
        let slowly = RetryPolicy::default().with_first_pause(Duration::from_secs(3_600));
        let accounts = accounts.with_retry(slowly.with_longest_pause(Duration::from_secs(3_600)));
        let (id, command) = (anna(), Command::DepositTwice(25));
        let mut running = accounts.execute(&id, &command).into_future();
        if polled {
            assert!(poll_immediate(&mut running).await.is_none(), "it waits before the next try");
        }
        drop(running);
        let loaded = accounts.load(&anna()).await.unwrap();
        assert_eq!((loaded.state.cents, loaded.version), (cents, Version::new(version)));
        assert_eq!(head(&store).await.get(), version);
    }
}
