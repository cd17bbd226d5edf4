//! What the tests ask of a store, in few words.

use std::error::Error;

use annals::{
    AppendError, Appended, Conflict, EventData, EventStore, EventType, ExpectedVersion, NewEvent,
    Payload, ReadStream, RecordedEvent, RecordedEvents, StreamAppend, TryStreamExt,
};

pub(crate) fn event(name: &str) -> NewEvent {
    let event_type = EventType::new(name.to_owned()).unwrap();
    NewEvent::new(EventData::new(event_type, Payload::parse(r#"{"owner":"anna"}"#).unwrap()))
}

/// `count` events of one type.
pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event("test.happened")).collect()
}

pub(crate) fn to(
    stream: &str,
    expected: impl Into<ExpectedVersion>,
    events: Vec<NewEvent>,
) -> StreamAppend {
    StreamAppend::new(stream.parse().unwrap(), expected, events)
}

/// Appends to one stream, which must succeed.
pub(crate) async fn append(store: &impl EventStore, append: StreamAppend) -> Appended {
    store.append(vec![append]).await.unwrap_or_else(|error| panic!("{}", report(&error)))[0]
}

/// The conflict that an append was answered with.
pub(crate) fn conflict(answer: Result<Vec<Appended>, AppendError>) -> Conflict {
    match answer {
        Err(AppendError::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, the answer is {other:?}"),
    }
}

pub(crate) async fn all(events: RecordedEvents) -> Vec<RecordedEvent> {
    events.try_collect().await.unwrap_or_else(|error| panic!("{}", report(&error)))
}

pub(crate) async fn read(store: &impl EventStore, stream: &str) -> Vec<RecordedEvent> {
    all(store.read_stream(ReadStream::forwards(stream.parse().unwrap()))).await
}

/// An error and its sources, as a log shows them.
pub(crate) fn report(error: &(dyn Error + 'static)) -> String {
    let own = error.to_string();
    error.source().map_or(own.clone(), |source| format!("{own}: {}", report(source)))
}
