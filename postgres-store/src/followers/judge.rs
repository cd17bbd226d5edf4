//! What an error within a step means: whose it is.

use std::{error::Error, sync::Arc};

use annals_core::{
    StoreError,
    followers::{FailureKind, HandlerError, HandlerFailed, StepError},
};

use crate::failure::Failure;

/// An error of one of the store's own statements, before anything was committed.
pub(super) fn store(error: sqlx::Error) -> StoreError {
    Failure::before_sending(error).into_store_error(false)
}

/// An error of a statement that commits.
pub(super) fn committing(error: sqlx::Error) -> StoreError {
    Failure::while_running(error).into_store_error(false)
}

/// An error of a statement that writes rows, or of the end of a transaction with work in it: what was written may be what no
/// row can hold, or the table may not be as it was made.
pub(super) fn rows(error: sqlx::Error) -> StepError {
    if is_of_the_rows(&error) { failed(FailureKind::Error, error) } else { store(error).into() }
}

/// The answer to a `COMMIT`, with work in it that may have left something to be checked at the end.
pub(super) fn commit(error: sqlx::Error) -> StepError {
    if is_of_the_rows(&error) {
        failed(FailureKind::Error, error)
    } else {
        committing(error).into()
    }
}

/// What the work failed with: the store's own failure if that is behind it.
pub(super) fn work(failure: HandlerFailed) -> StepError {
    let mut source: Option<&(dyn Error + 'static)> = Some(&*failure.reason);
    while let Some(error) = source {
        if let Some(code) = of_sqlx(error).and_then(code)
            && is_of_the_store(&code)
        {
            return StoreError::Unavailable(failure.reason).into();
        }
        source = error.source();
    }
    failure.into()
}

/// A failure that no other try can mend.
pub(super) fn refused(reason: impl Into<HandlerError>) -> StepError {
    failed(FailureKind::Refused, reason)
}

pub(super) fn failed(kind: FailureKind, reason: impl Into<HandlerError>) -> StepError {
    StepError::Handler(HandlerFailed { at: None, kind, reason: reason.into() })
}

/// Whether the error, or one behind it, has the code `wanted`.
pub(super) fn is(error: &(dyn Error + 'static), wanted: &str) -> bool {
    let mut source = Some(error);
    while let Some(error) = source {
        if of_sqlx(error).and_then(code).as_deref() == Some(wanted) {
            return true;
        }
        source = error.source();
    }
    false
}

/// An error of sqlx, a handler's own or one that the store has told.
fn of_sqlx<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    let shared = || error.downcast_ref::<Arc<sqlx::Error>>().map(Arc::as_ref);
    error.downcast_ref::<sqlx::Error>().or_else(shared)
}

pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Connections, deadlocks, resources, the server's operators; and a plan that a swap has made stale, or a
/// transaction that the server ended because this process was frozen.
fn is_of_the_store(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53"))
        || code.starts_with("57P0")
        || matches!(code, "0A000" | "25P03")
}

/// Values out of range, constraints, sizes; and a table that was changed by hand.
fn is_of_the_rows(error: &sqlx::Error) -> bool {
    let code = code(error).unwrap_or_default();
    matches!(code.get(..2), Some("22" | "23" | "54"))
        || matches!(&*code, "42P01" | "42703" | "42804" | "42P10" | "25P02")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_the_store_is_not_the_handlers() {
        for code in ["08006", "40001", "40P01", "53300", "57P01", "57P03", "0A000", "25P03"] {
            assert!(is_of_the_store(code), "{code}");
        }
        for code in ["42P01", "22P02", "23505", "57014", "25P02", "P0001", "", "4"] {
            assert!(!is_of_the_store(code), "{code}");
        }
    }
}
