//! One way to the store and back, for all commands on an entity that wait for it.

use std::{error::Error, mem, sync::Arc, time::Duration};

use tokio::task::yield_now;

use super::{
    RetryPolicy,
    append::append_once,
    carrier::{Carrier, Flying},
    entity::{Entity, Fate, Waiting},
    load::Shared,
    retry::pause,
    snapshots::Snapshots,
};
use crate::{Aggregate, AppendError, EventStore, Position, StoreError, StreamAppend, StreamId};

/// How an entity's stream is reached.
#[derive(Clone)]
pub(super) struct Route<A> {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) stream: StreamId,
    pub(super) retry: RetryPolicy,
    pub(super) snapshots: Snapshots<A>,
}

/// Appends what its passengers have decided, or reads what is new if they have decided on nothing to append.
pub(super) struct Flight<A: Aggregate> {
    route: Route<A>,
    entity: Arc<Entity<A>>,
    passengers: Vec<Waiting<A>>,
    /// The state that they have decided on, one after the other.
    stored: Shared<A>,
    is_over: bool,
}

impl<A: Aggregate> Flight<A> {
    /// Takes those along who wait for `entity`, unless a flight is on its way.
    pub(super) fn start(entity: &Arc<Entity<A>>, route: &Route<A>) -> Carrier<A> {
        let flight = entity.take_off().map(|(passengers, stored)| {
            let (route, entity) = (route.clone(), Arc::clone(entity));
            let flight = Self { route, entity, passengers, stored, is_over: false };
            Box::pin(flight.fly()) as Flying
        });
        Carrier::new(entity, flight)
    }

    async fn fly(mut self) {
        loop {
            let passengers = self.passengers.len();
            if self.passengers.iter().any(Waiting::has_events) {
                self.append().await;
            } else {
                self.read().await;
            }
            if passengers > 1 || self.entity.is_waited_for() {
                // Those who were answered together are about to ask again: they go before this task.
                yield_now().await;
            }
            let Some((passengers, stored)) = self.entity.take_off_again() else { break };
            (self.passengers, self.stored) = (passengers, stored);
        }
        self.is_over = true;
    }

    async fn append(&mut self) {
        let (stream, before) = (self.route.stream.clone(), self.stored.version);
        let events = self.passengers.iter().flat_map(|one| &one.events).cloned().collect();
        let append = StreamAppend::new(stream, before, events);
        let mut pauses = pauses(&self.route.retry, &self.passengers);
        let appended = append_once(&*self.route.store, append, before, &mut pauses).await;
        drop(pauses);
        let passengers = mem::take(&mut self.passengers);
        match appended {
            Ok(appended) => self.has_appended(passengers, appended.position),
            Err(AppendError::Conflict(conflict)) => {
                self.entity.fell(Some(conflict.actual));
                tell_of_failure(passengers, || Some(Fate::Conflict(conflict.clone())));
            }
            Err(AppendError::Store(error)) => self.has_failed(passengers, error),
        }
    }

    /// All that was decided is stored, and this is the position of its last event.
    fn has_appended(&self, passengers: Vec<Waiting<A>>, position: Position) {
        let Some(Waiting { after, .. }) = passengers.last() else { return };
        let are_new = passengers.iter().any(|one| one.has_events() && one.has_new_ids);
        let (state, version) = (Arc::clone(&after.state), after.version);
        let stored = are_new.then_some(Shared { state, version, position });
        if let Some(stored) = &stored {
            self.entity.appended(stored.clone());
        } else {
            // The store may have found these ids, with what somebody else has decided under the same keys.
            self.entity.fell(None);
        }
        for one in passengers {
            let is_old = one.after.version == self.stored.version;
            let fate = if !are_new && !one.has_events() {
                Fate::Void(None)
            } else {
                Fate::Stands(if is_old { self.stored.position } else { position })
            };
            one.tell(fate);
        }
        if let Some(stored) = stored {
            self.route.snapshots.consider(&self.route.stream, &self.entity, &stored);
        }
    }

    fn has_failed(&self, passengers: Vec<Waiting<A>>, error: StoreError) {
        let concerned = passengers.iter().filter(|one| one.has_events()).count();
        let is_due_to_one = matches!(error, StoreError::Refused(_) | StoreError::Failed(_));
        if is_due_to_one && concerned > 1 {
            self.entity.part(passengers);
        } else {
            self.entity.fell(None);
            let mut errors = Errors::new(error, concerned);
            tell_of_failure(passengers, || errors.next().map(Fate::Failed));
        }
    }

    async fn read(&mut self) {
        let mut pauses = pauses(&self.route.retry, &self.passengers);
        let read = loop {
            let Route { store, stream, snapshots, .. } = &self.route;
            let from = self.stored.clone();
            let error = match snapshots.load(&**store, stream, &self.entity, from).await {
                Err(error) if error.is_transient() => error,
                read => break read,
            };
            if let Err(error) = pause(&mut pauses, error).await {
                break Err(error);
            }
        };
        drop(pauses);
        let passengers = mem::take(&mut self.passengers);
        match read {
            Ok(read) => {
                let (version, position) = (read.version, read.position);
                let is_news = self.entity.read(read);
                for one in passengers {
                    one.tell(if is_news {
                        Fate::Void(Some(version))
                    } else {
                        Fate::Stands(position)
                    });
                }
            }
            Err(error) => {
                let mut errors = Errors::new(error, passengers.len());
                for one in passengers {
                    one.tell(errors.next().map_or(Fate::Void(None), Fate::Failed));
                }
            }
        }
    }
}

/// A flight that ends early, with its runtime or in a panic, leaves nobody waiting. Its passengers learn that they are
/// not answered.
impl<A: Aggregate> Drop for Flight<A> {
    fn drop(&mut self) {
        if !self.is_over {
            self.entity.crashed();
        }
    }
}

/// The pauses before further tries, for as long as somebody waits for the outcome.
fn pauses<A: Aggregate>(
    retry: &RetryPolicy,
    passengers: &[Waiting<A>],
) -> impl Iterator<Item = Duration> + Send {
    retry.pauses().take_while(|_| !passengers.iter().all(Waiting::is_gone))
}

/// Tells those who wanted to append, and has the others decide anew, as their decisions may rest on those.
fn tell_of_failure<A>(passengers: Vec<Waiting<A>>, mut failure: impl FnMut() -> Option<Fate>) {
    for one in passengers {
        let failure = one.has_events().then(&mut failure).flatten();
        one.tell(failure.unwrap_or(Fate::Void(None)));
    }
}

/// An error for each of those that it concerns: the same cause for all; or, if it cannot be shared, only for the first,
/// and the others find out by themselves.
enum Errors {
    Same(fn(Source) -> StoreError, Arc<dyn Error + Send + Sync>),
    Once(Option<StoreError>),
}

type Source = Box<dyn Error + Send + Sync>;

impl Errors {
    fn new(error: StoreError, concerned: usize) -> Self {
        match error {
            error if concerned < 2 => Self::Once(Some(error)),
            StoreError::Unavailable(source) => Self::Same(StoreError::Unavailable, source.into()),
            StoreError::OutcomeUnknown(source) => {
                Self::Same(StoreError::OutcomeUnknown, source.into())
            }
            StoreError::Failed(source) => Self::Same(StoreError::Failed, source.into()),
            error => Self::Once(Some(error)),
        }
    }

    fn next(&mut self) -> Option<StoreError> {
        match self {
            Self::Same(error, source) => Some(error(Box::new(Arc::clone(source)))),
            Self::Once(error) => error.take(),
        }
    }
}
