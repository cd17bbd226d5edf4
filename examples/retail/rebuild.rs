//! What an operator does with a follower while the shop is open.

use std::{fmt, sync::Arc};

use annals::{
    CommandRefused, Follower, FollowerStore, Position, StoreError, TryStreamExt,
    followers::{Failure, Outcome, Progress, ProgressState},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use thiserror::Error;
use tokio::sync::Notify;

/// A rebuild that went well.
pub(crate) struct Rebuilt {
    name: String,
    /// The last event when it began, and when it took the place of what served.
    began_at: Position,
    swapped_at: Position,
}

#[derive(Debug, Error)]
pub(crate) enum RebuildError {
    #[error(transparent)]
    Refused(#[from] CommandRefused),
    #[error("the rebuild of {name} failed at {failure}")]
    Failed { name: String, failure: Box<Failure> },
    #[error("the rebuild of {name} was cancelled")]
    Cancelled { name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Builds the follower `name` anew from the first event, beside what serves, and shows how it gets on.
pub(crate) async fn rebuild<S: FollowerStore>(
    name: String,
    follower: Follower<S>,
    begin: Arc<Notify>,
    bars: MultiProgress,
) -> Result<Rebuilt, RebuildError> {
    begin.notified().await;
    let began_at = follower.status().await?.head;
    follower.rebuild().await?;

    let bar = bars.add(bar(&name));
    let mut progress = follower.progress();
    while let Some(progress) = progress.try_next().await? {
        show(&bar, &progress);
        if let ProgressState::Failed(failure) = progress.state {
            return Err(RebuildError::Failed { name, failure });
        }
    }
    bar.finish();
    // A short one may be over before anybody has looked.
    let status = follower.status().await?;
    match status.last_rebuild.map(|last| last.outcome) {
        Some(Outcome::Swapped) => Ok(Rebuilt { name, began_at, swapped_at: status.position }),
        _ => Err(RebuildError::Cancelled { name }),
    }
}

fn show(bar: &ProgressBar, Progress { state, position, head, rate, eta, .. }: &Progress) {
    bar.set_length(head.get());
    bar.set_position(position.get());
    let rate = if *rate < 1.0 { String::new() } else { format!(", {rate:.0} events/s") };
    let left = eta.map(|eta| format!(", {:.1} s left", eta.as_secs_f64())).unwrap_or_default();
    bar.set_message(format!("{state}{rate}{left}"));
}

/// Shown where there is a terminal to show it on.
fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:40} {pos} of {len} events, {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style).with_prefix(format!("rebuilding {name}"))
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, began_at, swapped_at } = self;
        write!(f, "rebuilt {name}: begun at event {began_at}, swapped at event {swapped_at}")
    }
}
