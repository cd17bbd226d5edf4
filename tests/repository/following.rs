use std::sync::Arc;

use annals::{
    Event, EventData, EventStore, EventStoreExt, ExpectedVersion, MemoryStore, NewEvent, Position,
    Repository, StoreError, StreamAppend, StreamExt, TryStreamExt,
};
use futures_util::future::poll_immediate;

use crate::{
    account::{Account, AccountEvent, Command, anna},
    faults::Faulty,
};

/// A follower's own view: some of the accounts' events.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, Event)]
#[event(category = "account")]
enum Payment {
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

#[tokio::test]
async fn a_follower_reads_what_is_there_and_then_what_comes() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute(&anna(), &Command::Open("Anna".into())).await.unwrap();
    accounts.execute(&anna(), &Command::DepositTwice(5)).await.unwrap();

    let mut payments = store.follow::<Payment>(Position::START);
    for version in [2, 3] {
        let payment = payments.try_next().await.unwrap().unwrap();
        assert_eq!(
            (payment.version.get(), payment.event),
            (version, Payment::Deposited { cents: 5 })
        );
    }
    assert!(poll_immediate(payments.next()).await.is_none(), "there is no more yet");
    accounts.execute(&anna(), &Command::Audit).await.unwrap();
    assert!(poll_immediate(payments.next()).await.is_none(), "nothing for this follower");
    accounts.execute(&anna(), &Command::Withdraw(3)).await.unwrap();
    let payment = payments.try_next().await.unwrap().unwrap();
    assert_eq!(
        (payment.position, payment.event),
        (Position::new(5), Payment::Withdrawn { cents: 3 })
    );
    assert!(poll_immediate(payments.next()).await.is_none());
}

#[tokio::test]
async fn a_follower_goes_on_after_its_checkpoint() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    for cents in 1..=5 {
        accounts.execute(&anna(), &Command::Deposit(cents)).await.unwrap();
    }
    accounts.execute(&anna(), &Command::Audit).await.unwrap();
    let rest: Vec<_> = store.events_after::<Payment>(Position::new(3)).try_collect().await.unwrap();
    assert_eq!(
        rest.iter().map(|r| r.event.clone()).collect::<Vec<_>>(),
        [4, 5].map(|cents| Payment::Deposited { cents })
    );
    let followed: Vec<_> =
        store.follow::<Payment>(Position::new(3)).take(2).try_collect().await.unwrap();
    assert_eq!(followed, rest);
}

#[tokio::test]
async fn a_follower_rests_where_nothing_is_for_it() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    for _ in 0..3 {
        accounts.execute(&anna(), &Command::Audit).await.unwrap();
    }
    let watched = Arc::new(Faulty::new(store, &AccountEvent::Deposited { cents: 1 }));
    let mut payments = watched.follow::<Payment>(Position::START);
    assert!(poll_immediate(payments.next()).await.is_none());
    accounts.execute(&anna(), &Command::Audit).await.unwrap();
    assert!(poll_immediate(payments.next()).await.is_none());
    assert_eq!(*watched.waits.lock().unwrap(), [0, 3, 4].map(Position::new));
}

#[tokio::test]
async fn whoever_wants_everything_gets_it_as_it_is_stored() {
    let store = MemoryStore::new();
    Repository::<Account>::new(store.clone())
        .execute(&anna(), &Command::DepositTwice(5))
        .await
        .unwrap();
    let all: Vec<_> = store.events_after::<EventData>(Position::START).try_collect().await.unwrap();
    assert_eq!(all.len(), 2);
    const { assert!(EventData::CATCHES_ALL) };
    assert_eq!(all[0].event, AccountEvent::Deposited { cents: 5 }.encode().unwrap());
}

#[tokio::test]
async fn a_catch_all_gets_what_has_no_name_of_its_own() {
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, Event)]
    #[event(category = "account")]
    enum Any {
        Deposited {
            cents: u64,
        },
        #[event(other)]
        Other(EventData),
    }
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute(&anna(), &Command::Withdraw(0)).await.unwrap();
    accounts.execute(&anna(), &Command::Deposit(5)).await.unwrap();
    let all: Vec<_> = store.events_after::<Any>(Position::START).try_collect().await.unwrap();
    let withdrawn = AccountEvent::Withdrawn { cents: 0 }.encode().unwrap();
    let all: Vec<_> = all.into_iter().map(|recorded| recorded.event).collect();
    assert_eq!(all, [Any::Other(withdrawn), Any::Deposited { cents: 5 }]);
}

#[tokio::test]
async fn a_follower_that_cannot_read_an_event_stops_there() {
    /// Reads the name, and expects another shape.
    #[derive(Debug, serde::Serialize, serde::Deserialize, Event)]
    #[event(category = "account")]
    enum Misunderstood {
        Deposited { euros: String },
    }
    let store = MemoryStore::new();
    Repository::<Account>::new(store.clone())
        .execute(&anna(), &Command::DepositTwice(5))
        .await
        .unwrap();
    let mut events = store.follow::<Misunderstood>(Position::START);
    match events.next().await.unwrap() {
        Err(StoreError::Unreadable(unreadable)) => {
            assert_eq!(unreadable.position, Position::new(1))
        }
        other => panic!("{other:?}"),
    }
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_miss_nothing_while_many_write() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 100;
    let store = MemoryStore::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let accounts = Repository::<Account>::new(store.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    accounts.execute(&writer.to_string(), &Command::Deposit(1)).await.unwrap();
                }
            })
        })
        .collect();
    let count = (WRITERS * EACH) as usize;
    let followed: Vec<_> =
        store.follow::<Payment>(Position::START).take(count).try_collect().await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    let stored: Vec<_> =
        store.events_after::<Payment>(Position::START).try_collect().await.unwrap();
    assert_eq!(followed, stored);
    assert_eq!(store.head().await.unwrap(), Position::new(WRITERS * EACH));
}

#[tokio::test]
async fn types_that_a_follower_does_not_list_are_passed_over() {
    let store = MemoryStore::new();
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute(&anna(), &Command::Deposit(5)).await.unwrap();
    let of_a_newer_build =
        EventData::new("account.frozen".parse().unwrap(), annals::Payload::parse("{}").unwrap());
    let frozen = StreamAppend::new(
        accounts.stream_id(&anna()).unwrap(),
        ExpectedVersion::Any,
        vec![NewEvent::new(of_a_newer_build)],
    );
    store.append_to_stream(frozen).await.unwrap();
    let withdrawn = NewEvent::encode(&AccountEvent::Withdrawn { cents: 1 }).unwrap();
    let stream = accounts.stream_id(&anna()).unwrap();
    let more = StreamAppend::new(stream, ExpectedVersion::Exists, vec![withdrawn]);
    store.append_to_stream(more).await.unwrap();
    let read: Vec<_> =
        store.events_after::<AccountEvent>(Position::START).try_collect().await.unwrap();
    assert_eq!(read.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [1, 3]);
}
