use crate::{AppendError, Conflict, StoreError};

/// Why a command did not succeed. Nothing is appended then, unless the store says that it cannot know:
/// after [`StoreError::OutcomeUnknown`] run the command again under the same
/// [idempotency key](crate::Execute::with_idempotency_key); without one, load the entity to see, or run the command
/// again pinned to the version it was meant for, with [`with_expected_version`](crate::Execute::with_expected_version).
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E> {
    /// The aggregate declined it.
    #[error(transparent)]
    Rejected(E),
    /// The entity is not at the version that the caller expected, or changed on every try.
    #[error(transparent)]
    Conflict(Conflict),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<E> From<AppendError> for CommandError<E> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict(conflict) => Self::Conflict(conflict),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}
