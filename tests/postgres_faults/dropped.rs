//! Callers who go away.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::SystemTime,
};

use annals::{
    AppendError, EventStore, EventStoreExt, ExpectedVersion, PostgresStore, StoreError, Version,
};
use futures_util::future::join_all;
use tokio::task::{JoinSet, yield_now};

use crate::{acknowledged, append, evidence::History, migrated, server, stream};

/// Polls a future so many times at the most, with everybody else at work in between, and drops it.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let ready = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(output) = ready.await {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

async fn version(store: &PostgresStore, name: &str) -> Version {
    let nothing = append(name, ExpectedVersion::Any, 0);
    store.append_to_stream(nothing).await.unwrap().version
}

#[tokio::test]
async fn an_append_that_is_dropped_is_stored_whole_or_not_at_all() {
    let server = server();
    let store = migrated(&server.url()).await;
    let (mut stored, mut answered) = (0, 0);
    for times in 0..100 {
        let (one, two) = (format!("one-{times}"), format!("two-{times}"));
        let parts = vec![
            append(&one, ExpectedVersion::NoStream, 2),
            append(&two, ExpectedVersion::NoStream, 3),
        ];
        let is_answered = polled(store.append(parts), times).await.map(Result::unwrap).is_some();
        // Of the same streams: it waits for whatever is under way.
        let versions = (version(&store, &one).await.get(), version(&store, &two).await.get());
        match versions {
            (0, 0) => assert!(!is_answered),
            (2, 3) => stored += 1,
            versions => panic!("dropped after {times} polls: {versions:?}"),
        }
        answered += usize::from(is_answered);
    }
    assert!(stored > 90, "once it is begun, it goes on: {stored}");
    println!(
        "of 100 appends, {answered} were answered before they were dropped, and {stored} stored"
    );
    History::read(&store).await.is_exactly(stored_ids(&store).await);
}

async fn stored_ids(store: &PostgresStore) -> Vec<annals::EventId> {
    use annals::TryStreamExt;
    let events = store.events_after::<annals::EventData>(annals::Position::START);
    events.map_ok(|event| event.id).try_collect().await.unwrap()
}

#[tokio::test]
async fn an_append_in_a_transaction_that_is_dropped_is_rolled_back_with_it() {
    let server = server();
    let store = migrated(&server.url()).await;
    for times in 0..60 {
        let name = format!("one-{times}");
        let mut transaction = store.pool().begin().await.unwrap();
        let append = append(&name, ExpectedVersion::NoStream, 2);
        drop(polled(store.append_in(&mut transaction, vec![append]), times).await);
        drop(transaction);
        assert_eq!(version(&store, &name).await, Version::default(), "{times} polls");
    }
    assert!(History::read(&store).await.order().is_empty());
    let last = store.append_to_stream(append("last", ExpectedVersion::Any, 1)).await.unwrap();
    assert_eq!(store.wait_for_head(annals::Position::START).await.unwrap(), last.position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_go_away_take_nobody_elses_answer_with_them() {
    const CALLERS: usize = 64;
    const APPENDS: usize = 60;
    let server = server();
    let store = migrated(&server.url()).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let store = store.clone();
        callers.spawn(async move {
            let mut told = Vec::new();
            let goes_away = caller % 2 == 1;
            for n in 0..APPENDS {
                let shared = append(n % 5, ExpectedVersion::Any, 2);
                let own = append(format!("of-{caller}"), ExpectedVersion::Any, 1);
                let appends = match n % 3 {
                    0 => vec![shared],
                    1 => vec![own],
                    _ => vec![shared, own],
                };
                let began = SystemTime::now();
                if goes_away {
                    drop(polled(store.append(appends), fastrand::usize(0..40)).await);
                } else {
                    let answers = store.append(appends.clone()).await.unwrap();
                    told.extend(acknowledged(&appends, &answers, began));
                }
            }
            told
        });
    }
    let told: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(told.len(), CALLERS / 2 * APPENDS / 3 * 4);
    store.shutdown().await;
    History::read(&store).await.holds(&told);
}

#[tokio::test]
async fn a_shutdown_finishes_what_was_begun_and_takes_no_more() {
    const APPENDS: usize = 200;
    let server = server();
    let store = migrated(&server.url()).await;
    let began = SystemTime::now();
    let appends: Vec<_> = (0..APPENDS).map(|n| append(n % 40, ExpectedVersion::Any, 2)).collect();
    let mut waiting: Vec<_> =
        appends.iter().map(|append| Box::pin(store.append_to_stream(append.clone()))).collect();
    for append in &mut waiting {
        assert!(polled(append, 1).await.is_none());
    }
    store.shutdown().await;
    // Stored before anybody asks for the answer.
    assert_eq!(History::read(&store).await.order().len(), 2 * APPENDS);
    let answers: Result<Vec<_>, _> = join_all(waiting).await.into_iter().collect();
    History::read(&store).await.holds(&acknowledged(&appends, &answers.unwrap(), began));

    let late = append("late", ExpectedVersion::Any, 1);
    let error = store.append_to_stream(late).await.unwrap_err();
    let AppendError::Store(StoreError::Failed(source)) = &error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "the store has been shut down");
    assert!(History::read(&store).await.order().len() == 2 * APPENDS);
    let read = annals::ReadStream::forwards(stream("late"));
    assert!(annals::TryStreamExt::try_next(&mut store.read_stream(read)).await.unwrap().is_none());
}
