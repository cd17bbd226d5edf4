//! Callers who append as fast as they are answered, and do what callers should when the store is lost.

use std::time::SystemTime;

use annals::{
    EventData, EventId, EventStoreExt, ExpectedVersion, NewEvent, PostgresStore, StoreError,
    StreamAppend, TryStreamExt, Version,
};
use tokio::sync::watch;

use crate::{
    Load, acknowledged,
    evidence::{Acknowledged, History, settled},
    stream,
};

/// Streams that all callers append to.
const SHARED_STREAMS: u64 = 4;

/// One of many callers: with a stream of its own, appended to at exactly the version it knows, and streams that it
/// shares.
pub(crate) struct Caller {
    pub(crate) store: PostgresStore,
    pub(crate) name: String,
    /// How often anybody was told that the store is lost.
    pub(crate) lost: watch::Sender<usize>,
}

impl Caller {
    /// Appends until it is over, and tells what was acknowledged.
    pub(crate) async fn run(
        self,
        is_over: watch::Receiver<bool>,
        tell: impl Fn(Vec<Acknowledged>),
    ) {
        let (mut version, mut written) = (Version::default(), 0);
        while !*is_over.borrow() {
            let mut written_next = || {
                let event = Load::Written { writer: self.name.clone(), number: written };
                written += 1;
                NewEvent::encode(&event).unwrap()
            };
            let mut appends = Vec::new();
            // Alone in a stream, in one shared with others, or in both at once.
            let way = fastrand::u32(0..10);
            if way < 6 {
                let events = (0..fastrand::usize(1..=3)).map(|_| written_next()).collect();
                appends.push(StreamAppend::new(stream(&self.name), version, events));
            }
            if way > 4 {
                let shared = stream(fastrand::u64(0..SHARED_STREAMS));
                appends.push(StreamAppend::new(shared, ExpectedVersion::Any, vec![written_next()]));
            }
            let began = SystemTime::now();
            let told_of_loss = || self.lost.send_modify(|lost| *lost += 1);
            let answers = settled(&self.store, &appends, told_of_loss).await;
            if way < 6 {
                version = answers[0].version;
            }
            tell(acknowledged(&appends, &answers, began));
        }
    }
}

/// Follows everything up to the event `end`, and again from where it was when the store is lost. Also tells how often
/// that was.
pub(crate) async fn followed(store: PostgresStore, end: EventId) -> (History, usize) {
    let (mut history, mut interruptions) = (History::default(), 0);
    loop {
        let mut events = store.follow::<EventData>(history.last());
        loop {
            match events.try_next().await {
                Ok(event) => {
                    let event = event.expect("it ends with an error only");
                    history.take(&event);
                    if event.id == end {
                        return (history, interruptions);
                    }
                }
                Err(StoreError::Unavailable(_)) => break interruptions += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}
