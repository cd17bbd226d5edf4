use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{AppendError, Appended, EventStore, Filter, ReadAll, StoreError, StreamAppend};
use crate::{
    Event, Position, Recorded,
    follow::{Tailing, typed},
};

/// What users do with every [`EventStore`] besides running commands: follow the global stream as their
/// own events, and append an event that no command decided.
///
/// ```
/// use annals::{Event, EventStoreExt, ExpectedVersion, MemoryStore, NewEvent, Position, StreamAppend, TryStreamExt};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
/// #[event(category = "sensor")]
/// enum SensorEvent {
///     Measured { celsius: f64 },
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// for celsius in [19.5, 20.5] {
///     let measured = NewEvent::encode(&SensorEvent::Measured { celsius })?;
///     let append = StreamAppend::new("sensor-roof".parse()?, ExpectedVersion::Any, vec![measured]);
///     store.append_to_stream(append).await?;
/// }
///
/// // What is there.
/// let measured: Vec<_> = store.events_after::<SensorEvent>(Position::START).try_collect().await?;
/// assert_eq!(measured[1].event, SensorEvent::Measured { celsius: 20.5 });
///
/// // What is there and whatever comes, in a task of its own.
/// let mut events = store.follow::<SensorEvent>(measured[0].position);
/// let follower = tokio::spawn(async move { events.try_next().await });
/// assert_eq!(follower.await??.as_ref(), measured.last());
/// # Ok(())
/// # }
/// ```
///
/// # What is read
///
/// The store gives the events whose stored types `E` lists ([`Event::EVENT_TYPES`]) and passes over all
/// others, those that a newer build has added included. A type with a catch-all asks for every event of the
/// store. To take events as they are stored, read them as [`EventData`](crate::EventData).
///
/// # Checkpoints and errors
///
/// To continue later, keep the position of the last event that was handled. Where an upcaster makes
/// several events of one record, all of them have its position: handle them together, and keep a position
/// only once an event of a higher one has come. An error ends a stream, so that nothing is passed over;
/// read again after the position that was kept.
pub trait EventStoreExt: EventStore {
    /// Appends to one stream: [`EventStore::append`] for the common case.
    ///
    /// # Errors
    /// As [`EventStore::append`].
    fn append_to_stream(
        &self,
        append: StreamAppend,
    ) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        let answers = self.append(vec![append]);
        async {
            match answers.await?[..] {
                [answer] => Ok(answer),
                ref answers => {
                    let wrong = format!("the store gave {} answers to one append", answers.len());
                    Err(StoreError::OutcomeUnknown(wrong.into()).into())
                }
            }
        }
    }

    /// The events that `E` reads and that come after `position`, up to the end of the global stream.
    fn events_after<E: Event>(
        &self,
        position: Position,
    ) -> BoxStream<'static, Result<Recorded<E>, StoreError>> {
        typed(self.read_all(ReadAll::after(position).with_filter(Filter::of::<E>())))
    }

    /// The events that `E` reads and that come after `position`: those stored already, and then each new
    /// one as it comes, without gaps or duplicates. It ends with an error only.
    fn follow<E: Event>(
        &self,
        position: Position,
    ) -> BoxStream<'static, Result<Recorded<E>, StoreError>>
    where
        Self: Clone + Sized + 'static,
    {
        let tailing = Tailing::new(self.clone(), Filter::of::<E>(), position);
        typed(stream::try_unfold(tailing, Tailing::next).boxed())
    }
}

impl<S: EventStore + ?Sized> EventStoreExt for S {}
