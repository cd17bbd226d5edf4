//! What a repository keeps in memory saves reading, and never an answer that the store would not give.

use std::sync::Arc;

use annals::{
    CommandError, ExpectedVersion, MemoryStore, Position, Repository, RetryPolicy, Version,
};

use crate::{
    account::{Account, Command, Declined, anna},
    gate::Gate,
};

/// The accounts of a store, and those of somebody else on the same store.
fn accounts() -> (Arc<Gate>, Repository<Account>, Repository<Account>) {
    let store = MemoryStore::new();
    let gate = Arc::new(Gate::new(store.clone()));
    (Arc::clone(&gate), Repository::new(gate), Repository::new(store))
}

#[tokio::test]
async fn a_command_on_an_entity_that_is_known_is_one_append() {
    let (gate, accounts, _) = accounts();
    accounts.execute(&anna(), &Command::DepositTwice(50)).await.unwrap();
    assert_eq!((gate.take_reads(), gate.take_appends()), (vec![1], vec![2]));
    for nth in 1..=3 {
        let done = accounts.clone().execute(&anna(), &Command::Deposit(1)).await.unwrap();
        assert_eq!((done.state.cents, done.version), (100 + nth, Version::new(2 + nth)));
        assert_eq!(done.position, Position::new(2 + nth));
    }
    assert_eq!((gate.take_reads(), gate.take_appends()), (vec![], vec![1; 3]));
}

#[tokio::test]
async fn after_a_conflict_only_what_is_new_is_read() {
    let (gate, accounts, others) = accounts();
    accounts.execute(&anna(), &Command::DepositTwice(50)).await.unwrap();
    others.execute(&anna(), &Command::DepositTwice(10)).await.unwrap();
    gate.take_reads();
    let done = accounts.execute(&anna(), &Command::Withdraw(120)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (0, Version::new(5)));
    assert_eq!((gate.take_reads(), gate.take_appends()), (vec![3], vec![2, 1]));
}

#[tokio::test]
async fn what_is_declined_or_leads_to_nothing_is_so_now() {
    let (gate, accounts, others) = accounts();
    let declined = accounts.execute(&anna(), &Command::Withdraw(100)).await;
    assert!(matches!(declined, Err(CommandError::Rejected(Declined::TooLittle(0)))));
    assert_eq!(gate.take_reads(), [1], "what was read for the command says so");
    let declined = accounts.execute(&anna(), &Command::Withdraw(100)).await;
    assert!(matches!(declined, Err(CommandError::Rejected(Declined::TooLittle(0)))));
    assert_eq!(gate.take_reads(), [1], "what was read before may have changed");

    others.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    let looked = accounts.execute(&anna(), &Command::Look).await.unwrap();
    assert_eq!((looked.state.cents, looked.version), (100, Version::new(1)));
    others.execute(&anna(), &Command::Deposit(100)).await.unwrap();
    let done = accounts.execute(&anna(), &Command::Withdraw(200)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (0, Version::new(3)));
    assert_eq!(gate.take_reads(), [1, 2]);
}

#[tokio::test]
async fn a_version_that_the_caller_saw_elsewhere_is_not_taken_for_wrong() {
    let (_, accounts, others) = accounts();
    let pinned = |accounts: Repository<Account>, version: u64| async move {
        let expected = ExpectedVersion::from(Version::new(version));
        accounts.execute(&anna(), &Command::Deposit(1)).with_expected_version(expected).await
    };
    accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
    let seen = others.execute(&anna(), &Command::Deposit(1)).await.unwrap().version;
    let done = pinned(accounts.clone(), seen.get()).await.unwrap();
    assert_eq!((done.state.cents, done.version), (3, Version::new(3)));
    match pinned(accounts, 7).await {
        Err(CommandError::Conflict(conflict)) => assert_eq!(conflict.actual, Version::new(3)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_loaded_state_is_the_newest_and_spares_the_next_command_its_reading() {
    let (gate, accounts, others) = accounts();
    others.execute(&anna(), &Command::DepositTwice(5)).await.unwrap();
    for version in 2..5 {
        let loaded = accounts.load(&anna()).await.unwrap();
        assert_eq!(
            (loaded.version, loaded.position),
            (Version::new(version), Position::new(version))
        );
        assert_eq!(loaded.state.cents, version * 5);
        others.execute(&anna(), &Command::Deposit(5)).await.unwrap();
    }
    accounts.load(&anna()).await.unwrap();
    assert_eq!(gate.take_reads(), [1, 3, 4, 5]);
    accounts.execute(&anna(), &Command::Withdraw(25)).await.unwrap();
    assert!(gate.take_reads().is_empty());
}

#[tokio::test]
async fn it_is_bounded_and_clones_share_it() {
    for (most, reads) in [(0, 300), (32, 250), (1_000, 100)] {
        let (gate, accounts, _) = accounts();
        let accounts = accounts.with_cache(most);
        for round in 1..=3 {
            for account in 0..100 {
                let accounts = accounts.clone();
                let done =
                    accounts.execute(&account.to_string(), &Command::Deposit(1)).await.unwrap();
                assert_eq!((done.state.cents, done.version), (round, Version::new(round)));
            }
        }
        let read = gate.take_reads().len();
        match most {
            32 => assert!((reads - 150..=300).contains(&read), "{read} reads"),
            _ => assert_eq!(read, reads),
        }
    }
}

/// As after a restore of the database to an earlier moment.
#[tokio::test]
async fn a_stream_that_is_shorter_than_it_was_is_read_anew() {
    let (lost, kept) = (MemoryStore::new(), MemoryStore::new());
    Repository::<Account>::new(kept.clone()).execute(&anna(), &Command::Deposit(5)).await.unwrap();
    let switch = Arc::new(crate::gate::Switch::new(lost, kept));
    let accounts = Repository::<Account>::new(Arc::clone(&switch));
    accounts.execute(&anna(), &Command::DepositTwice(100)).await.unwrap();
    switch.turn();
    let done = accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
    assert_eq!((done.state.cents, done.version), (6, Version::new(2)));
}

#[tokio::test]
async fn that_a_state_was_old_does_not_count_as_a_try() {
    let (_, accounts, others) = accounts();
    let accounts = accounts.with_retry(RetryPolicy::never());
    for round in 0..3 {
        let done = accounts.execute(&anna(), &Command::Deposit(1)).await.unwrap();
        assert_eq!(done.state.cents, 2 * round + 1);
        others.execute(&anna(), &Command::Deposit(1)).await.unwrap();
    }
}
