//! Events that fail are put aside with those that come after them, and tried again in order, on command.

use annals::{
    FollowerStoreExt, Followers, HandlerError, MemoryStore, Options, Query, ReadModel, Recorded,
    followers::{FailureKind, Outcome, ProgressState, State},
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    ledger::{Behaviour, Fault, LONG, Moved, deposit, eventually, quick},
    shaky::{NOT_HELD, Shaky},
    stores::TestStore,
};

pub(crate) async fn what_fails_is_parked_with_its_stream_and_the_rest_goes_on<S: TestStore>(
    store: S,
) {
    let behaviour = Behaviour::default().park();
    behaviour.fail_on("bad", Fault::Error);
    let running = Followers::new(store.clone())
        .projection(S::journal(behaviour.clone()))
        .start()
        .await
        .unwrap();
    let journal = running.follower("journal");
    for account in ["a", "bad", "b", "bad", "a"] {
        deposit(&store, account, 1).await;
    }
    let head = store.head().await.unwrap();
    running.wait_for("journal", head, LONG).await.unwrap();
    let entries =
        async || -> Vec<u64> { store.journalled().await.into_iter().map(|(_, at)| at).collect() };
    assert_eq!(entries().await, [1, 3, 5]);
    let parked = journal.parked().await.unwrap();
    let told: Vec<_> = parked.iter().map(|p| (p.position.get(), p.is_cause)).collect();
    assert_eq!(told, [(2, true), (4, false)]);
    assert_eq!(parked[0].failure.as_ref().unwrap().kind, FailureKind::Error);
    let status = journal.status().await.unwrap();
    assert_eq!((status.parked, &status.state), (2, &State::Following), "{status}");

    // It fails again, and keeps its place.
    let calls = behaviour.calls();
    journal.retry_parked().await.unwrap();
    eventually(async || behaviour.calls() > calls).await;
    eventually(async || !journal.parked().await.unwrap().iter().any(|event| event.retry)).await;
    assert_eq!(journal.parked().await.unwrap().len(), 2);
    assert_eq!(behaviour.calls(), calls + 1, "the second one waits for the first");

    behaviour.mend();
    let next = deposit(&store, "bad", 1).await;
    running.wait_for("journal", next, LONG).await.unwrap();
    journal.retry_parked_of("account-bad").await.unwrap();
    eventually(async || journal.parked().await.unwrap().is_empty()).await;
    assert_eq!(entries().await, [1, 3, 5, 2, 4, 6]);
    let last = deposit(&store, "bad", 1).await;
    running.wait_for("journal", last, LONG).await.unwrap();
    assert_eq!(entries().await.last(), Some(&7), "the stream is free again");
    running.shutdown().await;
}

/// Two rows for each event, of which one cannot bear some amounts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Fragile {
    positions: Vec<u64>,
}

impl ReadModel for Fragile {
    const NAME: &'static str = "fragile";
    type Event = Moved;
    type Key = String;

    fn keys(recorded: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        [recorded.stream.entity_id().to_owned(), "all".to_owned()]
    }

    fn apply(&mut self, key: &String, recorded: &Recorded<Moved>) {
        self.positions.push(recorded.position.get());
        assert!(key == "all" || recorded.event != Moved::Deposited { cents: 13 }, "thirteen");
    }

    fn options() -> Options {
        Options::new().with_retry(quick()).park_failures()
    }
}

pub(crate) async fn a_row_is_parked_by_its_key_and_other_rows_of_the_event_are_not<S: TestStore>(
    store: S,
) {
    for (account, cents) in [("a", 1), ("bad", 1), ("bad", 13), ("a", 2), ("bad", 3)] {
        deposit(&store, account, cents).await;
    }
    let running = Followers::new(store.clone()).read_model::<Fragile>().start().await.unwrap();
    let head = store.head().await.unwrap();
    let reader = running.reader::<Fragile>();
    let rows = reader.wait_for(head, LONG).await.unwrap().list(Query::all()).await.unwrap().rows;
    let rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, row.positions)).collect();
    let expected: [(&str, &[u64]); 3] = [("a", &[1, 4]), ("all", &[1, 2, 3, 4, 5]), ("bad", &[2])];
    assert_eq!(rows, expected.map(|(key, at)| (key.to_owned(), at.to_vec())));
    let parked = running.follower("fragile").parked().await.unwrap();
    let parked: Vec<_> = parked.iter().map(|p| (&*p.sequence, p.position.get())).collect();
    assert_eq!(parked, [("bad", 3), ("bad", 5)]);
    running.shutdown().await;
}

/// Its keys cannot be stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Nul;

impl ReadModel for Nul {
    const NAME: &'static str = "nul";
    type Event = Moved;
    type Key = String;

    fn keys(_: &Recorded<Moved>) -> impl IntoIterator<Item = String> {
        Some("\0".to_owned())
    }

    fn apply(&mut self, _: &String, _: &Recorded<Moved>) {}

    fn options() -> Options {
        Options::new().with_retry(quick()).park_failures()
    }
}

pub(crate) async fn an_event_whose_rows_are_unknown_stops_although_others_would_be_parked<
    S: TestStore,
>(
    store: S,
) {
    deposit(&store, "a", 1).await;
    let running = Followers::new(store.clone()).read_model::<Nul>().start().await.unwrap();
    let nul = running.follower("nul");
    eventually(async || nul.status().await.unwrap().state == State::Stopped).await;
    let reason: HandlerError = nul.failures(1).await.unwrap()[0].reason.clone().into();
    assert!(reason.to_string().contains("NUL"), "{reason}");
    running.shutdown().await;
}

/// Comparing holds the live build still; that is not done again and again while nobody says what becomes of the parked events.
#[tokio::test(start_paused = true)]
async fn a_rebuild_with_parked_events_is_compared_when_it_may_be_swapped() {
    let behaviour = Behaviour::default().park();
    behaviour.fail_on("bad", Fault::Error);
    let log = MemoryStore::new();
    let store = Shaky::steady(log.clone());
    let journal = MemoryStore::journal(behaviour.clone());
    let running = Followers::new(store.clone()).projection(journal).start().await.unwrap();
    deposit(&store, "bad", 1).await;
    let at = deposit(&store, "good", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    let follower = running.follower("journal");
    follower.rebuild_verified().await.unwrap();
    let progress = async || follower.status().await.unwrap().rebuild;
    eventually(async || {
        progress().await.is_some_and(|progress| progress.state == ProgressState::Ready)
    })
    .await;
    sleep(LONG).await;
    assert_eq!(store.calls().get("compare"), None);
    // Also where there is always something that is not in it yet.
    store.hold_head(at);
    deposit(&store, "good", 1).await;
    let told = log.follower("journal").status().await.unwrap().rebuild.unwrap();
    assert_eq!(told.state, ProgressState::Ready, "{told}");
    store.hold_head(NOT_HELD);
    follower.swap().await.unwrap();
    eventually(async || progress().await.is_none()).await;
    let last = follower.status().await.unwrap().last_rebuild.unwrap();
    assert_eq!(last.outcome, Outcome::Swapped);
    running.shutdown().await;
}
