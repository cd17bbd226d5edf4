//! From the first event to the last and on: no gap, nothing twice.

use std::{sync::Arc, time::Duration};

use annals::{FollowerStoreExt, Followers, Position, Query, Reader, WaitError};
use tokio::sync::Barrier;

use crate::{
    ledger::{Balance, Behaviour, LONG, Moved, append, deposit, fold},
    shaky::Shaky,
    stores::TestStore,
};

async fn all<S: TestStore>(
    reader: &Reader<Balance, S>,
) -> std::collections::BTreeMap<String, Balance> {
    reader.list(Query::all()).await.unwrap().rows.into_iter().collect()
}

pub(crate) async fn a_read_model_catches_up_and_goes_on<S: TestStore>(store: S) {
    for cents in [1, 2, 3] {
        deposit(&store, "anna", cents).await;
    }
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let reader = running.reader::<Balance>();
    let head = store.head().await.unwrap();
    reader.wait_for(head, LONG).await.unwrap();
    assert_eq!(all(&reader).await, fold(&store).await);
    let bob = deposit(&store, "bob", 7).await;
    reader.wait_for(bob, LONG).await.unwrap();
    assert_eq!(reader.get(&"bob".to_owned()).await.unwrap().unwrap().cents, 7);
    assert_eq!(reader.get(&"carl".to_owned()).await.unwrap(), None);
    running.shutdown().await;

    // Nobody follows now; the next one goes on where this one was.
    let more = deposit(&store, "anna", 4).await;
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    running.reader::<Balance>().wait_for(more, LONG).await.unwrap();
    assert_eq!(all(&Reader::new(store.clone())).await, fold(&store).await);
    running.shutdown().await;
}

pub(crate) async fn every_event_is_handled_once_while_writers_go_on<S: TestStore>(store: S) {
    let start = Arc::new(Barrier::new(5));
    let writers = (0..4).map(|writer| {
        let (store, start) = (store.clone(), Arc::clone(&start));
        tokio::spawn(async move {
            for number in 0..100 {
                if number == 20 {
                    start.wait().await;
                }
                deposit(&store, &format!("a{}", (writer + number) % 7), number).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    start.wait().await;
    let behaviour = Behaviour::default();
    let running = Followers::new(store.clone())
        .read_model::<Balance>()
        .projection(S::journal(behaviour))
        .start()
        .await
        .unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    let head = store.head().await.unwrap();
    running.wait_for("journal", head, LONG).await.unwrap();
    running.wait_for("balances", head, LONG).await.unwrap();
    let positions: Vec<_> = store.journalled().await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(positions, (1..=400).collect::<Vec<_>>());
    assert_eq!(all(&running.reader()).await, fold(&store).await);
    running.shutdown().await;
}

pub(crate) async fn steps_that_fail_and_answers_that_are_lost_change_nothing<S: TestStore>(store: S)
where
    Shaky<S>: annals::FollowerStore<Connection = S::Connection>,
{
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let shaky = Shaky::new(store.clone(), seed);
    let running = Followers::new(shaky.clone())
        .read_model::<Balance>()
        .projection(S::journal(Behaviour::default()))
        .with_lease(Duration::from_millis(500))
        .start()
        .await
        .unwrap();
    for number in 0..40 {
        let at = deposit(&store, &format!("a{}", number % 3), number).await;
        if number % 5 == 0 {
            running.wait_for("journal", at, LONG).await.unwrap();
        }
    }
    let head = store.head().await.unwrap();
    running.wait_for("journal", head, LONG).await.unwrap();
    running.wait_for("balances", head, LONG).await.unwrap();
    let positions: Vec<_> = store.journalled().await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(positions, (1..=40).collect::<Vec<_>>());
    assert_eq!(all(&Reader::new(store.clone())).await, fold(&store).await);
    assert!(shaky.faults() > 0);
    running.shutdown().await;
}

pub(crate) async fn a_command_can_be_waited_for<S: TestStore>(store: S) {
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    // In the process that runs it, and in another.
    let (here, there) = (running.reader::<Balance>(), Reader::<Balance, S>::new(store.clone()));
    for cents in 1..=200 {
        let at = deposit(&store, "anna", 1).await;
        let reader = if cents % 20 == 0 { &there } else { &here };
        let anna = reader.wait_for(at, LONG).await.unwrap().get(&"anna".to_owned()).await.unwrap();
        assert_eq!(anna.unwrap().cents, cents);
    }
    running.shutdown().await;
}

pub(crate) async fn waiting_for_what_does_not_come_is_an_error<S: TestStore>(store: S) {
    let reader = Reader::<Balance, S>::new(store.clone());
    let unknown = reader.wait_for(Position::new(1), LONG).await.unwrap_err();
    assert!(matches!(unknown, WaitError::Unknown { .. }), "{unknown}");
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let at = deposit(&store, "anna", 1).await;
    for reader in [&reader, &running.reader()] {
        reader.wait_for(at, LONG).await.unwrap();
        let short = Duration::from_millis(300);
        let late = reader.wait_for(Position::new(at.get() + 1), short).await.unwrap_err();
        let WaitError::Timeout { reached, .. } = late else { panic!("{late}") };
        assert_eq!(reached, at);
    }
    running.shutdown().await;
}

pub(crate) async fn lists_go_on_page_by_page<S: TestStore>(store: S) {
    let mut at = Position::START;
    for (account, cents) in [("a", 5), ("b", 1), ("c", 5), ("d", 9), ("e", 5)] {
        at = deposit(&store, account, cents).await;
    }
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let reader = running.reader::<Balance>();
    let query = Query::all().at_least("cents", 5).descending("cents").with_limit(2);
    let page = reader.wait_for(at, LONG).await.unwrap().list(query.clone()).await.unwrap();
    let keys = |page: &annals::Page<(String, Balance)>| {
        page.rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&page), ["d", "e"]);
    let page = reader.list(query.clone().after(page.next.unwrap())).await.unwrap();
    assert_eq!((keys(&page), page.next), (vec!["c".into(), "a".into()], None));
    running.shutdown().await;
}

pub(crate) async fn deleted_rows_begin_anew<S: TestStore>(store: S) {
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    let reader = running.reader::<Balance>();
    deposit(&store, "anna", 1).await;
    let closed = append(&store, "anna", &Moved::Closed).await;
    let anna = "anna".to_owned();
    let gone = reader.wait_for(closed, LONG).await.unwrap().get(&anna).await.unwrap();
    assert_eq!(gone, None);
    let again = deposit(&store, "anna", 5).await;
    let anna = reader.wait_for(again, LONG).await.unwrap().get(&anna).await.unwrap().unwrap();
    assert_eq!((anna.cents, anna.positions), (5, vec![3]));
    running.shutdown().await;
}

pub(crate) async fn what_nobody_runs_has_no_pace<S: TestStore>(store: S) {
    let running = Followers::new(store.clone()).read_model::<Balance>().start().await.unwrap();
    running.shutdown().await;
    let status = store.follower("balances").status().await.unwrap().to_string();
    assert!(status.contains(", 0 events/s"), "{status}");
}
