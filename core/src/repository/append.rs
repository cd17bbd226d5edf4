//! The append of a command: the same events are sent until it is known what became of them.

use std::time::Duration;

use super::retry::pause;
use crate::{
    AppendError, Appended, EventStore, EventStoreExt, Refusal, StoreError, StreamAppend, Version,
};

/// Appends after version `loaded`, and sends the very same events again while the store is lost.
///
/// Only an answer or a conflict settles a try whose outcome was lost. A later try that merely fails says
/// nothing about the first, so the outcome is unknown then, whatever that failure was.
pub(super) async fn append_once(
    store: &dyn EventStore,
    append: StreamAppend,
    loaded: Version,
    pauses: &mut (impl Iterator<Item = Duration> + Send),
) -> Result<Appended, AppendError> {
    let mut may_be_stored = false;
    loop {
        let error = match store.append_to_stream(append.clone()).await {
            Ok(appended) => return of_this_command(&append, loaded, appended),
            Err(AppendError::Store(error)) => error,
            Err(conflict) => return Err(conflict),
        };
        let is_lost = matches!(error, StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_));
        may_be_stored |= matches!(error, StoreError::OutcomeUnknown(_));
        let error = match error {
            StoreError::Unavailable(source) | StoreError::Failed(source) if may_be_stored => {
                StoreError::OutcomeUnknown(source)
            }
            error => error,
        };
        if !is_lost {
            return Err(error.into());
        }
        pause(pauses, error).await?;
    }
}

/// A store takes known event ids for an append that came before. If the answer has other versions, the ids
/// belong to another command, and this command's events are not stored.
fn of_this_command(
    append: &StreamAppend,
    loaded: Version,
    appended: Appended,
) -> Result<Appended, AppendError> {
    let before = Version::new(appended.version.get().saturating_sub(append.events.len() as u64));
    match append.events.first() {
        Some(event) if before != loaded => {
            let (stream, version) = (append.stream.clone(), before.next());
            Err(Refusal::EventIdTaken { id: event.id, stream, version }.into())
        }
        _ => Ok(appended),
    }
}
