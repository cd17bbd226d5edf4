//! Random histories on the memory store, against the plainest model there is: a list of events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![cfg(feature = "memory")]

use annals::{
    AppendError, Appended, Conflict, EventData, EventId, EventStore, EventType, ExpectedVersion,
    Filter, MemoryStore, NewEvent, Payload, Position, ReadAll, ReadStream, RecordedEvent, Refusal,
    StoreError, StreamAppend, StreamId, TryStreamExt, Version,
};
use proptest::prelude::*;

const STREAMS: [&str; 4] = ["red-1", "red-2", "blue-1", "blue-1-1"];
const TYPES: [&str; 3] = ["x.a", "x.b", "y.a"];

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Part>),
    /// The append that was made this many appends ago, once more.
    AppendAgain(usize),
    ReadStream {
        stream: usize,
        backwards: bool,
        from: Option<u64>,
        limit: Option<u64>,
    },
    ReadAll {
        after: u64,
        categories: Vec<bool>,
        types: Vec<bool>,
        limit: Option<u64>,
    },
}

#[derive(Debug, Clone)]
struct Part {
    stream: usize,
    expected: Expected,
    types: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Expected {
    Fixed(ExpectedVersion),
    /// The version that the stream is at, or one beside it.
    Near(i8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let expected = prop_oneof![
        2 => Just(Expected::Fixed(ExpectedVersion::Any)),
        1 => Just(Expected::Fixed(ExpectedVersion::NoStream)),
        1 => Just(Expected::Fixed(ExpectedVersion::Exists)),
        4 => prop_oneof![8 => Just(0_i8), 1 => Just(-1), 1 => Just(1)].prop_map(Expected::Near),
    ];
    let part = (0..STREAMS.len(), expected, prop::collection::vec(0..TYPES.len(), 0..4))
        .prop_map(|(stream, expected, types)| Part { stream, expected, types });
    let limit = || prop::option::of(0..6_u64);
    let step = prop_oneof![
        6 => prop::collection::vec(part, 1..4).prop_map(Step::Append),
        1 => (0..6_usize).prop_map(Step::AppendAgain),
        3 => (0..STREAMS.len(), any::<bool>(), prop::option::of(0..12_u64), limit())
            .prop_map(|(stream, backwards, from, limit)| Step::ReadStream { stream, backwards, from, limit }),
        3 => (0..40_u64, prop::collection::vec(any::<bool>(), 2), prop::collection::vec(any::<bool>(), 3), limit())
            .prop_map(|(after, categories, types, limit)| Step::ReadAll { after, categories, types, limit }),
    ];
    prop::collection::vec(step, 1..60)
}

/// What the answer of an append comes down to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Appended(Vec<Appended>),
    Conflict(Conflict),
    StreamTwice,
}

/// Every event that there is, in order: its id, stream and type.
#[derive(Default)]
struct Model(Vec<(EventId, StreamId, EventType)>);

impl Model {
    fn of_stream(&self, stream: &StreamId) -> Vec<usize> {
        (0..self.0.len()).filter(|index| self.0[*index].1 == *stream).collect()
    }

    fn version(&self, stream: &StreamId) -> Version {
        Version::new(self.of_stream(stream).len() as u64)
    }

    fn append(&mut self, appends: &[StreamAppend]) -> Outcome {
        let streams: Vec<_> = appends.iter().map(|append| &append.stream).collect();
        if (1..streams.len()).any(|index| streams[..index].contains(&streams[index])) {
            return Outcome::StreamTwice;
        }
        for StreamAppend { stream, expected, .. } in appends {
            let actual = self.version(stream);
            let is_met = match expected {
                ExpectedVersion::Any => true,
                ExpectedVersion::NoStream => actual == Version::NONE,
                ExpectedVersion::Exists => actual != Version::NONE,
                ExpectedVersion::Exact(version) => actual == *version,
            };
            if !is_met {
                return Outcome::Conflict(Conflict {
                    stream: stream.clone(),
                    expected: *expected,
                    actual,
                });
            }
        }
        let answer = |append: &StreamAppend| {
            for event in &append.events {
                self.0.push((event.id, append.stream.clone(), event.event.event_type.clone()));
            }
            let stored = !append.events.is_empty();
            let position = Position::new(if stored { self.0.len() as u64 } else { 0 });
            Appended { version: self.version(&append.stream), position }
        };
        Outcome::Appended(appends.iter().map(answer).collect())
    }

    /// What a reader should be given of the events at these indices.
    fn records(
        &self,
        indices: Vec<usize>,
        limit: Option<u64>,
    ) -> Vec<(EventId, Version, Position)> {
        let record = |index: usize| {
            let (id, stream, _) = &self.0[index];
            let version = self.of_stream(stream).iter().position(|other| *other == index).unwrap();
            (*id, Version::new(version as u64 + 1), Position::new(index as u64 + 1))
        };
        indices
            .into_iter()
            .map(record)
            .take(limit.map_or(usize::MAX, |limit| limit as usize))
            .collect()
    }
}

fn stream(index: usize) -> StreamId {
    STREAMS[index].parse().unwrap()
}

/// Those of `names` that are chosen; all of them if none is.
fn chosen<'a>(names: &'a [&'static str], choice: &[bool]) -> Vec<&'a &'static str> {
    names.iter().zip(choice).filter_map(|(name, chosen)| chosen.then_some(name)).collect()
}

async fn outcome(store: &MemoryStore, appends: Vec<StreamAppend>) -> Outcome {
    match store.append(appends).await {
        Ok(answers) => Outcome::Appended(answers),
        Err(AppendError::Conflict(conflict)) => Outcome::Conflict(conflict),
        Err(AppendError::Store(StoreError::Refused(Refusal::StreamTwice(_)))) => {
            Outcome::StreamTwice
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn essence(events: &[RecordedEvent]) -> Vec<(EventId, Version, Position)> {
    events.iter().map(|event| (event.id, event.version, event.position)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_memory_store_answers_as_a_list_of_events_would(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, mut model) = (MemoryStore::new(), Model::default());
            let mut appended: Vec<(Vec<StreamAppend>, Vec<Appended>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(parts) => {
                        let append = |Part { stream: index, expected, types }: Part| {
                            let stream = stream(index);
                            let expected = match expected {
                                Expected::Fixed(expected) => expected,
                                Expected::Near(by) => Version::new(
                                    model.version(&stream).get().saturating_add_signed(by.into()),
                                ).into(),
                            };
                            let event = |index: usize| NewEvent::new(EventData::new(
                                EventType::from_static(TYPES[index]),
                                Payload::parse("{}").unwrap(),
                            ));
                            StreamAppend::new(stream, expected, types.into_iter().map(event).collect())
                        };
                        let appends: Vec<_> = parts.into_iter().map(append).collect();
                        let expected = model.append(&appends);
                        prop_assert_eq!(&outcome(&store, appends.clone()).await, &expected);
                        if let Outcome::Appended(answers) = expected
                            && appends.iter().all(|append| !append.events.is_empty())
                        {
                            appended.push((appends, answers));
                        }
                    }
                    Step::AppendAgain(ago) => {
                        if let Some((appends, answers)) = appended.iter().rev().nth(ago) {
                            let again = outcome(&store, appends.clone()).await;
                            prop_assert_eq!(again, Outcome::Appended(answers.clone()));
                        }
                    }
                    Step::ReadStream { stream: index, backwards, from, limit } => {
                        let stream = stream(index);
                        let mut expected = model.of_stream(&stream);
                        let mut read = ReadStream::forwards(stream.clone());
                        if backwards {
                            read = ReadStream::backwards(stream);
                            expected.truncate(from.map_or(usize::MAX, |from| from as usize));
                            expected.reverse();
                        } else {
                            expected.drain(..expected.len().min(from.unwrap_or(0).saturating_sub(1) as usize));
                        }
                        (read.from, read.limit) = (from.map(Version::new), limit);
                        let events: Vec<_> = store.read_stream(read).try_collect().await.unwrap();
                        prop_assert_eq!(essence(&events), model.records(expected, limit));
                    }
                    Step::ReadAll { after, categories, types, limit } => {
                        let (categories, types) = (chosen(&["red", "blue"], &categories), chosen(&TYPES, &types));
                        let mut filter = Filter::any();
                        for category in &categories {
                            filter = filter.with_category(**category);
                        }
                        for event_type in &types {
                            filter = filter.with_event_type(EventType::from_static(event_type));
                        }
                        let wanted = |index: &usize| {
                            let (_, stream, event_type) = &model.0[*index];
                            (categories.is_empty() || categories.contains(&&stream.as_str().split('-').next().unwrap()))
                                && (types.is_empty() || types.contains(&&event_type.as_str()))
                        };
                        let expected = (after as usize..model.0.len()).filter(wanted).collect();
                        let mut read = ReadAll::after(Position::new(after)).with_filter(filter);
                        read.limit = limit;
                        let events: Vec<_> = store.read_all(read).try_collect().await.unwrap();
                        prop_assert_eq!(essence(&events), model.records(expected, limit));
                    }
                }
                prop_assert_eq!(store.head().await.unwrap(), Position::new(model.0.len() as u64));
            }
            Ok(())
        })?;
    }
}
