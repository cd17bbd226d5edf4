//! A process that claims its part again, and finds that another has gone on meanwhile. Time is tokio's, and jumps.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use annals::{
    EventStore, FollowerStore, Followers, MemoryStore, StoreError,
    followers::{MemberId, Step, StepError},
    forward,
};
use async_trait::async_trait;

use crate::{
    ledger::{Behaviour, Fault, LONG, deposit},
    stores::TestStore,
};

/// Instead of the first step that parks, another process goes past that event and one more, and the answer is lost.
#[derive(Clone)]
struct Overtaken {
    store: MemoryStore,
    is_over: Arc<AtomicBool>,
}

impl EventStore for Overtaken {
    forward!(self => self.store; append, read_stream, read_all, head, wait_for_head);
}

#[async_trait]
impl FollowerStore for Overtaken {
    type Connection = <MemoryStore as FollowerStore>::Connection;

    forward!(self => self.store; declare, books, claim, release, note, command, failures, parked, make, swap, compare, rows);

    async fn commit(&self, step: Step<'_, Self::Connection>) -> Result<(), StepError> {
        if step.park.is_empty() || self.is_over.swap(true, Ordering::Relaxed) {
            return self.store.commit(step).await;
        }
        let to = deposit(&self.store, "b", 1).await;
        self.store.release(std::slice::from_ref(step.claim)).await?;
        let claim = self.store.claim(MemberId::new(), &[step.claim.part]).await?.remove(0);
        self.store.commit(Step { claim: &claim, to, work: None, park: &[], ..step }).await?;
        self.store.release(&[claim]).await?;
        Err(StoreError::OutcomeUnknown("connection reset by peer".into()).into())
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_process_has_handled_is_no_cause_to_park() {
    let store = MemoryStore::new();
    let behaviour = Behaviour::default().park();
    behaviour.fail_on("bad", Fault::Error);
    let overtaken = Overtaken { store: store.clone(), is_over: Arc::default() };
    let journal = MemoryStore::journal(behaviour.clone());
    let running = Followers::new(overtaken.clone()).projection(journal).start().await.unwrap();
    let at = deposit(&store, "bad", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    assert!(overtaken.is_over.load(Ordering::Relaxed));
    behaviour.mend();
    let at = deposit(&store, "bad", 1).await;
    running.wait_for("journal", at, LONG).await.unwrap();
    assert_eq!(store.journalled().await, [("bad".to_owned(), at.get())]);
    assert_eq!(running.follower("journal").parked().await.unwrap(), []);
    running.shutdown().await;
}
