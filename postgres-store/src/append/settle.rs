//! Finds out what became of an append: sends it again, with the same event ids, for as long as that may help.

use std::{sync::Arc, time::Duration};

use annals_core::{AppendError, StoreError, StreamAppend};
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use super::queue::Answer;
use crate::{
    database::Database,
    failure::{Failure, FailureKind},
};

/// For how many milliseconds a try may wait for locks when the time is up: one that waited for its turn has not been made yet.
const LEAST_MS: i32 = 20;
/// How many streams an error names at the most.
const NAMED: usize = 3;

/// The answer to `appends`, after the quick way ended in `failure` or with nothing stored. What fails for a passing
/// reason is tried again until `deadline`.
///
/// An append that was lost stays lost until an answer settles it: the careful call looks the event ids up under
/// the locks of the streams, so that whatever it says holds for the first try as well.
pub(super) async fn settle(
    database: &Database,
    appends: &[StreamAppend],
    failure: Option<Failure>,
    deadline: Instant,
) -> Answer {
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(2))
        .with_max_delay(Duration::from_millis(250))
        .without_max_times()
        .with_jitter()
        .build();
    let mut may_be_stored = false;
    let mut is_connection_lost = false;
    // Where the server has refused the quick way, the careful one may do better: it is tried once at the least.
    let mut is_due = failure.as_ref().is_none_or(Failure::is_connection_usable);
    let mut failure = failure;
    loop {
        if let Some(failure) = failure {
            is_connection_lost = !failure.is_connection_usable();
            may_be_stored |= failure.kind == FailureKind::Lost;
            let pause = pauses.next().unwrap_or_default();
            let is_out_of_time = Instant::now() + pause > deadline;
            match failure.kind {
                FailureKind::Final => return Err(told(failure, appends, may_be_stored)),
                _ if is_out_of_time && !is_due => {
                    return Err(told(failure, appends, may_be_stored));
                }
                FailureKind::Duplicate => {}
                FailureKind::Transient | FailureKind::Lost | FailureKind::Renumbered => {
                    sleep(pause).await
                }
            }
        }
        is_due = false;
        failure = match careful(database, appends, is_connection_lost, deadline).await {
            Ok(answer) => return answer,
            Err(again) => Some(again),
        };
    }
}

async fn careful(
    database: &Database,
    appends: &[StreamAppend],
    is_connection_lost: bool,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let mut connection = match is_connection_lost {
        true => database.live_connection().await?,
        false => database.connection().await?,
    };
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    let patience = i32::try_from(left).unwrap_or(i32::MAX).max(LEAST_MS);
    let outcome = database.call_careful(appends, Some(patience), &mut connection).await;
    if let Err(failure) = &outcome {
        if failure.kind == FailureKind::Renumbered {
            database.kinds.reload(&mut connection, &database.statements).await?;
        }
        failure.retire(&mut connection);
    }
    outcome
}

/// What is said of a failure that no other try is left for.
fn told(failure: Failure, appends: &[StreamAppend], may_be_stored: bool) -> AppendError {
    if may_be_stored || !failure.is_of_a_lock() {
        return failure.into_store_error(may_be_stored).into();
    }
    let mut streams = appends.iter().map(|append| append.stream.as_str());
    let named: Vec<_> = streams.by_ref().take(NAMED).collect();
    let more = match streams.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let streams = named.join(", ") + &more;
    StoreError::Unavailable(Box::new(Locked { streams, source: failure.source })).into()
}

/// Nothing was stored: another transaction did not let go of what the append needs.
#[derive(Debug, thiserror::Error)]
#[error(
    "the append to {streams} waited in vain for a lock of a transaction that has not ended; `status()` names one that has appended"
)]
struct Locked {
    streams: String,
    source: Arc<sqlx::Error>,
}
