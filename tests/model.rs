//! Random histories on the memory store, against the plainest model there is: a list of events.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![cfg(feature = "memory")]

mod histories;

use annals::{
    Appended, Conflict, EventId, EventStore, EventType, ExpectedVersion, MemoryStore, Position,
    RecordedEvent, StreamAppend, StreamId, TryStreamExt, Version,
};
use proptest::prelude::*;

use crate::histories::{CATEGORIES, Outcome, Step, Streams, TYPES, filter, read_all, step};

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
        let ids: Vec<_> = appends.iter().flat_map(|a| &a.events).map(|event| event.id).collect();
        if let Some(twice) = (1..streams.len()).find(|at| streams[..*at].contains(&streams[*at])) {
            return Outcome::StreamTwice(streams[twice].clone());
        }
        if let Some(twice) = (1..ids.len()).find(|at| ids[..*at].contains(&ids[*at])) {
            return Outcome::IdTwice(ids[twice]);
        }
        if self.0.iter().any(|(known, ..)| ids.contains(known)) {
            let answers: Option<_> = appends.iter().map(|a| self.answer_of_first_time(a)).collect();
            return answers.map_or(Outcome::IdTaken, Outcome::Appended);
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

    /// The answer, if these events are in this stream already, one after the other.
    fn answer_of_first_time(&self, append: &StreamAppend) -> Option<Appended> {
        let of_stream = self.of_stream(&append.stream);
        let Some(first) = append.events.first() else {
            return Some(Appended {
                version: self.version(&append.stream),
                position: Position::START,
            });
        };
        let begin = of_stream.iter().position(|index| self.0[*index].0 == first.id)?;
        let end = begin + append.events.len();
        let stored = of_stream.get(begin..end)?.iter().map(|index| self.0[*index].0);
        stored.eq(append.events.iter().map(|event| event.id)).then(|| Appended {
            version: Version::new(end as u64),
            position: Position::new(of_stream[end - 1] as u64 + 1),
        })
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

fn essence(events: &[RecordedEvent]) -> Vec<(EventId, Version, Position)> {
    events.iter().map(|event| (event.id, event.version, event.position)).collect()
}

/// Those of `names` that are chosen; all of them if none is.
fn is_chosen(names: &[&str], choice: &[bool], name: &str) -> bool {
    !choice.contains(&true)
        || names.iter().zip(choice).any(|(known, chosen)| *chosen && *known == name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_memory_store_answers_as_a_list_of_events_would(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, mut model) = (MemoryStore::new(), Model::default());
            let streams = Streams::default();
            let mut appended: Vec<Vec<StreamAppend>> = Vec::new();
            for step in steps {
                match step {
                    Step::Append(parts) => {
                        let appends = streams.append(parts, |stream| model.version(stream));
                        let expected = model.append(&appends);
                        let outcome = Outcome::of(store.append(appends.clone()).await);
                        prop_assert_eq!(&outcome, &expected);
                        if let Outcome::Appended(_) = expected {
                            appended.push(appends);
                        }
                    }
                    Step::AppendAgain(ago, how) => {
                        if let Some(appends) = appended.iter().rev().nth(ago) {
                            let again = streams.again(appends.clone(), how);
                            let expected = model.append(&again);
                            prop_assert_eq!(Outcome::of(store.append(again).await), expected);
                        }
                    }
                    Step::ReadStream { stream, backwards, from, limit } => {
                        let read = streams.read_stream(stream, backwards, from, limit);
                        let mut expected = model.of_stream(&read.stream);
                        if backwards {
                            expected.truncate(from.map_or(usize::MAX, |from| from as usize));
                            expected.reverse();
                        } else {
                            expected.drain(..expected.len().min(from.unwrap_or(0).saturating_sub(1) as usize));
                        }
                        let events: Vec<_> = store.read_stream(read).try_collect().await.unwrap();
                        prop_assert_eq!(essence(&events), model.records(expected, limit));
                    }
                    Step::ReadAll { after, up_to, categories, types, limit } => {
                        let wanted = |index: &usize| {
                            let (_, stream, event_type) = &model.0[*index];
                            is_chosen(&CATEGORIES, &categories, stream.as_str().split('-').next().unwrap())
                                && is_chosen(&TYPES, &types, event_type.as_str())
                        };
                        let end = up_to.map_or(usize::MAX, |end| end as usize).min(model.0.len());
                        let expected = (after as usize..end).filter(wanted).collect();
                        let read = read_all((after, up_to), &filter(&categories, &types), limit, Position::new);
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
