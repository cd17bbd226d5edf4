//! Finds out what became of an append: sends it again, with the same event ids, for as long as that may help.

use std::time::Duration;

use annals_core::StreamAppend;
use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use super::queue::Answer;
use crate::{
    database::Database,
    failure::{Failure, FailureKind},
};

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
                FailureKind::Final => return Err(failure.into_store_error(may_be_stored).into()),
                _ if is_out_of_time && !is_due => {
                    return Err(failure.into_store_error(may_be_stored).into());
                }
                FailureKind::Duplicate => {}
                FailureKind::Transient | FailureKind::Lost | FailureKind::SchemaReplaced => {
                    sleep(pause).await
                }
            }
        }
        is_due = false;
        failure = match careful(database, appends, is_connection_lost).await {
            Ok(answer) => return answer,
            Err(again) => Some(again),
        };
    }
}

async fn careful(
    database: &Database,
    appends: &[StreamAppend],
    is_connection_lost: bool,
) -> Result<Answer, Failure> {
    let mut connection = match is_connection_lost {
        true => database.live_connection().await?,
        false => database.connection().await?,
    };
    let outcome = database.call_careful(appends, None, &mut connection).await;
    if let Err(failure) = &outcome {
        if failure.kind == FailureKind::SchemaReplaced {
            database.kinds.reload(&mut connection, &database.statements).await?;
        }
        if !failure.is_connection_usable() {
            connection.close_on_drop();
        }
    }
    outcome
}
