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

/// The answer to `appends`, after the quick way ended in `failure` or with nothing stored.
///
/// An append that was lost stays lost until an answer settles it: the careful call looks the event ids up under
/// the locks of the streams, so that whatever it says holds for the first try as well.
pub(super) async fn settle(
    database: &Database,
    appends: &[StreamAppend],
    failure: Option<Failure>,
) -> Answer {
    let deadline = Instant::now() + database.retry_for;
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(2))
        .with_max_delay(Duration::from_millis(250))
        .without_max_times()
        .with_jitter()
        .build();
    let mut may_be_stored = false;
    let mut failure = failure;
    loop {
        if let Some(failure) = failure {
            may_be_stored |= failure.kind == FailureKind::Lost;
            let pause = pauses.next().unwrap_or_default();
            let is_out_of_time = Instant::now() + pause > deadline;
            match failure.kind {
                FailureKind::Final => return Err(failure.into_store_error(may_be_stored).into()),
                _ if is_out_of_time => return Err(failure.into_store_error(may_be_stored).into()),
                FailureKind::Duplicate => {}
                FailureKind::Transient | FailureKind::Lost | FailureKind::SchemaReplaced => {
                    sleep(pause).await
                }
            }
        }
        failure = match careful(database, appends).await {
            Ok(answer) => return answer,
            Err(again) => Some(again),
        };
    }
}

async fn careful(database: &Database, appends: &[StreamAppend]) -> Result<Answer, Failure> {
    let mut connection = database.connection().await?;
    let outcome = database.call_careful(appends, &mut connection).await;
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
