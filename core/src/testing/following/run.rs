//! One run: a store, what happened, and processes that follow it until all is done.

use std::{collections::BTreeMap, panic::resume_unwind, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};

use super::{Following, Happened, Way, told};
use crate::{
    ExpectedVersion, FollowerStore, Followers, Position, Running, StreamAppend,
    followers::{FollowerBooks, Outcome},
    testing::Faulty,
};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a rebuild is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a run has left behind.
pub(super) struct Run<S, B> {
    pub(super) way: Way,
    store: S,
    beside: B,
    /// Of the store, and of what remains of processes that died; none only while this is dropped.
    runtime: Option<Runtime>,
}

impl<S: FollowerStore, B: Send + Sync> Run<S, B> {
    /// Runs to the end, or answers what kept it from that.
    pub(super) fn new(following: &Following<S, B>, way: Way) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(told)?;
        let beside = (following.beside)();
        let ran = on_a_thread(|| {
            let following = async {
                let store = (following.open)().await;
                follow(following, way, &store, &beside).await.map(|()| store)
            };
            let hangs = |_| Err(format!("it has not ended after {PATIENCE:?}"));
            runtime.block_on(async { timeout(PATIENCE, following).await.unwrap_or_else(hangs) })
        });
        match ran {
            Ok(store) => Ok(Self { way, store, beside, runtime: Some(runtime) }),
            Err(failed) => {
                runtime.shutdown_background();
                Err(format!("when {way}: {failed}"))
            }
        }
    }

    /// Looks at what it has left behind.
    pub(super) fn look<T: Send>(
        &self,
        look: &(impl AsyncFn(&S, &B) -> Result<T, String> + Sync),
    ) -> Result<T, String> {
        let runtime = self.runtime.as_ref().ok_or("the run is over")?;
        on_a_thread(|| runtime.block_on(look(&self.store, &self.beside)))
    }
}

impl<S, B> Drop for Run<S, B> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The test may be in a runtime of its own, where it may not wait for this one.
            runtime.shutdown_background();
        }
    }
}

/// Works on a thread of its own, which may block although the test may not. A panic goes on here.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Has one process after the other follow what happened, until one comes to the end.
async fn follow<S: FollowerStore, B>(
    following: &Following<S, B>,
    way: Way,
    store: &S,
    beside: &B,
) -> Result<(), String> {
    let times = append(store, &following.past).await?;
    let mut faulty = way.plan(Faulty::new(store.clone()).with_times(times));
    let process = Process { following, way, store, beside };
    loop {
        tokio::select! {
            ended = process.run(&faulty) => return ended,
            () = faulty.died() => {}
        }
        faulty = faulty.restarted().await.map_err(told)?;
    }
}

/// Appends what happened; answers when it was recorded, as followers are to be told.
async fn append<S: FollowerStore>(
    store: &S,
    past: &[Happened],
) -> Result<BTreeMap<Position, DateTime<Utc>>, String> {
    let (mut times, mut last) = (BTreeMap::new(), Position::START);
    for Happened { stream, events, at } in past {
        let append = StreamAppend::new(stream.clone(), ExpectedVersion::Any, events.clone());
        store.append(vec![append]).await.map_err(told)?;
        let head = store.head().await.map_err(told)?;
        times.extend((last.get() + 1..=head.get()).map(|position| (Position::new(position), *at)));
        last = head;
    }
    Ok(times)
}

/// What the processes of a run do, one after the other.
struct Process<'a, S: FollowerStore, B> {
    following: &'a Following<S, B>,
    way: Way,
    store: &'a S,
    beside: &'a B,
}

impl<S: FollowerStore, B> Process<'_, S, B> {
    async fn run(&self, faulty: &Faulty<S>) -> Result<(), String> {
        let mut followers = Followers::new(faulty.clone());
        for added in &self.following.followers {
            followers = (added.add)(followers, self.store, self.beside);
        }
        let running = followers.start().await.map_err(told)?;
        running.wait_until_live(PATIENCE).await.map_err(told)?;
        self.follow(&running).await?;
        if self.way.has_rebuild() {
            self.rebuild(&running).await?;
        }
        running.shutdown().await;
        Ok(())
    }

    /// Waits until each has followed everything, also what came of it.
    async fn follow(&self, running: &Running<Faulty<S>>) -> Result<(), String> {
        loop {
            let head = self.store.head().await.map_err(told)?;
            for name in self.following.names() {
                running.wait_for(name, head, PATIENCE).await.map_err(told)?;
                let follower = self.books(name).await?;
                if let Some(failure) =
                    follower.live.last_failure.filter(|_| follower.live.parked > 0)
                {
                    return Err(format!("follower {name} has parked events ({failure})"));
                }
            }
            if self.store.head().await.map_err(told)? == head {
                return Ok(());
            }
        }
    }

    /// Rebuilds what can be rebuilt, and waits until that serves. It goes on where a process that died was.
    async fn rebuild(&self, running: &Running<Faulty<S>>) -> Result<(), String> {
        for added in self.following.followers.iter().filter(|added| added.can_be_rebuilt) {
            let name = added.name;
            loop {
                let follower = self.books(name).await?;
                match (follower.shadow, follower.last_rebuild.map(|last| last.outcome)) {
                    (None, None) => {
                        running.follower(name).rebuild_verified().await.map_err(told)?;
                    }
                    (Some(shadow), _) => {
                        if let Some(failure) =
                            shadow.parts.into_iter().find_map(|part| part.stopped)
                        {
                            return Err(format!("the rebuild of {name} has stopped ({failure})"));
                        }
                        if let Some(failure) = shadow.last_failure.filter(|_| shadow.parked > 0) {
                            return Err(format!(
                                "the rebuild of {name} has parked events ({failure})"
                            ));
                        }
                        sleep(LOOK).await;
                    }
                    (None, Some(Outcome::Swapped)) => break,
                    (None, Some(Outcome::Compared(differences))) => {
                        return Err(format!("the rebuild of {name} differs: {differences}"));
                    }
                    (None, Some(other)) => {
                        return Err(format!(
                            "the rebuild of {name} did not come to serve: {other:?}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    async fn books(&self, name: &str) -> Result<FollowerBooks, String> {
        let books = self.store.books(None).await.map_err(told)?;
        let follower = books.followers.into_iter().find(|follower| follower.name == name);
        follower.ok_or_else(|| format!("the store does not know {name}"))
    }
}
