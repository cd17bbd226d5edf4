use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};

use crate::{Aggregate, EventStore, ReadStream, Recorded, StoreError, StreamId, follow::typed};

/// One event in an entity's history, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<A: Aggregate> {
    /// The state before the event.
    pub before: A,
    /// The event: what happened, when, and who caused it.
    pub recorded: Recorded<A::Event>,
    /// The state after the event.
    pub after: A,
}

pub(super) fn history<A: Aggregate>(
    store: &dyn EventStore,
    stream: StreamId,
) -> BoxStream<'static, Result<Change<A>, StoreError>> {
    let mut state = A::default();
    typed::<A::Event>(store.read_stream(ReadStream::forwards(stream)))
        .map_ok(move |recorded| {
            let before = state.clone();
            state.apply(&recorded.event);
            Change { before, recorded, after: state.clone() }
        })
        .boxed()
}
