//! A store on which every call takes its time and may go wrong, as planned step by step.

use std::{collections::VecDeque, sync::Mutex};

use annals::{
    AppendError, Appended, Event, EventData, EventStore, EventStoreExt, ExpectedVersion,
    MemoryStore, NewEvent, Position, ReadAll, ReadStream, RecordedEvents, StoreError, StreamAppend,
    StreamExt,
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
}

impl Unsteady {
    pub(crate) fn new(store: MemoryStore, rival: &impl Event, steps: Vec<Step>) -> Self {
        let rival = rival.encode().unwrap();
        Self { store, rival, steps: Mutex::new(steps.into()), late: Mutex::default() }
    }

    fn step(&self) -> Step {
        self.steps.lock().unwrap().pop_front().unwrap_or((0, Fault::None))
    }

    pub(crate) async fn late_ones_arrive(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for appends in late {
            let _nobody_listens = self.store.append(appends).await;
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

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        self.store.read_all(read)
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.store.head().await
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.store.wait_for_head(position).await
    }
}
