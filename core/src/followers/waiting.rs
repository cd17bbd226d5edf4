//! Waiting until a follower is somewhere: from memory if it runs here, from the books otherwise.

use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    FollowerStore, WaitError,
    member::{LiveBuild, Sight},
};
use crate::{Filter, Position, ReadAll, StoreError};

/// The books are asked after this pause at first, and after ten times as much in the end.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Who waits, and for what.
pub(super) struct Waiting<'a, S> {
    pub(super) store: &'a S,
    pub(super) name: &'a str,
    /// The version that this program declares.
    pub(super) version: u32,
    pub(super) filter: Filter,
    /// What this process knows about it, if it runs followers.
    pub(super) sight: Option<watch::Receiver<Sight>>,
}

impl<S: FollowerStore> Waiting<'_, S> {
    /// Waits until the live build has everything up to `wanted`.
    pub(super) async fn wait_for(
        mut self,
        wanted: Position,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let deadline = Instant::now() + timeout;
        let (mut reached, mut pause) = (Position::START, FIRST_PAUSE);
        loop {
            let known = self.sight.as_mut().map(|sight| sight.borrow_and_update().clone());
            let is_whole = known.as_ref().is_some_and(Sight::is_whole);
            if let Some(at) = known.as_ref().and_then(Sight::reached) {
                reached = reached.max(at);
                if at >= wanted {
                    return Ok(());
                }
            }
            if !is_whole {
                match timeout_at(deadline, self.ask(wanted)).await {
                    Ok(Ok(at)) if at >= wanted => return Ok(()),
                    Ok(Ok(at)) => reached = reached.max(at),
                    Ok(Err(error)) => return Err(error),
                    Err(_) => {}
                }
            }
            if Instant::now() >= deadline {
                let name = self.name.to_owned();
                return Err(WaitError::Timeout { name, wanted, reached, timeout });
            }
            let wake = if is_whole { deadline } else { deadline.min(Instant::now() + pause) };
            pause = (pause * 2).min(FIRST_PAUSE * 10);
            tokio::select! {
                () = sleep_until(wake) => {}
                () = changed(self.sight.as_mut()) => {}
            }
        }
    }

    /// Where the live build is, by the books.
    async fn ask(&self, wanted: Position) -> Result<Position, WaitError> {
        let books = self.store.books(None).await?;
        let follower = books.followers.iter().find(|follower| follower.name == self.name);
        let Some(follower) = follower else {
            return Err(WaitError::Unknown { name: self.name.to_owned() });
        };
        let live = LiveBuild::new(&books, follower);
        let reached = live.parts.values().map(|place| place.position).min().unwrap_or_default();
        if live.is_made && reached >= wanted {
            return Ok(reached);
        }
        self.check(&live)?;
        // A quiet follower's checkpoint is not written: nothing between may concern it.
        if live.is_made && self.is_quiet(reached, wanted).await? { Ok(wanted) } else { Ok(reached) }
    }

    fn check(&self, live: &LiveBuild) -> Result<(), WaitError> {
        if let Some(failure) = &live.stopped {
            let failure = Box::new(failure.clone());
            return Err(WaitError::Stopped { name: self.name.to_owned(), failure });
        }
        if live.version > self.version {
            let (declared, live) = (self.version, live.version);
            return Err(WaitError::Superseded { name: self.name.to_owned(), declared, live });
        }
        Ok(())
    }

    async fn is_quiet(&self, reached: Position, wanted: Position) -> Result<bool, StoreError> {
        if self.store.head().await? < wanted {
            return Ok(false);
        }
        let read = ReadAll::after(reached).up_to(wanted).with_filter(self.filter.clone());
        Ok(self.store.read_all(read.with_limit(1)).try_next().await?.is_none())
    }
}

/// Waits for news from this process; for ever if it runs no followers.
async fn changed(sight: Option<&mut watch::Receiver<Sight>>) {
    let changed = match sight {
        Some(sight) => sight.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}
