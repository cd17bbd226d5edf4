//! What a part is to look at next.

use futures_util::{FutureExt, StreamExt};

use crate::{EventStore, Position, ReadAll, RecordedEvent, RecordedEvents, StoreError};

/// The events up to where the log ended when they were asked for.
pub(super) struct Reading {
    pub(super) head: Position,
    events: RecordedEvents,
    /// The first of them, if it was asked for before anybody took it.
    first: Option<Next>,
}

/// None: there are no more.
type Next = Option<Result<RecordedEvent, StoreError>>;

impl Reading {
    pub(super) fn up_to(head: Position, store: &impl EventStore, read: ReadAll) -> Self {
        Self { head, events: store.read_all(read.up_to(head)), first: None }
    }

    /// Has the store begin, which goes on by itself while the first events wait to be taken.
    pub(super) async fn begin(&mut self) {
        self.first = Some(self.events.next().await);
    }

    pub(super) async fn next(&mut self) -> Next {
        match self.first.take() {
            Some(first) => first,
            None => self.events.next().await,
        }
    }

    /// The next one if nobody has to wait for it.
    pub(super) fn next_at_once(&mut self) -> Option<Next> {
        self.next().now_or_never()
    }
}
