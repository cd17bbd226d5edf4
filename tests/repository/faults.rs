//! A store that is lost at chosen moments, and one with a rival that is always faster.

use std::{collections::VecDeque, sync::Mutex};

use annals::{
    AppendError, Appended, EventStore, ExpectedVersion, MemoryStore, Position, ReadStream,
    RecordedEvents, StoreError, StreamAppend, StreamExt, forward,
};
use async_trait::async_trait;
use futures_util::stream;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    None,
    /// The store cannot be reached; nothing happens.
    Unreachable,
    /// The append happens, and its answer is lost.
    AnswerLost,
    /// The append is lost on the way, and nobody knows.
    RequestLost,
    /// The store has a failure of its own; nothing happens.
    Broken,
    /// The append happens, and the store answers this often to it.
    Answers(usize),
    /// Somebody else appends to the same stream first.
    Rival,
    /// Somebody else appends to the same stream, and then other events under the same ids.
    Twin,
    /// What is in `meanwhile` is appended first.
    Meanwhile,
    /// The answer is lost, and before it is asked again somebody else appends to the same stream.
    AnswerLostThenRival,
}

/// A memory store that meets one fault after the other, in appends and in reads of a stream.
pub(crate) struct Faulty {
    store: MemoryStore,
    pub(crate) appends: Mutex<VecDeque<Fault>>,
    pub(crate) reads: Mutex<VecDeque<Fault>>,
    /// What else is appended at a [`Fault::Meanwhile`].
    pub(crate) meanwhile: Mutex<Vec<StreamAppend>>,
    /// Where the head was waited for.
    pub(crate) waits: Mutex<Vec<Position>>,
    /// What the rival appends.
    rival: annals::EventData,
}

impl Faulty {
    pub(crate) fn new(store: MemoryStore, rival: &impl annals::Event) -> Self {
        let rival = rival.encode().unwrap();
        Self {
            store,
            appends: Mutex::default(),
            reads: Mutex::default(),
            meanwhile: Mutex::default(),
            waits: Mutex::default(),
            rival,
        }
    }

    pub(crate) fn in_appends(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.appends.lock().unwrap().extend(faults);
        self
    }

    pub(crate) fn in_reads(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.reads.lock().unwrap().extend(faults);
        self
    }

    async fn rival_appends(&self, appends: &[StreamAppend]) {
        for append in appends {
            let event = annals::NewEvent::new(self.rival.clone());
            let append =
                StreamAppend::new(append.stream.clone(), ExpectedVersion::Any, vec![event]);
            self.store.append(vec![append]).await.unwrap();
        }
    }
}

fn lost() -> StoreError {
    StoreError::OutcomeUnknown("connection reset by peer".into())
}

fn unreachable() -> StoreError {
    StoreError::Unavailable("connection refused".into())
}

#[async_trait]
impl EventStore for Faulty {
    forward!(self => self.store; read_all, head);

    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let fault = self.appends.lock().unwrap().pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => self.store.append(appends).await,
            Fault::Unreachable => Err(unreachable().into()),
            Fault::RequestLost => Err(lost().into()),
            Fault::Broken => Err(StoreError::Failed("the disk is full".into()).into()),
            Fault::Answers(times) => Ok(self.store.append(appends).await?.repeat(times)),
            Fault::AnswerLost => {
                self.store.append(appends).await?;
                Err(lost().into())
            }
            Fault::Rival => {
                self.rival_appends(&appends).await;
                self.store.append(appends).await
            }
            Fault::Twin => {
                self.rival_appends(&appends).await;
                let mut twins = appends.clone();
                for twin in &mut twins {
                    twin.expected = ExpectedVersion::Any;
                    twin.events.iter_mut().for_each(|event| event.event = self.rival.clone());
                }
                self.store.append(twins).await?;
                self.store.append(appends).await
            }
            Fault::Meanwhile => {
                let meanwhile = std::mem::take(&mut *self.meanwhile.lock().unwrap());
                for append in meanwhile {
                    self.store.append(vec![append]).await.unwrap();
                }
                self.store.append(appends).await
            }
            Fault::AnswerLostThenRival => {
                self.store.append(appends.clone()).await?;
                self.rival_appends(&appends).await;
                Err(lost().into())
            }
        }
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        match self.reads.lock().unwrap().pop_front() {
            Some(Fault::Unreachable) => {
                // The connection breaks after the first event.
                let first = self.store.read_stream(read.with_limit(1));
                first.chain(stream::iter([Err(unreachable())])).boxed()
            }
            _ => self.store.read_stream(read),
        }
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.waits.lock().unwrap().push(position);
        self.store.wait_for_head(position).await
    }
}
