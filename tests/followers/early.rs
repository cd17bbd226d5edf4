//! What is read before there is a table for it.

use std::sync::Arc;

use annals::{
    EventStore, FollowerStore, Followers, MemoryStore, ReadAll, RecordedEvents, StreamExt,
    followers::{Claim, Limits, Make, StepError},
    forward,
};
use async_trait::async_trait;
use futures_util::stream;
use tokio::sync::Notify;

use crate::ledger::{Balance, LONG, deposit};

/// Makes tables only once somebody reads the log.
#[derive(Clone)]
struct Patient {
    store: MemoryStore,
    is_read: Arc<Notify>,
}

impl EventStore for Patient {
    forward!(self => self.store; append, read_stream, head, wait_for_head);

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        let (is_read, events) = (Arc::clone(&self.is_read), self.store.read_all(read));
        let begun = async move {
            is_read.notify_one();
            events
        };
        stream::once(begun).flatten().boxed()
    }
}

#[async_trait]
impl FollowerStore for Patient {
    type Connection = <MemoryStore as FollowerStore>::Connection;

    forward!(self => self.store; declare, books, claim, commit, release, note, command, failures, parked, swap, compare, rows);

    async fn make(
        &self,
        claim: &Claim,
        tables: Make<'_, Self::Connection>,
        limits: Limits,
    ) -> Result<(), StepError> {
        self.is_read.notified().await;
        self.store.make(claim, tables, limits).await
    }
}

#[tokio::test]
async fn the_reading_of_a_build_begins_while_its_tables_are_made() {
    let store = MemoryStore::new();
    for cents in 1..=3 {
        deposit(&store, "a", cents).await;
    }
    let patient = Patient { store: store.clone(), is_read: Arc::default() };
    let running = Followers::new(patient).read_model::<Balance>().start().await.unwrap();
    let reader = running.reader::<Balance>();
    reader.wait_for(store.head().await.unwrap(), LONG).await.unwrap();
    let balance = reader.get(&"a".to_owned()).await.unwrap().unwrap();
    assert_eq!((balance.cents, balance.positions), (6, vec![1, 2, 3]));
    running.shutdown().await;
}
