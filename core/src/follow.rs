//! The global stream, followed without end, and events in a user's types.

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{
    Event, EventStore, Filter, Position, ReadAll, Recorded, RecordedEvent, RecordedEvents,
    StoreError,
};

/// Reads on from the last event it gave, and waits where there is none.
pub(crate) struct Tailing<S> {
    store: S,
    filter: Filter,
    /// Everything up to here was given, or does not match.
    done: Position,
    /// The head before `page` was read: once `page` ends, everything up to it is done.
    head: Position,
    page: RecordedEvents,
}

impl<S: EventStore> Tailing<S> {
    pub(crate) fn new(store: S, filter: Filter, done: Position) -> Self {
        Self { store, filter, done, head: done, page: stream::empty().boxed() }
    }

    pub(crate) async fn next(mut self) -> Result<Option<(RecordedEvent, Self)>, StoreError> {
        loop {
            if let Some(event) = self.page.try_next().await? {
                self.done = event.position;
                return Ok(Some((event, self)));
            }
            self.done = self.done.max(self.head);
            self.head = self.store.wait_for_head(self.done).await?;
            let read = ReadAll::after(self.done).up_to(self.head);
            self.page = self.store.read_all(read.with_filter(self.filter.clone()));
        }
    }
}

/// Decodes what a store gives. The first event that cannot be read ends the stream: none is passed over.
pub(crate) fn typed<E: Event>(
    records: RecordedEvents,
) -> BoxStream<'static, Result<Recorded<E>, StoreError>> {
    let decoded = Vec::<Recorded<E>>::new().into_iter();
    stream::try_unfold((records, decoded), async |(mut records, mut decoded)| {
        loop {
            if let Some(event) = decoded.next() {
                return Ok(Some((event, (records, decoded))));
            }
            match records.try_next().await? {
                Some(record) => decoded = record.decode()?.into_iter(),
                None => return Ok(None),
            }
        }
    })
    .boxed()
}
