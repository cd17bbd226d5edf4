//! A user's code, held to its time and kept from taking the loop down with it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::FutureExt;

use crate::{
    Event, Recorded, RecordedEvent,
    followers::{FailureKind, HandlerError, HandlerFailed},
    panic::message,
};

/// Awaits a handler: what it answers, or that it panicked or took too long, without saying where.
pub(super) async fn guarded(
    timeout: Duration,
    handler: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), HandlerFailed> {
    let failed = |kind, reason| Err(HandlerFailed { at: None, kind, reason });
    match tokio::time::timeout(timeout, AssertUnwindSafe(handler).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(reason))) => failed(FailureKind::Error, reason),
        Ok(Err(panic)) => failed(FailureKind::Panic, message(&*panic).into()),
        Err(_) => failed(FailureKind::Timeout, format!("it took longer than {timeout:?}").into()),
    }
}

/// Decodes an event, through a user's upcasters. It is read as it is stored, whatever failed.
pub(super) fn decode<E: Event>(
    event: RecordedEvent,
) -> Result<Vec<Recorded<E>>, (FailureKind, HandlerError)> {
    let mut events = Vec::new();
    decode_into(&event, &mut events)?;
    Ok(event.with_events(events.into_iter()).collect())
}

/// Adds what an event stands for to `events`, as [`decode`] would give it, without the record around it.
pub(super) fn decode_into<E: Event>(
    event: &RecordedEvent,
    events: &mut Vec<E>,
) -> Result<(), (FailureKind, HandlerError)> {
    let decoded = pure(|| event.decode_into(events));
    let decoded = decoded.map_err(|panic| (FailureKind::Panic, panic.into()))?;
    decoded.map_err(|error| (FailureKind::Unreadable, error.into()))
}

/// Calls code that is pure; a panic is answered with its message. What it was working on is to be dropped
/// then.
pub(super) fn pure<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| message(&*panic))
}
