//! What a caller does who wants to know what became of an append.

use std::time::SystemTime;

use annals::{AppendError, Appended, EventStore, StoreError, StreamAppend};

use super::Acknowledged;

/// Sends the same events until their outcome is known. Nothing but a lost store may come in between, which is
/// `told`.
pub(crate) async fn settled(
    store: &impl EventStore,
    appends: &[StreamAppend],
    mut told: impl FnMut(),
) -> Vec<Appended> {
    loop {
        match store.append(appends.to_vec()).await {
            Ok(answers) => return answers,
            Err(AppendError::Store(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))) => {
                told()
            }
            Err(error) => panic!("{appends:?} failed with {error:?}"),
        }
    }
}

/// What is to be written down of answers to appends that began at some time and ended now.
pub(crate) fn acknowledged(
    appends: &[StreamAppend],
    answers: &[Appended],
    began: SystemTime,
) -> Vec<Acknowledged> {
    let ended = SystemTime::now();
    assert_eq!(appends.len(), answers.len());
    let parts = appends.iter().zip(answers).map(|(append, answer)| Acknowledged {
        stream: append.stream.clone(),
        version: answer.version,
        position: answer.position,
        ids: append.events.iter().map(|event| event.id).collect(),
        began,
        ended,
    });
    parts.collect()
}
