use std::{fmt, num::NonZeroU16, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::sleep;

use super::{
    BuildId, Command, CommandRefused, Differences, Failure, FollowerBooks, FollowerStatus,
    FollowerStore, Outcome, ParkedEvent, Progress, ProgressState, Verify, VerifyError,
    member::Member, standing::Standing,
};
use crate::StoreError;

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A follower, to look after from any process, also from one that runs none: [`FollowerStoreExt::follower`].
///
/// What it is told is kept in the store, and is done by whoever runs it.
///
/// ```no_run
/// # use annals::{FollowerStore, FollowerStoreExt, TryStreamExt};
/// # async fn rebuild<S: FollowerStore>(store: S) -> Result<(), Box<dyn std::error::Error>> {
/// let customers = store.follower("customers");
/// customers.rebuild().await?;
/// let mut progress = customers.progress();
/// while let Some(progress) = progress.try_next().await? {
///     println!("{progress}");
/// }
/// println!("{}", customers.status().await?);
/// # Ok(())
/// # }
/// ```
pub struct Follower<S: FollowerStore> {
    store: S,
    name: String,
    /// If this process runs followers, its keeper need not wait for the next beat.
    member: Option<Arc<Member<S>>>,
}

/// What users do with every [`FollowerStore`]: look after its followers.
///
/// ```
/// # use annals::{CommandRefused, FollowerStoreExt, MemoryStore};
/// # #[tokio::main]
/// # async fn main() {
/// let store = MemoryStore::new();
/// let refused = store.follower("customers").pause().await;
/// assert!(matches!(refused, Err(CommandRefused::Unknown { .. })), "nobody has started it yet");
/// # }
/// ```
pub trait FollowerStoreExt: FollowerStore {
    /// The follower `name`.
    fn follower(&self, name: impl Into<String>) -> Follower<Self> {
        Follower::of(self.clone(), name.into(), None)
    }
}

impl<S: FollowerStore> FollowerStoreExt for S {}

impl<S: FollowerStore> Follower<S> {
    pub(super) fn of(store: S, name: String, member: Option<Arc<Member<S>>>) -> Self {
        Self { store, name, member }
    }

    /// How it gets on.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn status(&self) -> Result<FollowerStatus, CommandRefused> {
        let standing = self.standing().await?;
        let mut status = standing.status();
        let followed = self.member.as_ref().and_then(|member| member.followed(&self.name));
        let declared = followed.map(|followed| (followed.declaration.version, &followed.filter));
        standing.add_lag(&self.store, declared, &mut status).await?;
        Ok(status)
    }

    /// Rests: once this has answered, no step of it is committed until [`resume`](Self::resume). What a reactor is doing, it does
    /// to the end, and begins nothing more once its process has heard of this with its next sign of life.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn pause(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::Pause).await
    }

    /// Goes on after [`pause`](Self::pause), and wherever it has stopped.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn resume(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::Resume).await
    }

    /// Builds it anew from the first event, beside what serves, and swaps when that has caught up. It answers
    /// once that is on the books; [`progress`](Self::progress) tells how it goes.
    ///
    /// # Errors
    /// When it is being rebuilt, is a reactor, something would stand in the way of the swap, or the store
    /// failed.
    pub async fn rebuild(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::Rebuild { verify: None }).await
    }

    /// As [`rebuild`](Self::rebuild), and swaps only what does not differ from what serves. If it differs, that
    /// is [`FollowerStatus::last_rebuild`]. While events of it are parked, it is compared on [`swap`](Self::swap) only.
    ///
    /// # Errors
    /// As [`rebuild`](Self::rebuild); also when the declared version is not the one that serves.
    pub async fn rebuild_verified(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::Rebuild { verify: Some(Verify::SwapIfEqual) }).await
    }

    /// Swaps, although events of the rebuild are parked; one that is verified, unless it differs.
    ///
    /// # Errors
    /// When it is not being rebuilt, or the store failed.
    pub async fn swap(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::Swap).await
    }

    /// Ends the rebuild that is under way; what serves goes on.
    ///
    /// # Errors
    /// When it is not being rebuilt, or the store failed.
    pub async fn cancel_rebuild(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::EndRebuild { build: None, outcome: Outcome::Cancelled }).await
    }

    /// Builds it anew from the first event, answers how that differs from what serves at one position, and drops
    /// it. It takes as long as a rebuild; dropped, the comparison goes on by itself.
    ///
    /// # Errors
    /// When it cannot be rebuilt, the rebuild stopped or was cancelled, or the store failed.
    pub async fn verify(&self) -> Result<Differences, VerifyError> {
        let before = self.books().await?;
        self.tell(&Command::Rebuild { verify: Some(Verify::Report) }).await?;
        let known = before.last_rebuild.and_then(|last| last.build);
        loop {
            let now = self.books().await?;
            let cancelled = || VerifyError::Cancelled { name: self.name.clone() };
            match (&now.shadow, now.last_rebuild) {
                (Some(shadow), _) => {
                    if let Some(failure) = shadow.parts.iter().find_map(|part| part.stopped.clone())
                    {
                        let failure = Box::new(failure);
                        return Err(VerifyError::Stopped { name: self.name.clone(), failure });
                    }
                }
                (None, Some(last)) if last.build != known => {
                    return match last.outcome {
                        Outcome::Compared(differences) => Ok(differences),
                        _ => Err(cancelled()),
                    };
                }
                (None, _) => return Err(cancelled()),
            }
            sleep(LOOK).await;
        }
    }

    /// How the rebuild that is under way gets on, until it has ended or stopped; nothing if there is none. An
    /// error is the last item.
    #[must_use]
    pub fn progress(&self) -> BoxStream<'static, Result<Progress, StoreError>> {
        let follower = Self::of(self.store.clone(), self.name.clone(), None);
        let watching = Watching { follower, last: None, is_over: false };
        stream::unfold(watching, |mut watching| async move {
            let item = watching.next().await.transpose()?;
            watching.is_over |= item.is_err();
            Some((item, watching))
        })
        .boxed()
    }

    /// Divides it into `parts` parts, which spread over the processes that run it: a read model by the keys of
    /// its rows, the others by stream.
    ///
    /// # Errors
    /// When it is being rebuilt, has stopped, has not passed the last division yet, or the store failed.
    pub async fn repartition(&self, parts: NonZeroU16) -> Result<(), CommandRefused> {
        self.tell(&Command::Repartition(parts)).await
    }

    /// The events that are put aside in what serves, by key or stream, in order.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn parked(&self) -> Result<Vec<ParkedEvent>, CommandRefused> {
        let live = self.books().await?.live.id;
        Ok(self.store.parked(live).await?)
    }

    /// The failures of what serves, latest first, at most `limit`.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn failures(&self, limit: u32) -> Result<Vec<Failure>, CommandRefused> {
        let live = self.books().await?.live.id;
        Ok(self.store.failures(live, limit).await?)
    }

    /// Tries all parked events again: those of one key or stream in order, up to the first that fails.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn retry_parked(&self) -> Result<(), CommandRefused> {
        self.tell(&Command::RetryParked { sequence: None }).await
    }

    /// Tries the parked events of one key or stream again.
    ///
    /// # Errors
    /// When the store knows no such follower, or failed.
    pub async fn retry_parked_of(&self, sequence: impl Into<String>) -> Result<(), CommandRefused> {
        self.tell(&Command::RetryParked { sequence: Some(sequence.into()) }).await
    }

    async fn tell(&self, command: &Command) -> Result<(), CommandRefused> {
        self.store.command(&self.name, command).await?;
        if let Some(member) = &self.member {
            member.nudge.notify_one();
        }
        Ok(())
    }

    async fn books(&self) -> Result<FollowerBooks, CommandRefused> {
        Ok(self.standing().await?.follower)
    }

    pub(super) async fn standing(&self) -> Result<Standing, CommandRefused> {
        let head = self.store.head().await?;
        let books = self.store.books(None).await?;
        Standing::new(books, &self.name, head)
            .ok_or_else(|| CommandRefused::Unknown { name: self.name.clone() })
    }
}

impl<S: FollowerStore> fmt::Debug for Follower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A rebuild that somebody watches.
struct Watching<S: FollowerStore> {
    follower: Follower<S>,
    last: Option<Progress>,
    is_over: bool,
}

impl<S: FollowerStore> Watching<S> {
    /// The next progress that differs from the last one.
    async fn next(&mut self) -> Result<Option<Progress>, StoreError> {
        while !self.is_over {
            let standing = match self.follower.standing().await {
                Ok(standing) => standing,
                Err(CommandRefused::Store(error)) => return Err(error),
                Err(_) => return Ok(None),
            };
            let watched = self.last.as_ref().map(|progress| progress.build);
            let now = standing.progress();
            let progress = match (watched, now) {
                (None, None) => return Ok(None),
                (Some(build), now) if now.as_ref().map(|now| now.build) != Some(build) => {
                    self.last.take().map(|last| ended(&standing, build, last))
                }
                (_, now) => now,
            };
            if let Some(progress) = progress.filter(|progress| self.last.as_ref() != Some(progress))
            {
                use ProgressState::{Ended, Failed, Swapped};
                self.is_over = matches!(progress.state, Swapped | Ended | Failed(_));
                self.last = Some(progress.clone());
                return Ok(Some(progress));
            }
            sleep(LOOK).await;
        }
        Ok(None)
    }
}

fn ended(standing: &Standing, build: BuildId, last: Progress) -> Progress {
    let is_live = standing.follower.live.id == build;
    let state = if is_live { ProgressState::Swapped } else { ProgressState::Ended };
    Progress { state, eta: None, ..last }
}
