use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{Event, EventStore, EventStream, Filter, Position, ReadAll, Recorded, RecordedEvent, StoreError};

/// The global stream as a user's events, on every [`EventStore`].
///
/// An error ends a stream: none of its events is passed over. Read again after the position of the
/// last event that came.
pub trait EventStoreExt: EventStore {
    /// The events that `E` reads and that come after `position`, up to the end of the global stream.
    ///
    /// To take events as they are stored, whatever their type, read them as [`EventData`](crate::EventData).
    fn events_after<E: Event>(
        &self,
        position: Position,
    ) -> BoxStream<'static, Result<Recorded<E>, StoreError>> {
        typed(self.read_all(ReadAll::after(position).matching(Filter::of::<E>())))
    }

    /// The events that `E` reads and that come after `position`: those stored already, and then each new
    /// one as it comes, without an end and without a gap or a double in between.
    fn follow<E: Event>(&self, position: Position) -> BoxStream<'_, Result<Recorded<E>, StoreError>> {
        typed(stream::try_unfold(Follower::new(self, Filter::of::<E>(), position), Follower::next).boxed())
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}

/// Reads on from the last event it gave, and waits where there is none.
struct Follower<'a, S: ?Sized> {
    store: &'a S,
    filter: Filter,
    /// Everything up to here was given, or does not match.
    done: Position,
    /// The head before `page` was read: once `page` ends, everything up to it is done.
    head: Position,
    page: EventStream,
}

impl<'a, S: EventStore + ?Sized> Follower<'a, S> {
    fn new(store: &'a S, filter: Filter, done: Position) -> Self {
        Self { store, filter, done, head: done, page: stream::empty().boxed() }
    }

    async fn next(mut self) -> Result<Option<(RecordedEvent, Self)>, StoreError> {
        loop {
            if let Some(event) = self.page.try_next().await? {
                self.done = event.position;
                return Ok(Some((event, self)));
            }
            self.done = self.done.max(self.head);
            self.head = self.store.wait_for_head(self.done).await?;
            self.page = self.store.read_all(ReadAll::after(self.done).matching(self.filter.clone()));
        }
    }
}

/// Decodes what a store gives. The first event that cannot be read ends the stream: none is passed over.
pub(crate) fn typed<'a, E: Event>(
    records: BoxStream<'a, Result<RecordedEvent, StoreError>>,
) -> BoxStream<'a, Result<Recorded<E>, StoreError>> {
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
