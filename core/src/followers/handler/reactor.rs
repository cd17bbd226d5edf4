use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;

use super::{
    BatchState, Blamed, Failed, Handler, Judged, Lease, Prepared, Taking, Trouble,
    guard::{decode, guarded},
    projection::undecoded,
};
use crate::{
    Position, Recorded, RecordedEvent,
    followers::{HandlerFailed, Make, Options, Park, Reaction, Reactor, Work},
};

/// The most events whose reactions one step covers: as many come again after a crash.
const LIMIT: usize = 32;

/// Runs a [`Reactor`] before the step, which only moves the checkpoint.
pub(in crate::followers) struct Reacting<R: Reactor> {
    reactor: Arc<R>,
    options: Options,
    state: BatchState,
    waiting: VecDeque<Reacted<R::Event>>,
    /// Up to here all was reacted to.
    done: Option<Position>,
    handled: u64,
    /// An event that failed after others had been reacted to, which had to be committed first.
    failed: Option<(Position, HandlerFailed)>,
    nothing: Nothing,
}

/// An event to react to.
struct Reacted<E> {
    blamed: Blamed,
    events: Vec<Recorded<E>>,
}

impl<R: Reactor> Reacting<R> {
    pub(in crate::followers) fn new(reactor: Arc<R>) -> Self {
        Self {
            options: reactor.options(),
            reactor,
            state: BatchState::default(),
            waiting: VecDeque::new(),
            done: None,
            handled: 0,
            failed: None,
            nothing: Nothing,
        }
    }

    fn clear(&mut self) {
        self.state = BatchState::default();
        self.waiting.clear();
        (self.done, self.handled) = (None, 0);
    }

    async fn react(&self, reacted: &Reacted<R::Event>) -> Result<(), HandlerFailed> {
        let Some(first) = reacted.events.first() else { return Ok(()) };
        // One for all that was made of the record, so that no two commands have one key.
        let cx = Reaction::new(R::NAME, first);
        let all = async {
            for event in &reacted.events {
                self.reactor.react(event, &cx).await?;
            }
            Ok(())
        };
        guarded(self.options.timeout, all).await
    }
}

#[async_trait]
impl<R: Reactor, C: ?Sized + Send> Handler<C> for Reacting<R> {
    fn make(&mut self) -> Make<'_, C> {
        Make::Work(&mut self.nothing)
    }

    fn begin(&mut self, _: Position, _: bool) {}

    async fn take(&mut self, events: Vec<RecordedEvent>, cx: &Taking<'_>) -> Result<(), Trouble> {
        for event in events {
            let sequence = event.stream.as_str().to_owned();
            match cx.judge(&sequence, event.position) {
                Judged::Pass => continue,
                Judged::Park => self.state.park.push(cx.park(&sequence, &event)),
                Judged::Handle => {
                    let blamed = Blamed::new(&event, sequence);
                    let events = decode(event).map_err(|(kind, reason)| {
                        Trouble::Failed(undecoded(self.state.taken, blamed.clone(), kind, reason))
                    })?;
                    self.state.handled += 1;
                    self.state.first.get_or_insert_with(|| blamed.clone());
                    self.waiting.push_back(Reacted { blamed, events });
                }
            }
            self.state.taken += 1;
        }
        Ok(())
    }

    fn batch(&self) -> &BatchState {
        &self.state
    }

    fn room(&self) -> usize {
        LIMIT.saturating_sub(self.state.taken)
    }

    async fn prepare(&mut self, lease: &(dyn Lease + '_)) -> Result<Prepared<'_, C>, Trouble> {
        let mut ends_at = None;
        while let Some(reacted) = self.waiting.pop_front() {
            let position = reacted.blamed.position;
            let known = self.failed.take().filter(|(at, _)| *at == position);
            // Nothing but the lease keeps two processes from reacting at once. It is asked once: it may end at any moment,
            // and a step that ends nowhere would pass over all that waits.
            let outcome = match known {
                Some((_, failed)) => Err(failed),
                None if lease.is_good() => self.react(&reacted).await,
                None => match self.done {
                    None => return Err(Trouble::Lease),
                    done => {
                        ends_at = done;
                        break;
                    }
                },
            };
            match outcome {
                Ok(()) => (self.done, self.handled) = (Some(position), self.handled + 1),
                Err(failed) if self.handled == 0 => {
                    return Err(Trouble::Failed(Failed {
                        at: Some(0),
                        is_alone: true,
                        can_be_parked: true,
                        event: Some(reacted.blamed),
                        kind: failed.kind,
                        reason: failed.report(),
                    }));
                }
                Err(failed) => {
                    self.failed = Some((position, failed));
                    ends_at = self.done;
                    break;
                }
            }
        }
        if let Some(end) = ends_at {
            self.state.park.retain(|park: &Park| park.position <= end);
        }
        let (park, handled) = (&*self.state.park, self.handled);
        Ok(Prepared { rows: None, work: None, park, handled, ends_at })
    }

    fn committed(&mut self) {
        self.clear();
    }

    fn undone(&mut self) {
        self.clear();
    }
}

/// A reactor has no tables.
struct Nothing;

#[async_trait]
impl<C: ?Sized + Send> Work<C> for Nothing {
    async fn run(&mut self, _: &mut C) -> Result<(), HandlerFailed> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
