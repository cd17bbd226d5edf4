//! How much a handler is given at once.

use std::sync::{Arc, Mutex};

use annals::{
    Batch, Followers, HandlerError, MemoryStore, Options, Position, Projection, Recorded, Tables,
};
use async_trait::async_trait;

use crate::{
    ledger::{Balance, LONG, Moved, deposit},
    shaky::Shaky,
};

/// The sizes of the batches that came.
#[derive(Default)]
struct Sizes(Arc<Mutex<Vec<usize>>>);

#[async_trait]
impl Projection<Tables> for Sizes {
    const NAME: &'static str = "sizes";
    type Event = Moved;

    async fn create(&self, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn handle(&self, _: &Recorded<Moved>, _: &mut Tables) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn handle_batch(
        &self,
        batch: &Batch<'_, Moved>,
        _: &mut Tables,
    ) -> Result<(), HandlerError> {
        self.0.lock().unwrap().push(batch.len());
        Ok(())
    }

    fn options(&self) -> Options {
        Options::new().with_batch(3)
    }
}

#[tokio::test]
async fn a_batch_has_as_many_events_as_were_asked_for_and_no_more() {
    let store = MemoryStore::new();
    for _ in 0..10 {
        deposit(&store, "anna", 1).await;
    }
    let sizes = Sizes::default();
    let seen = Arc::clone(&sizes.0);
    let running = Followers::new(store.clone()).projection(sizes).start().await.unwrap();
    let at = annals::EventStore::head(&store).await.unwrap();
    running.wait_for("sizes", at, LONG).await.unwrap();
    running.shutdown().await;
    assert_eq!(*seen.lock().unwrap(), [3, 3, 3, 1]);
}

/// What a store commits a few events of in time, and not as many as a batch has, is done in smaller ones.
#[tokio::test(start_paused = true)]
async fn a_batch_that_takes_too_long_is_made_smaller_until_it_does_not() {
    const BEARS: u64 = 7;
    let store = MemoryStore::new();
    let mut at = Position::START;
    for number in 0..100 {
        at = deposit(&store, &format!("a{number}"), 1).await;
    }
    let slow = Shaky::steady(store.clone());
    slow.bear(BEARS);
    let running = Followers::new(slow).read_model::<Balance>().start().await.unwrap();
    running.wait_for("balances", at, LONG).await.unwrap();
    running.shutdown().await;
}
