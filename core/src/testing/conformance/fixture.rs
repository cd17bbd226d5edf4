//! What the cases are written with.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, TryStreamExt};
use serde_json::{Value, json};

use crate::{
    AppendError, Appended, Conflict, EventData, EventStore, EventType, ExpectedVersion, NewEvent,
    Payload, Position, ReadAll, ReadStream, RecordedEvent, Refusal, StoreError, StreamAppend,
    StreamId, Version,
};

/// Long enough for any store on any machine, and a failure if it is over.
pub(super) const SOON: Duration = Duration::from_secs(10);

pub(in crate::testing) type Store = Arc<dyn EventStore>;

pub(in crate::testing) use crate::ExpectedVersion::{Any, Exact, Exists, NoStream};

pub(in crate::testing) fn stream(name: &str) -> StreamId {
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(in crate::testing) fn payload(value: &Value) -> Payload {
    Payload::encode(value).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// An event of type `name` that says `number`.
pub(super) fn event(name: &'static str, number: usize) -> NewEvent {
    NewEvent::new(EventData::new(
        EventType::from_static(name),
        payload(&json!({ "number": number })),
    ))
}

/// `count` events of one type, numbered from 0.
pub(in crate::testing) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|number| event("test.happened", number)).collect()
}

pub(in crate::testing) fn to(
    name: &str,
    expected: impl Into<ExpectedVersion>,
    events: Vec<NewEvent>,
) -> StreamAppend {
    StreamAppend::new(stream(name), expected, events)
}

pub(super) fn ids<'a>(events: impl IntoIterator<Item = &'a NewEvent>) -> Vec<crate::EventId> {
    events.into_iter().map(|event| event.id).collect()
}

pub(in crate::testing) fn recorded_ids(events: &[RecordedEvent]) -> Vec<crate::EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(in crate::testing) fn versions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.version.get()).collect()
}

pub(super) fn exact(version: u64) -> ExpectedVersion {
    Exact(Version::new(version))
}

/// Appends to one stream, which must succeed.
pub(in crate::testing) async fn append(store: &Store, append: StreamAppend) -> Appended {
    match append_all(store, vec![append]).await[..] {
        [answer] => answer,
        ref answers => panic!("one append was answered with {answers:?}"),
    }
}

/// Appends to several streams, which must succeed.
pub(super) async fn append_all(store: &Store, appends: Vec<StreamAppend>) -> Vec<Appended> {
    let wanted = format!("{appends:?}");
    store
        .append(appends)
        .await
        .unwrap_or_else(|error| panic!("{error:?} was the answer to {wanted}"))
}

/// Appends, which must conflict.
pub(super) async fn conflict(store: &Store, appends: Vec<StreamAppend>) -> Conflict {
    match store.append(appends).await {
        Err(AppendError::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, the answer is {other:?}"),
    }
}

/// Appends, which must be refused.
pub(super) async fn refusal(store: &Store, appends: Vec<StreamAppend>) -> Refusal {
    match store.append(appends).await {
        Err(AppendError::Store(StoreError::Refused(refusal))) => refusal,
        other => panic!("a refusal was expected, the answer is {other:?}"),
    }
}

pub(in crate::testing) async fn collect(
    events: impl Stream<Item = Result<RecordedEvent, StoreError>>,
) -> Vec<RecordedEvent> {
    events.try_collect().await.unwrap_or_else(|error| panic!("a read failed: {error:?}"))
}

/// The whole stream, forwards.
pub(super) async fn read(store: &Store, name: &str) -> Vec<RecordedEvent> {
    collect(store.read_stream(ReadStream::forwards(stream(name)))).await
}

/// The whole global stream.
pub(in crate::testing) async fn read_all(store: &Store) -> Vec<RecordedEvent> {
    collect(store.read_all(ReadAll::after(Position::START))).await
}

pub(super) async fn head(store: &Store) -> Position {
    store.head().await.unwrap_or_else(|error| panic!("head failed: {error:?}"))
}

pub(super) async fn wait_for_head(store: &Store, position: Position) -> Position {
    store
        .wait_for_head(position)
        .await
        .unwrap_or_else(|error| panic!("waiting for the head failed: {error:?}"))
}

/// Lets `task` run for each number at once, as tasks of their own, and gives the answers in order.
pub(in crate::testing) async fn at_once<
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let start = Arc::new(tokio::sync::Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (start, task) = (Arc::clone(&start), task(number));
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        match task.await {
            Ok(answer) => answers.push(answer),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    answers
}
