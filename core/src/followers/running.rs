use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{
    CommandRefused, Declaration, Follower, FollowerBooks, FollowerStore, MemberId, Outcome,
    Progress, ProgressState, Projection, Reactor, ReadModel, Reader, Start, StartError, WaitError,
    handler::{Folding, Handler, Projecting, Reacting},
    keeper::Keeper,
    member::{Followed, Member, Sight},
    waiting::Waiting,
};
use crate::{Filter, Position};

/// The followers of one program: add them, then [`start`](Self::start).
///
/// Every process of a program starts the same ones. Each follower, or each part of one that is divided, runs in
/// one of them at a time; when that process ends or dies, another takes over.
///
#[doc = include_str!("../docs/followers.md")]
pub struct Followers<S: FollowerStore> {
    store: S,
    followed: Vec<Followed<S::Connection>>,
    invalid: Option<StartError>,
    lease: Duration,
    name: String,
}

impl<S: FollowerStore> Followers<S> {
    /// No followers yet, of `store`.
    pub fn new(store: S) -> Self {
        let name = format!("process {}", std::process::id());
        Self { store, followed: vec![], invalid: None, lease: Duration::from_secs(10), name }
    }

    /// Adds a read model.
    #[must_use]
    pub fn read_model<M: ReadModel>(mut self) -> Self {
        let table = match M::columns().table() {
            Ok(table) => table,
            Err(source) => {
                let error = StartError::Columns { name: M::NAME.to_owned(), source };
                self.invalid.get_or_insert(error);
                return self;
            }
        };
        let handler = move || -> Box<dyn Handler<S::Connection>> {
            Box::new(Folding::<M>::new(table.clone()))
        };
        let declaration = Declaration::read_model::<M>();
        self.add::<M::Event>(declaration, Start::Beginning, M::options(), handler)
    }

    /// Adds a projection. It does not compile for a store that gives projections something else to write with.
    #[must_use]
    pub fn projection<P: Projection<S::Connection>>(self, projection: P) -> Self {
        let (declaration, options) = (Declaration::projection(&projection), projection.options());
        let projection = Arc::new(projection);
        let handler = move || -> Box<dyn Handler<S::Connection>> {
            Box::new(Projecting::new(Arc::clone(&projection)))
        };
        self.add::<P::Event>(declaration, Start::Beginning, options, handler)
    }

    /// Adds a reactor, which begins at `start` if the store does not know it yet.
    #[must_use]
    pub fn reactor<R: Reactor>(self, reactor: R, start: Start) -> Self {
        let declaration = Declaration::reactor(&reactor, Position::START);
        let (options, reactor) = (reactor.options(), Arc::new(reactor));
        let handler = move || -> Box<dyn Handler<S::Connection>> {
            Box::new(Reacting::new(Arc::clone(&reactor)))
        };
        self.add::<R::Event>(declaration, start, options, handler)
    }

    /// How long it takes at most until another process goes on where this one died; 10 s by default, and at
    /// least 100 ms. Ten times as often the process says that it is alive.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// What operators call this process; by default by its number.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Declares the followers, and runs those that fall to this process, in tasks of their own.
    ///
    /// # Errors
    /// When one of them cannot be what it is declared as, or the store failed; then nothing runs.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its time driver enabled.
    pub async fn start(self) -> Result<Running<S>, StartError> {
        let Self { store, mut followed, invalid, lease, name } = self;
        if let Some(error) = invalid {
            return Err(error);
        }
        let mut names = std::collections::HashSet::new();
        for Followed { declaration, .. } in &followed {
            if !names.insert(declaration.name) {
                return Err(StartError::NameTwice { name: declaration.name.to_owned() });
            }
        }
        for Followed { declaration, start, .. } in &mut followed {
            if *start == Start::Now {
                declaration.start = store.head().await?;
            }
            store.declare(declaration).await?;
        }
        let member = Arc::new(Member {
            store,
            id: MemberId::new(),
            name,
            lease,
            followed: followed.into_iter().map(Arc::new).collect(),
            good_until: watch::Sender::new(Instant::now()),
            nudge: Notify::new(),
        });
        member.first_beat().await?;
        let (stop, stopped) = watch::channel(false);
        let keeper = tokio::spawn(Keeper::new(Arc::clone(&member), stopped).run());
        Ok(Running { member, stop, keeper })
    }

    fn add<E: crate::Event>(
        mut self,
        declaration: Declaration,
        start: Start,
        options: super::Options,
        handler: impl Fn() -> Box<dyn Handler<S::Connection>> + Send + Sync + 'static,
    ) -> Self {
        self.followed.push(Followed {
            declaration,
            start,
            options,
            filter: Filter::of::<E>(),
            handler: Box::new(handler),
            sight: watch::Sender::new(Sight::default()),
        });
        self
    }
}

/// The followers of a program, running. Dropped, they end in the background after their steps; await
/// [`shutdown`](Self::shutdown) to know when.
#[must_use = "followers end when this is dropped"]
pub struct Running<S: FollowerStore> {
    member: Arc<Member<S>>,
    /// Told when this is dropped, too.
    stop: watch::Sender<bool>,
    keeper: JoinHandle<()>,
}

impl<S: FollowerStore> Running<S> {
    /// Reads the rows of `M`.
    #[must_use]
    pub fn reader<M: ReadModel>(&self) -> Reader<M, S> {
        let store = self.member.store.clone();
        match self.member.followed(M::NAME) {
            Some(followed) => Reader::with_sight(store, followed.sight.subscribe()),
            None => Reader::new(store),
        }
    }

    /// The follower `name`, to look after.
    #[must_use]
    pub fn follower(&self, name: impl Into<String>) -> Follower<S> {
        Follower::of(self.member.store.clone(), name.into(), Some(Arc::clone(&self.member)))
    }

    /// Waits until the follower `name`, one of those declared here, has taken in everything up to `position`.
    ///
    /// # Errors
    /// When that takes longer than `timeout`; at once when it has stopped in front of it, or another version
    /// took over.
    pub async fn wait_for(
        &self,
        name: &str,
        position: Position,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let Some(followed) = self.member.followed(name) else {
            return Err(WaitError::Unknown { name: name.to_owned() });
        };
        let waiting = Waiting {
            store: &self.member.store,
            name,
            version: followed.declaration.version,
            filter: followed.filter.clone(),
            sight: Some(followed.sight.subscribe()),
        };
        waiting.wait_for(position, timeout).await
    }

    /// Waits until each follower that is declared here serves in the version declared: after a deploy, until
    /// the rebuilds that it asked for are done.
    ///
    /// # Errors
    /// When that takes longer than `timeout`, with how far it is or what stands in its way; at once when a higher version serves.
    pub async fn wait_until_live(&self, timeout: Duration) -> Result<(), WaitError> {
        let deadline = Instant::now() + timeout;
        for followed in &self.member.followed {
            let declared = followed.declaration.version;
            let mut sight = followed.sight.subscribe();
            let is_known = |sight: &Sight| {
                sight.live.as_ref().is_some_and(|live| live.is_made && live.version >= declared)
            };
            let known = timeout_at(deadline, sight.wait_for(is_known)).await;
            let name = followed.declaration.name.to_owned();
            let live = known.ok().and_then(Result::ok);
            match live.and_then(|sight| sight.live.as_ref().map(|live| live.version)) {
                Some(live) if live == declared => {}
                Some(live) => return Err(WaitError::Superseded { name, declared, live }),
                None => return Err(self.not_live(name, declared, timeout).await),
            }
        }
        Ok(())
    }

    /// Why the version that is declared does not serve after `timeout`.
    async fn not_live(&self, name: String, declared: u32, timeout: Duration) -> WaitError {
        let standing = match self.follower(&name).standing().await {
            Ok(standing) => standing,
            Err(CommandRefused::Store(error)) => return error.into(),
            Err(_) => return WaitError::Unknown { name },
        };
        let FollowerBooks { live, last_rebuild, .. } = &standing.follower;
        let last = last_rebuild.as_ref().filter(|last| last.version == declared);
        let stopped = || live.parts.iter().find_map(|part| part.stopped.clone());
        let state = match (standing.progress(), last.map(|last| &last.outcome)) {
            (Some(Progress { state: ProgressState::Failed(failure), .. }), _) => {
                return WaitError::Stopped { name, failure };
            }
            (Some(progress), _) => progress.state.to_string(),
            (None, Some(Outcome::Refused(dependents))) => {
                let dependents: Vec<_> = dependents.iter().map(ToString::to_string).collect();
                format!("its rebuild would not be swapped, because of {}", dependents.join(", "))
            }
            (None, Some(_)) => "its rebuild was ended before it served".to_owned(),
            (None, None) => match stopped() {
                Some(failure) => return WaitError::Stopped { name, failure: Box::new(failure) },
                None => "its tables are not made yet".to_owned(),
            },
        };
        WaitError::NotLive { name, declared, state, timeout }
    }

    /// Ends after the steps that are being made, and gives the followers to other processes.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        // The keeper does not panic; if it did, the lease would run out.
        let _ended = self.keeper.await;
    }
}

impl<S: FollowerStore> fmt::Debug for Followers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.followed.iter().map(|one| one.declaration.name).collect();
        f.debug_struct("Followers")
            .field("followers", &names)
            .field("lease", &self.lease)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S: FollowerStore> fmt::Debug for Running<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("member", &self.member.id)
            .field("name", &self.member.name)
            .finish_non_exhaustive()
    }
}
