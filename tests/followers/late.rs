//! A handler that returns after the lease of its process is gone.

use std::{thread, time::Duration};

use annals::{Followers, Running, followers::State};
use tokio::{runtime, sync::oneshot};

use crate::{
    ledger::{Behaviour, Fault, LONG, deposit, eventually},
    stores::TestStore,
};

const LEASE: Duration = Duration::from_secs(1);

async fn member<S: TestStore>(store: S, name: &str, behaviour: Behaviour) -> Running<S> {
    let followers = Followers::new(store).projection(S::journal(behaviour));
    followers.with_name(name).with_lease(LEASE).start().await.unwrap()
}

pub(crate) async fn a_handler_that_returns_after_its_lease_is_gone_commits_nothing<S: TestStore>(
    store: S,
) {
    let behaviour = Behaviour::default().impatient();
    // One thread, so that a handler that holds it keeps the whole process from going on.
    let (stop, stopped) = oneshot::channel::<()>();
    let process = thread::spawn({
        let (store, behaviour) = (store.clone(), behaviour.clone());
        move || {
            let process = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            process.block_on(async {
                let one = member(store.beside().await, "one", behaviour).await;
                stopped.await.unwrap();
                one.shutdown().await;
            });
        }
    });
    let watching = annals::FollowerStoreExt::follower(&store, "journal");
    eventually(async || watching.status().await.is_ok()).await;
    deposit(&store, "a", 1).await;
    let second = deposit(&store, "b", 1).await;
    eventually(async || watching.status().await.unwrap().position == second).await;
    behaviour.fail_on("bad", Fault::Hold);
    let third = deposit(&store, "bad", 1).await;
    eventually(async || behaviour.calls() == 3).await;

    // It is in its handler, and nobody else is there.
    eventually(async || watching.status().await.unwrap().state == State::Waiting).await;
    let status = watching.status().await.unwrap();
    assert_eq!((status.position, &status.last_failure), (second, &None), "{status}");
    let line =
        "journal v1: waiting for a process that runs this version, at 2 of 3, 1 event behind";
    let text = status.to_string();
    assert!(text.starts_with(line) && text.ends_with(", 0 events/s"), "{text}");

    let two = member(store.clone(), "two", Behaviour::default()).await;
    two.wait_for("journal", third, LONG).await.unwrap();
    behaviour.mend();
    let fourth = deposit(&store, "c", 1).await;
    two.wait_for("journal", fourth, LONG).await.unwrap();
    stop.send(()).unwrap();
    process.join().unwrap();

    let handled = || async { store.journalled().await.into_iter().map(|(_, at)| at).collect() };
    let positions: Vec<_> = handled().await;
    assert_eq!(positions, [1, 2, 3, 4], "what it did late is nowhere");
    // A machine that is busy may have kept it from saying that it is alive.
    eventually(async || watching.status().await.unwrap().state == State::Following).await;
    let status = watching.status().await.unwrap();
    assert_eq!(status.last_failure, None, "{status}");
    let text = status.to_string();
    assert!(text.starts_with("journal v1: following, at 4 of 4, 0 events behind"), "{text}");
    assert!(text.ends_with(", on two"), "{text}");
    two.shutdown().await;
}
