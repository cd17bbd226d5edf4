//! Random histories: what is appended and read, in which order, by whoever wants to know what a store answers.

use annals::{
    AppendError, Appended, Conflict, CorrelationId, EventData, EventId, EventType, ExpectedVersion,
    Filter, Metadata, NewEvent, Payload, Position, ReadAll, ReadStream, Refusal, StoreError,
    StreamAppend, StreamId, Version,
};
use proptest::prelude::*;

pub(crate) const CATEGORIES: [&str; 2] = ["red", "blue"];
pub(crate) const STREAMS: [&str; 7] = [
    "red-1",
    "red-2",
    "blue-1",
    "blue-1-1",
    "blue-2",
    "red-é",
    "blue-0193a2c4-7f3e-7b51-8d2a-5f0c9e1b2a3d",
];
pub(crate) const TYPES: [&str; 3] = ["x.a", "x.b", "y.a"];
const PAYLOADS: [&str; 4] = ["{}", r#"{"text":"\u0000 é"}"#, "[1e17,100000000000000000]", "null"];

/// One thing that is asked of a store.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append(Vec<Part>),
    /// The append that was made this many appends ago, once more.
    AppendAgain(usize, Again),
    ReadStream {
        stream: usize,
        backwards: bool,
        from: Option<u64>,
        limit: Option<u64>,
    },
    ReadAll {
        after: u64,
        up_to: Option<u64>,
        categories: Vec<bool>,
        types: Vec<bool>,
        limit: Option<u64>,
    },
}

/// Events for one stream.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    stream: usize,
    expected: Expected,
    events: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
enum Expected {
    Fixed(ExpectedVersion),
    /// The version that the stream is at, or one beside it.
    Near(i8),
}

/// How an append is made once more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// As it was.
    Same,
    /// With another expectation.
    Expecting(ExpectedVersion),
    /// The same events in another stream.
    Elsewhere,
    /// The events of each stream in reverse.
    Reversed,
    /// Without the first event.
    WithoutTheFirst,
    /// With a new event at the end.
    WithANewOne,
    /// With its last event in it twice.
    WithOneTwice,
}

/// What the answer to an append comes down to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Appended(Vec<Appended>),
    Conflict(Conflict),
    StreamTwice(StreamId),
    IdTwice(EventId),
    /// Which of several ids is named, a store may choose.
    IdTaken,
}

impl Outcome {
    pub(crate) fn of(answer: Result<Vec<Appended>, AppendError>) -> Self {
        match answer {
            Ok(answers) => Self::Appended(answers),
            Err(AppendError::Conflict(conflict)) => Self::Conflict(conflict),
            Err(AppendError::Store(StoreError::Refused(refusal))) => match refusal {
                Refusal::StreamTwice(stream) => Self::StreamTwice(stream),
                Refusal::EventIdTwice(id) => Self::IdTwice(id),
                Refusal::EventIdTaken { .. } => Self::IdTaken,
                other => panic!("{other:?}"),
            },
            Err(other) => panic!("{other:?}"),
        }
    }
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let again = prop_oneof![
        4 => Just(Again::Same),
        1 => Just(Again::Expecting(ExpectedVersion::Exact(Version::new(99)))),
        1 => Just(Again::Expecting(ExpectedVersion::NoStream)),
        1 => Just(Again::Elsewhere),
        1 => Just(Again::Reversed),
        1 => Just(Again::WithoutTheFirst),
        1 => Just(Again::WithANewOne),
        1 => Just(Again::WithOneTwice),
    ];
    let limit = || prop::option::of(0..6_u64);
    let read_all = (
        0..40_u64,
        prop::option::of(0..40_u64),
        prop::collection::vec(any::<bool>(), CATEGORIES.len()),
        prop::collection::vec(any::<bool>(), TYPES.len()),
        limit(),
    );
    prop_oneof![
        6 => parts().prop_map(Step::Append),
        2 => (0..6_usize, again).prop_map(|(ago, how)| Step::AppendAgain(ago, how)),
        3 => (0..STREAMS.len(), any::<bool>(), prop::option::of(0..12_u64), limit())
            .prop_map(|(stream, backwards, from, limit)| Step::ReadStream { stream, backwards, from, limit }),
        3 => read_all.prop_map(|(after, up_to, categories, types, limit)| {
            Step::ReadAll { after, up_to, categories, types, limit }
        }),
    ]
}

/// One append to a few streams, most often to one.
pub(crate) fn parts() -> impl Strategy<Value = Vec<Part>> {
    prop_oneof![
        1 => prop::collection::vec(part(), 1),
        1 => prop::collection::vec(part(), 1..4),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let expected = prop_oneof![
        2 => Just(Expected::Fixed(ExpectedVersion::Any)),
        1 => Just(Expected::Fixed(ExpectedVersion::NoStream)),
        1 => Just(Expected::Fixed(ExpectedVersion::Exists)),
        4 => prop_oneof![8 => Just(0_i8), 1 => Just(-1), 1 => Just(1)].prop_map(Expected::Near),
    ];
    let events = prop::collection::vec((0..TYPES.len(), 0..PAYLOADS.len()), 0..4);
    (0..STREAMS.len(), expected, events).prop_map(|(stream, expected, events)| Part {
        stream,
        expected,
        events,
    })
}

/// The streams of one history: `-2` and the like behind their names keep histories apart in one store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    pub(crate) suffix: String,
}

impl Streams {
    fn stream(&self, index: usize) -> StreamId {
        format!("{}{}", STREAMS[index], self.suffix).parse().unwrap()
    }

    /// The request that is made of `parts` where the streams are at the versions that `version` tells.
    pub(crate) fn append(
        &self,
        parts: Vec<Part>,
        version: impl Fn(&StreamId) -> Version,
    ) -> Vec<StreamAppend> {
        let append = |Part { stream, expected, events }: Part| {
            let stream = self.stream(stream);
            let expected = match expected {
                Expected::Fixed(expected) => expected,
                Expected::Near(by) => {
                    Version::new(version(&stream).get().saturating_add_signed(by.into())).into()
                }
            };
            StreamAppend::new(stream, expected, events.into_iter().map(event).collect())
        };
        parts.into_iter().map(append).collect()
    }

    /// The same append in another way.
    pub(crate) fn again(&self, mut appends: Vec<StreamAppend>, how: Again) -> Vec<StreamAppend> {
        for append in &mut appends {
            match how {
                Again::Same | Again::WithANewOne | Again::WithOneTwice => {}
                Again::Expecting(expected) => append.expected = expected,
                Again::Elsewhere => {
                    append.stream = format!("{}-elsewhere", append.stream).parse().unwrap();
                    append.expected = ExpectedVersion::Any;
                }
                Again::Reversed => append.events.reverse(),
                Again::WithoutTheFirst => drop(append.events.drain(..append.events.len().min(1))),
            }
        }
        if let Some(last) = appends.last_mut() {
            match how {
                Again::WithANewOne => last.events.push(event((0, 0))),
                Again::WithOneTwice => last.events.extend(last.events.last().cloned()),
                _ => {}
            }
        }
        appends
    }

    pub(crate) fn read_stream(
        &self,
        stream: usize,
        backwards: bool,
        from: Option<u64>,
        limit: Option<u64>,
    ) -> ReadStream {
        let stream = self.stream(stream);
        let mut read =
            if backwards { ReadStream::backwards(stream) } else { ReadStream::forwards(stream) };
        (read.from, read.limit) = (from.map(Version::new), limit);
        read
    }
}

/// A read of the global stream whose ends are the positions that `position` gives for the nth event.
pub(crate) fn read_all(
    (after, up_to): (u64, Option<u64>),
    filter: &Filter,
    limit: Option<u64>,
    position: impl Fn(u64) -> Position,
) -> ReadAll {
    let mut read = ReadAll::after(position(after)).with_filter(filter.clone());
    (read.up_to, read.limit) = (up_to.map(position), limit);
    read
}

/// A filter for those names that are chosen; for all of them if none is.
pub(crate) fn filter(categories: &[bool], types: &[bool]) -> Filter {
    let mut filter = Filter::any();
    for (category, _) in CATEGORIES.iter().zip(categories).filter(|(_, chosen)| **chosen) {
        filter = filter.with_category(*category);
    }
    for (event_type, _) in TYPES.iter().zip(types).filter(|(_, chosen)| **chosen) {
        filter = filter.with_event_type(EventType::from_static(event_type));
    }
    filter
}

/// An event of a type, with a payload and with metadata that go with it.
fn event((event_type, payload): (usize, usize)) -> NewEvent {
    let metadata = match payload {
        0 => Metadata::default(),
        1 => Metadata::by("anna"),
        2 => Metadata::default().with_correlation_id(CorrelationId::from(EventId::new())),
        _ => Metadata::by("\0 é").with_extra("ip", "203.0.113.7"),
    };
    let data = EventData::new(
        EventType::from_static(TYPES[event_type]),
        Payload::parse(PAYLOADS[payload]).unwrap(),
    );
    NewEvent::new(data.with_schema_version(1 + payload as u32)).with_metadata(metadata)
}
