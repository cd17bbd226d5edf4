//! A store on which every call takes its time and may go wrong, as planned step by step.

use std::{collections::VecDeque, sync::Mutex};

use annals::{
    AppendError, Appended, Event, EventData, EventId, EventStore, EventStoreExt, ExpectedVersion,
    MemoryStore, NewEvent, ReadStream, RecordedEvents, SnapshotStore, StoreError, StoredSnapshot,
    StreamAppend, StreamExt, StreamId, Version, forward,
};
use async_trait::async_trait;
use futures_util::stream;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    Unreachable,
    AnswerLost,
    RequestLost,
    /// Nobody knows, and it arrives later.
    Late,
    Rival,
}

/// Takes so many turns of the scheduler before it does something, and does it with a fault.
pub(crate) type Step = (u8, Fault);

pub(crate) struct Unsteady {
    store: MemoryStore,
    /// What the rival appends.
    rival: EventData,
    steps: Mutex<VecDeque<Step>>,
    late: Mutex<Vec<Vec<StreamAppend>>>,
    late_snapshots: Mutex<Vec<StoredSnapshot>>,
}

impl Unsteady {
    pub(crate) fn new(store: MemoryStore, rival: &impl Event, steps: Vec<Step>) -> Self {
        let rival = rival.encode().unwrap();
        let steps = Mutex::new(steps.into());
        Self { store, rival, steps, late: Mutex::default(), late_snapshots: Mutex::default() }
    }

    fn step(&self) -> Step {
        self.steps.lock().unwrap().pop_front().unwrap_or((0, Fault::None))
    }

    pub(crate) async fn late_ones_arrive(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for appends in late {
            let _nobody_listens = self.store.append(appends).await;
        }
        let late = std::mem::take(&mut *self.late_snapshots.lock().unwrap());
        for snapshot in late {
            self.store.save_snapshot(&snapshot).await.unwrap();
        }
    }

    /// A read that takes its turns and may be lost.
    async fn read(&self) -> Result<(), StoreError> {
        let (turns, fault) = self.step();
        take_turns(turns).await;
        match fault {
            Fault::Unreachable => Err(StoreError::Unavailable("connection refused".into())),
            Fault::RequestLost => Err(StoreError::Failed("there is no such table".into())),
            _ => Ok(()),
        }
    }
}

async fn take_turns(turns: u8) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl EventStore for Unsteady {
    forward!(self => self.store; read_all, head, wait_for_head);

    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let (turns, fault) = self.step();
        take_turns(turns).await;
        let lost = || Err(StoreError::OutcomeUnknown("connection reset by peer".into()).into());
        if turns % 2 == 0 {
            self.late_ones_arrive().await;
        }
        match fault {
            Fault::None => {}
            Fault::Unreachable => {
                return Err(StoreError::Unavailable("connection refused".into()).into());
            }
            Fault::RequestLost => return lost(),
            Fault::AnswerLost => {
                self.store.append(appends).await?;
                return lost();
            }
            Fault::Late => {
                self.late.lock().unwrap().push(appends);
                return lost();
            }
            Fault::Rival => {
                let event = NewEvent::new(self.rival.clone());
                let stream = appends[0].stream.clone();
                let rival = StreamAppend::new(stream, ExpectedVersion::Any, vec![event]);
                self.store.append_to_stream(rival).await?;
            }
        }
        let answer = self.store.append(appends).await;
        take_turns(turns / 2).await;
        answer
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        let (turns, fault) = self.step();
        let store = self.store.clone();
        let events = stream::once(take_turns(turns)).flat_map(move |()| match fault {
            Fault::Unreachable => {
                let first = store.read_stream(read.clone().with_limit(1));
                let lost = StoreError::Unavailable("connection refused".into());
                first.chain(stream::iter([Err(lost)])).boxed()
            }
            _ => store.read_stream(read.clone()),
        });
        events.boxed()
    }
}

#[async_trait]
impl SnapshotStore for Unsteady {
    async fn read_from_snapshot(
        &self,
        stream: &StreamId,
        fold_version: u32,
    ) -> Result<(Option<StoredSnapshot>, RecordedEvents), StoreError> {
        self.read().await?;
        let (snapshot, _) = self.store.read_from_snapshot(stream, fold_version).await?;
        let from = snapshot.as_ref().map_or(Version::NONE, |snapshot| snapshot.version);
        let read = ReadStream::forwards(stream.clone()).starting_at(from);
        Ok((snapshot, self.read_stream(read)))
    }

    async fn save_snapshot(&self, snapshot: &StoredSnapshot) -> Result<bool, StoreError> {
        let (turns, fault) = self.step();
        take_turns(turns).await;
        let lost = || Err(StoreError::Unavailable("connection reset by peer".into()));
        match fault {
            Fault::None | Fault::Rival => self.store.save_snapshot(snapshot).await,
            Fault::Unreachable | Fault::RequestLost => lost(),
            Fault::AnswerLost => self.store.save_snapshot(snapshot).await.and_then(|_| lost()),
            Fault::Late => {
                self.late_snapshots.lock().unwrap().push(snapshot.clone());
                lost()
            }
        }
    }

    async fn version_of(
        &self,
        stream: &StreamId,
        id: EventId,
    ) -> Result<Option<Version>, StoreError> {
        let (turns, fault) = self.step();
        take_turns(turns).await;
        match fault {
            Fault::Unreachable => Err(StoreError::Unavailable("connection refused".into())),
            _ => self.store.version_of(stream, id).await,
        }
    }
}
