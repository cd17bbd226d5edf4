//! Stores that append wrongly.

use std::{collections::HashSet, sync::Mutex};

use annals::{
    AppendError, Appended, Conflict, EventData, EventId, EventStore, EventType, ExpectedVersion,
    MemoryStore, Metadata, NewEvent, Payload, Position, ReadAll, ReadStream, RecordedEvent,
    Refusal, StreamAppend, StreamId, TryStreamExt, Version,
};
use async_trait::async_trait;
use serde_json::Value;

use crate::wrong::Defect;

pub(crate) type Answer = Result<Vec<Appended>, AppendError>;

/// A defect that changes the request and then appends rightly.
macro_rules! changes_the_request {
    ($(#[$doc:meta] $defect:ident: $change:expr;)*) => {
        $(
            #[$doc]
            #[derive(Default)]
            pub(crate) struct $defect;

            #[async_trait]
            impl Defect for $defect {
                async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
                    let change: fn(Vec<StreamAppend>) -> Vec<StreamAppend> = $change;
                    right.append(change(appends)).await
                }
            }
        )*
    };
}

changes_the_request! {
    /// No optimistic concurrency at all.
    TakesEveryVersion: |appends| each(appends, |append| append.expected = ExpectedVersion::Any);
    /// Confuses "any version" with "no stream".
    TakesAnyForNew: |appends| each(appends, |append| {
        if append.expected == ExpectedVersion::Any {
            append.expected = ExpectedVersion::NoStream;
        }
    });
    /// Stores under ids of its own.
    GivesNewIds: |appends| each_event(appends, |event| event.id = EventId::new());
    /// Recognises what it has only if it came for one stream.
    KnowsIdsOfOneStreamOnly: |appends| match appends.len() {
        1 => appends,
        _ => each_event(appends, |event| event.id = EventId::new()),
    };
    /// Thinks that a part without events needs no look.
    SkipsEmptyParts: |appends| {
        let guards_others = appends.len() > 1;
        each(appends, |append| {
            if guards_others && append.events.is_empty() {
                append.expected = ExpectedVersion::Any;
            }
        })
    };
    /// Writes a marker where there is nothing to write.
    MarksEmptyAppends: |appends| each(appends, |append| {
        if append.events.is_empty() {
            let marker = EventData::new(EventType::from_static("marker"), Payload::parse("{}").unwrap());
            append.events.push(NewEvent::new(marker));
        }
    });
    /// Joins parts for the same stream without a word.
    MergesParts: |appends| {
        let mut merged: Vec<StreamAppend> = Vec::new();
        for append in appends {
            match merged.iter_mut().find(|part| part.stream == append.stream) {
                Some(part) => part.events.extend(append.events),
                None => merged.push(append),
            }
        }
        merged
    };
    /// Drops an event whose id has just been there.
    DropsRepeatedIds: |mut appends| {
        let mut seen = HashSet::new();
        appends.iter_mut().for_each(|append| append.events.retain(|event| seen.insert(event.id)));
        appends
    };
    /// Loses free metadata that nests too deep.
    CutsDeepMetadata: |appends| each_event(appends, |event| {
        if Payload::encode(&event.metadata).is_err() {
            event.metadata = Metadata::default();
        }
    });
    /// Takes no schema version for the first.
    RaisesSchemaVersionZero: |appends| each_event(appends, |event| {
        event.event.schema_version = event.event.schema_version.max(1);
    });
    /// Loses who did it.
    ForgetsMetadata: |appends| each_event(appends, |event| event.metadata = Metadata::default());
    /// Takes out what its database's text type cannot hold.
    StripsNul: |appends| each_payload(appends, |text| text.replace("\\u0000", ""));
    /// Has one kind of number, as JavaScript.
    KeepsNumbersAsFloats: |appends| each_payload(appends, |text| {
        let as_floats = |value: Value| match value.as_f64() {
            Some(number) => Value::from(number as i64),
            None => value,
        };
        as_floats(serde_json::from_str(&text).unwrap()).to_string()
    });
    /// Writes every digit of a number, so that one with an exponent becomes an integer, as `jsonb` does.
    KeepsNumbersWithoutExponents: |appends| each_payload(appends, |text| match text.parse::<f64>() {
        Ok(number) if text.contains('e') && number.fract() == 0.0 => format!("{number:.0}"),
        _ => text,
    });
}

fn each(
    mut appends: Vec<StreamAppend>,
    change: impl FnMut(&mut StreamAppend),
) -> Vec<StreamAppend> {
    appends.iter_mut().for_each(change);
    appends
}

fn each_event(appends: Vec<StreamAppend>, change: impl Fn(&mut NewEvent)) -> Vec<StreamAppend> {
    each(appends, |append| append.events.iter_mut().for_each(&change))
}

fn each_payload(
    appends: Vec<StreamAppend>,
    change: impl Fn(String) -> String,
) -> Vec<StreamAppend> {
    each_event(appends, |event| {
        event.event.payload = Payload::parse(change(event.event.payload.to_string())).unwrap();
    })
}

/// Looks at the conflict it reports one version too late.
#[derive(Default)]
pub(crate) struct TellsAnotherVersion;

#[async_trait]
impl Defect for TellsAnotherVersion {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        right.append(appends).await.map_err(|error| match error {
            AppendError::Conflict(told) => Conflict { actual: told.actual.next(), ..told }.into(),
            other => other,
        })
    }
}

/// Reports the conflict, but the events are in.
#[derive(Default)]
pub(crate) struct WritesOnConflict;

#[async_trait]
impl Defect for WritesOnConflict {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let answer = right.append(appends.clone()).await;
        if let Err(AppendError::Conflict(_)) = answer {
            right.append(each(appends, |append| append.expected = ExpectedVersion::Any)).await?;
        }
        answer
    }
}

/// Keeps the ids of an append that conflicted, as if its events were stored.
#[derive(Default)]
pub(crate) struct BurnsIdsOfConflicts {
    burnt: Mutex<HashSet<EventId>>,
}

#[async_trait]
impl Defect for BurnsIdsOfConflicts {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let ids: HashSet<_> =
            appends.iter().flat_map(|append| &append.events).map(|event| event.id).collect();
        if let Some(id) = self.burnt.lock().unwrap().intersection(&ids).next() {
            return Err(Refusal::EventIdTwice(*id).into());
        }
        let answer = right.append(appends).await;
        if let Err(AppendError::Conflict(_)) = answer {
            self.burnt.lock().unwrap().extend(ids);
        }
        answer
    }
}

/// Works through the parts from the back.
#[derive(Default)]
pub(crate) struct ReversesParts;

#[async_trait]
impl Defect for ReversesParts {
    async fn append(&self, right: &MemoryStore, mut appends: Vec<StreamAppend>) -> Answer {
        appends.reverse();
        let mut answers = right.append(appends).await?;
        answers.reverse();
        Ok(answers)
    }
}

/// No transaction around the streams.
#[derive(Default)]
pub(crate) struct AppendsPartByPart;

#[async_trait]
impl Defect for AppendsPartByPart {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let mut answers = Vec::new();
        for append in appends {
            answers.extend(right.append(vec![append]).await?);
        }
        Ok(answers)
    }
}

/// Finds a conflict before it sees that it has the events already.
#[derive(Default)]
pub(crate) struct ChecksVersionsBeforeIds;

#[async_trait]
impl Defect for ChecksVersionsBeforeIds {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        for append in &appends {
            append.expected.check(&append.stream, version(right, &append.stream).await)?;
        }
        right.append(appends).await
    }
}

/// Takes an append for a known one if its first event is known.
#[derive(Default)]
pub(crate) struct TrustsTheFirstId;

#[async_trait]
impl Defect for TrustsTheFirstId {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let known = all(right).await;
        let first = appends.iter().flat_map(|append| &append.events).next().map(|event| event.id);
        match known.iter().find(|event| Some(event.id) == first) {
            Some(event) => Ok(vec![
                Appended { version: event.version, position: event.position };
                appends.len()
            ]),
            None => right.append(appends).await,
        }
    }
}

/// Holds less than it should and refuses the rest.
async fn refuse_if(
    right: &MemoryStore,
    appends: Vec<StreamAppend>,
    too_much: fn(&Payload) -> bool,
) -> Answer {
    if appends.iter().flat_map(|append| &append.events).any(|event| too_much(&event.event.payload))
    {
        return Err(Refusal::Limit("too much for me".into()).into());
    }
    right.append(appends).await
}

/// Nests no deeper than 64 levels.
#[derive(Default)]
pub(crate) struct RefusesNesting;

#[async_trait]
impl Defect for RefusesNesting {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        refuse_if(right, appends, |payload| payload.as_str().matches(['[', '{']).count() > 64).await
    }
}

/// Takes no more than 64 KiB.
#[derive(Default)]
pub(crate) struct RefusesLargePayloads;

#[async_trait]
impl Defect for RefusesLargePayloads {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        refuse_if(right, appends, |payload| payload.as_str().len() > 65_536).await
    }
}

/// Compares names as a case-insensitive collation does.
#[derive(Default)]
pub(crate) struct FoldsCase;

#[async_trait]
impl Defect for FoldsCase {
    async fn append(&self, right: &MemoryStore, appends: Vec<StreamAppend>) -> Answer {
        let fold = |append: &mut StreamAppend| {
            append.stream = append.stream.as_str().to_lowercase().parse().unwrap()
        };
        right.append(each(appends, fold)).await
    }
}

pub(crate) async fn version(store: &MemoryStore, stream: &StreamId) -> Version {
    let last = store
        .read_stream(ReadStream::backwards(stream.clone()).with_limit(1))
        .try_next()
        .await
        .unwrap();
    last.map_or(Version::NONE, |event| event.version)
}

pub(crate) async fn all(store: &MemoryStore) -> Vec<RecordedEvent> {
    store.read_all(ReadAll::after(Position::START)).try_collect().await.unwrap()
}
