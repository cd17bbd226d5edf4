//! A right store, seen through a defect.

use annals::{
    AppendError, Appended, EventStore, MemoryStore, Position, ReadAll, ReadStream, RecordedEvent,
    RecordedEvents, StoreError, StreamAppend, StreamExt, TryStreamExt,
};
use async_trait::async_trait;
use futures_util::{TryFutureExt, stream};

/// What a store does wrong; whatever a defect does not override is done right.
#[async_trait]
pub(crate) trait Defect: Send + Sync + 'static {
    async fn append(
        &self,
        right: &MemoryStore,
        appends: Vec<StreamAppend>,
    ) -> Result<Vec<Appended>, AppendError> {
        right.append(appends).await
    }

    fn read_stream(&self, right: &MemoryStore, read: ReadStream) -> RecordedEvents {
        right.read_stream(read)
    }

    fn read_all(&self, right: &MemoryStore, read: ReadAll) -> RecordedEvents {
        right.read_all(read)
    }

    async fn head(&self, right: &MemoryStore) -> Result<Position, StoreError> {
        right.head().await
    }

    async fn wait_for_head(
        &self,
        right: &MemoryStore,
        position: Position,
    ) -> Result<Position, StoreError> {
        right.wait_for_head(position).await
    }
}

pub(crate) struct Wrong<D> {
    right: MemoryStore,
    defect: D,
}

impl<D> Wrong<D> {
    pub(crate) fn new(defect: D) -> Self {
        Self { right: MemoryStore::new(), defect }
    }
}

#[async_trait]
impl<D: Defect> EventStore for Wrong<D> {
    async fn append(&self, appends: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        self.defect.append(&self.right, appends).await
    }

    fn read_stream(&self, read: ReadStream) -> RecordedEvents {
        self.defect.read_stream(&self.right, read)
    }

    fn read_all(&self, read: ReadAll) -> RecordedEvents {
        self.defect.read_all(&self.right, read)
    }

    async fn head(&self) -> Result<Position, StoreError> {
        self.defect.head(&self.right).await
    }

    async fn wait_for_head(&self, position: Position) -> Result<Position, StoreError> {
        self.defect.wait_for_head(&self.right, position).await
    }
}

/// All that `events` gives, changed as a whole.
pub(crate) fn changed(
    events: RecordedEvents,
    change: impl FnOnce(Vec<RecordedEvent>) -> Vec<RecordedEvent> + Send + 'static,
) -> RecordedEvents {
    let all = events.try_collect::<Vec<_>>();
    all.map_ok(|events| stream::iter(change(events)).map(Ok)).try_flatten_stream().boxed()
}
