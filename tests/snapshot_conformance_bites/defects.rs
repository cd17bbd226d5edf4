//! Stores that keep snapshots wrongly.

use annals::{
    EventStore, ExpectedVersion, MemoryStore, NewEvent, Payload, Position, ReadStream, StoreError,
    StoredSnapshot, StreamAppend, StreamId, Version,
};
use futures_util::FutureExt;
use serde_json::Value;

use crate::wrong::Defect;

macro_rules! defects {
    ($($(#[$doc:meta])+ $defect:ident { $($method:tt)+ })*) => {
        $(
            $(#[$doc])+
            #[derive(Default)]
            pub(crate) struct $defect;

            impl Defect for $defect {
                $($method)+
            }
        )*
    };
}

/// The snapshot with each text and number of its state changed.
fn changed(snapshot: &StoredSnapshot, change: fn(&mut Value)) -> StoredSnapshot {
    fn go(value: &mut Value, change: fn(&mut Value)) {
        change(value);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| go(item, change)),
            Value::Object(fields) => fields.values_mut().for_each(|field| go(field, change)),
            _ => {}
        }
    }
    let mut state = snapshot.state.to_value().unwrap();
    go(&mut state, change);
    StoredSnapshot { state: Payload::encode(&state).unwrap(), ..snapshot.clone() }
}

defects! {
    /// Takes a stream without a snapshot for an error.
    FailsWithoutSnapshot {
        fn without_snapshot(&self) -> Result<(), StoreError> {
            Err(StoreError::Failed("no such snapshot".into()))
        }
    }

    /// Leaves out the event that the snapshot rests on.
    GivesOnlyWhatIsNewer {
        fn read(&self, snapshot: Option<&StoredSnapshot>, all: ReadStream) -> ReadStream {
            all.starting_at(snapshot.map_or(Version::NONE, |snapshot| snapshot.version.next()))
        }
    }

    /// Gives the events that the snapshot has in it as well.
    GivesAllEvents {
        fn read(&self, _: Option<&StoredSnapshot>, all: ReadStream) -> ReadStream {
            all
        }
    }

    /// Never asks for a second page.
    EndsAfterOnePage {
        fn read(&self, snapshot: Option<&StoredSnapshot>, all: ReadStream) -> ReadStream {
            all.starting_at(snapshot.map_or(Version::NONE, |snapshot| snapshot.version)).with_limit(1_000)
        }
    }

    /// Never replaces what it has.
    KeepsTheFirst {
        fn replaces(&self, _: &StoredSnapshot, _: &StoredSnapshot) -> bool {
            false
        }
    }

    /// Keeps whatever came last.
    KeepsTheLast {
        fn replaces(&self, _: &StoredSnapshot, _: &StoredSnapshot) -> bool {
            true
        }
    }

    /// Looks at no fold.
    GivesEveryFold {
        fn is_of(&self, _: &StoredSnapshot, _: u32) -> bool {
            true
        }
    }

    /// An older one of another fold does not replace what it has.
    KeepsTheNewestOfAllFolds {
        fn replaces(&self, old: &StoredSnapshot, new: &StoredSnapshot) -> bool {
            old.version <= new.version
        }
    }

    /// Believes that there will be an event.
    KeepsAVersionAhead {
        fn rests(&self, snapshot: &StoredSnapshot, at: Option<Position>) -> bool {
            at.is_none_or(|at| at == snapshot.position)
        }
    }

    /// Takes names that differ in case only for one.
    FoldsCase {
        fn key(&self, stream: &StreamId) -> StreamId {
            stream.as_str().to_lowercase().parse().unwrap()
        }
    }

    /// Cannot keep NUL.
    StripsNul {
        fn kept(&self, snapshot: &StoredSnapshot) -> StoredSnapshot {
            changed(snapshot, |value| {
                if let Value::String(text) = value {
                    *text = text.replace('\0', "");
                }
            })
        }
    }

    /// Has one type for all numbers.
    KeepsNumbersAsFloats {
        fn kept(&self, snapshot: &StoredSnapshot) -> StoredSnapshot {
            changed(snapshot, |value| {
                if let Some(number) = value.as_f64() {
                    *value = number.into();
                }
            })
        }
    }

    /// Keeps snapshots as events.
    AppendsAnEvent {
        fn happens(&self, right: &MemoryStore, snapshot: &StoredSnapshot) {
            let event = NewEvent::new(annals::EventData::new(
                annals::EventType::from_static("snapshot"),
                snapshot.state.clone(),
            ));
            let append = StreamAppend::new(snapshot.stream.clone(), ExpectedVersion::Any, vec![event]);
            right.append(vec![append]).now_or_never().unwrap().unwrap();
        }
    }

    /// Does not ask in which stream an event is.
    FindsEventsAnywhere {
        fn finds(&self, _: StreamId, version: Version, _: Position, _: bool) -> Option<Version> {
            Some(version)
        }
    }

    /// Tells where an event is among all.
    TellsThePosition {
        fn finds(&self, _: StreamId, _: Version, position: Position, is_in_it: bool) -> Option<Version> {
            is_in_it.then(|| Version::new(position.get()))
        }
    }
}
