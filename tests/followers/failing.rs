//! A handler that fails, panics, or hangs: its status line, its neighbours, and nothing lost.

use annals::{
    Followers, WaitError,
    followers::{FailureKind, State},
};

use crate::{
    ledger::{Balance, Behaviour, Fault, LONG, deposit, eventually},
    stores::TestStore,
};

async fn stops<S: TestStore>(store: S, fault: Fault, kind: FailureKind, reason: &str) {
    let mut behaviour = Behaviour::default();
    if fault == Fault::Hang {
        behaviour = behaviour.impatient();
    }
    behaviour.fail_on("bad", fault);
    let running = Followers::new(store.clone())
        .read_model::<Balance>()
        .projection(S::journal(behaviour.clone()))
        .start()
        .await
        .unwrap();
    let journal = running.follower("journal");
    for account in ["a", "b", "bad", "c", "bad"] {
        deposit(&store, account, 1).await;
    }
    let head = store.head().await.unwrap();
    running.wait_for("balances", head, LONG).await.unwrap();
    let stopped = running.wait_for("journal", head, LONG).await.unwrap_err();
    assert!(matches!(stopped, WaitError::Stopped { .. }), "{stopped}");

    let status = journal.status().await.unwrap();
    assert_eq!(status.state, State::Stopped, "{status}");
    assert_eq!(status.position.get(), 2, "what was good before it is committed: {status}");
    let failure = status.last_failure.clone().unwrap();
    assert_eq!((failure.kind, failure.count, failure.position.get()), (kind, 2, 3), "{status}");
    assert_eq!(failure.sequence, "account-bad");
    assert!(failure.reason.contains(reason), "{failure}");
    assert!(status.to_string().contains("position 3 (account-bad), 2 tries"), "{status}");

    behaviour.mend();
    journal.resume().await.unwrap();
    eventually(async || store.journalled().await.len() == 5).await;
    let entries: Vec<_> = store.journalled().await.into_iter().map(|(_, at)| at).collect();
    assert_eq!(entries, [1, 2, 3, 4, 5]);
    running.wait_for("journal", head, LONG).await.unwrap();
    running.shutdown().await;
}

pub(crate) async fn a_handler_that_fails_stops_and_loses_nothing<S: TestStore>(store: S) {
    stops(store, Fault::Error, FailureKind::Error, "does not want it").await;
}

pub(crate) async fn a_handler_that_panics_stops_and_loses_nothing<S: TestStore>(store: S) {
    stops(store, Fault::Panic, FailureKind::Panic, "cannot bear it").await;
}

pub(crate) async fn a_handler_that_hangs_stops_and_loses_nothing<S: TestStore>(store: S) {
    stops(store, Fault::Hang, FailureKind::Timeout, "longer than 200ms").await;
}

pub(crate) async fn a_paused_follower_commits_nothing_until_it_is_resumed<S: TestStore>(store: S) {
    let running = Followers::new(store.clone())
        .read_model::<Balance>()
        .projection(S::journal(Behaviour::default()))
        .start()
        .await
        .unwrap();
    let first = deposit(&store, "a", 1).await;
    running.wait_for("journal", first, LONG).await.unwrap();
    running.follower("journal").pause().await.unwrap();
    let second = deposit(&store, "a", 1).await;
    running.wait_for("balances", second, LONG).await.unwrap();
    assert_eq!(store.journalled().await.len(), 1);
    let status = running.follower("journal").status().await.unwrap();
    assert_eq!(status.state, State::Paused, "{status}");
    running.follower("journal").resume().await.unwrap();
    running.wait_for("journal", second, LONG).await.unwrap();
    assert_eq!(store.journalled().await.len(), 2);
    running.shutdown().await;
}
