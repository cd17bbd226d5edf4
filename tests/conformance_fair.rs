//! Proof that the conformance suite is fair: a store that is right in another way than the memory store
//! passes it as well.
//!
//! Its positions have gaps. It appends in tasks of its own, which take their time and go on when whoever asked
//! is gone. It writes JSON in a form of its own, and looks for news now and then.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(feature = "memory")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use annals::{
    AppendError, Appended, EventStore, MemoryStore, Payload, Position, ReadAll, ReadStream,
    RecordedEvents, StoreError, StreamAppend, StreamExt, TryStreamExt,
};
use async_trait::async_trait;
use tokio::{task::yield_now, time::interval};

const GAP: u64 = 7;
const NOW_AND_THEN: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Otherwise {
    right: MemoryStore,
    appends: AtomicUsize,
}

#[async_trait]
impl EventStore for Otherwise {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        let right = self.right.clone();
        let steps = self.appends.fetch_add(1, Ordering::Relaxed) * 5 % 7;
        let task = tokio::spawn(async move {
            for _ in 0..steps {
                yield_now().await;
            }
            right.append(appends).await
        });
        let answers = task.await.unwrap()?;
        Ok(answers.into_iter().map(|a| Appended { position: with_gaps(a.position), ..a }).collect())
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        in_another_form(self.right.read_stream(read))
    }

    fn read_all(&self, mut read: ReadAll) -> RecordedEvents {
        let without_gaps = |position: Position| Position::new(position.get() / GAP);
        (read.after, read.up_to) = (without_gaps(read.after), read.up_to.map(without_gaps));
        in_another_form(self.right.read_all(read))
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.right.head().await.map(with_gaps)
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        let mut polls = interval(NOW_AND_THEN);
        loop {
            polls.tick().await;
            let head = self.head().await?;
            if head > position {
                return Ok(head);
            }
        }
    }
}

fn with_gaps(position: Position) -> Position {
    Position::new(position.get() * GAP)
}

fn in_another_form(events: RecordedEvents) -> RecordedEvents {
    let events = events.map_ok(|mut event| {
        event.position = with_gaps(event.position);
        event.event.payload = Payload::parse(format!(" {} ", event.event.payload)).unwrap();
        event
    });
    events.boxed()
}

async fn fresh_store() -> Otherwise {
    Otherwise::default()
}

annals::testing::conformance!(fresh_store);
