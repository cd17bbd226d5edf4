use std::{marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    BatchState, Blamed, Failed, Handler, Judged, Lease, Prepared, Taking, Trouble,
    guard::{decode, guarded},
};
use crate::{
    Position, Recorded, RecordedEvent,
    followers::{Batch, FailureKind, HandlerError, HandlerFailed, Make, Projection, Work},
};

/// The most bytes of payload that one batch holds.
const MAX_BYTES: usize = 4 << 20;

/// Keeps a batch of events for a [`Projection`], which takes them within the step.
pub(in crate::followers) struct Projecting<P: Projection<C>, C: ?Sized + Send> {
    state: BatchState,
    bytes: usize,
    limit: usize,
    creating: Creating<P>,
    handling: Handling<P, C>,
}

impl<P: Projection<C>, C: ?Sized + Send> Projecting<P, C> {
    pub(in crate::followers) fn new(projection: Arc<P>) -> Self {
        let options = projection.options();
        let creating = Creating { projection: Arc::clone(&projection), timeout: options.timeout };
        let handling = Handling {
            projection,
            timeout: options.timeout,
            events: Vec::new(),
            records: Vec::new(),
            connection: PhantomData,
        };
        let state = BatchState::default();
        Self { state, bytes: 0, limit: options.batch.max(1), creating, handling }
    }

    fn clear(&mut self) {
        (self.state, self.bytes) = (BatchState::default(), 0);
        self.handling.events.clear();
        self.handling.records.clear();
    }
}

#[async_trait]
impl<P: Projection<C>, C: ?Sized + Send + 'static> Handler<C> for Projecting<P, C> {
    fn make(&mut self) -> Make<'_, C> {
        Make::Work(&mut self.creating)
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
                    self.bytes += event.event.payload.as_str().len();
                    let decoded = decode(event).map_err(|(kind, reason)| {
                        Trouble::Failed(undecoded(self.state.taken, blamed.clone(), kind, reason))
                    })?;
                    for event in decoded {
                        self.handling.events.push(event);
                        self.handling.records.push(self.state.taken);
                    }
                    self.state.handled += 1;
                    self.state.first.get_or_insert(blamed);
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
        if self.bytes >= MAX_BYTES { 0 } else { self.limit.saturating_sub(self.state.taken) }
    }

    async fn prepare(&mut self, _: &(dyn Lease + '_)) -> Result<Prepared<'_, C>, Trouble> {
        let work: Option<&mut dyn Work<C>> =
            if self.handling.events.is_empty() { None } else { Some(&mut self.handling) };
        let (park, handled) = (&*self.state.park, self.state.handled);
        Ok(Prepared { rows: None, work, park, handled, ends_at: None })
    }

    fn committed(&mut self) {
        self.clear();
    }

    fn undone(&mut self) {
        self.clear();
    }
}

/// The event after `at` others, which could not be decoded.
pub(super) fn undecoded(
    at: usize,
    event: Blamed,
    kind: FailureKind,
    reason: HandlerError,
) -> Failed {
    let reason = HandlerFailed { at: None, kind, reason }.report();
    let event = Some(event);
    Failed { at: Some(at), is_alone: at == 0, can_be_parked: true, event, kind, reason }
}

struct Creating<P> {
    projection: Arc<P>,
    timeout: Duration,
}

#[async_trait]
impl<P: Projection<C>, C: ?Sized + Send> Work<C> for Creating<P> {
    async fn run(&mut self, connection: &mut C) -> Result<(), HandlerFailed> {
        guarded(self.timeout, self.projection.create(connection)).await
    }
}

struct Handling<P: Projection<C>, C: ?Sized + Send> {
    projection: Arc<P>,
    timeout: Duration,
    events: Vec<Recorded<P::Event>>,
    /// For each event the number of its record among those taken: an upcaster makes several of one.
    records: Vec<usize>,
    connection: PhantomData<fn(&C)>,
}

#[async_trait]
impl<P: Projection<C>, C: ?Sized + Send> Work<C> for Handling<P, C> {
    async fn run(&mut self, connection: &mut C) -> Result<(), HandlerFailed> {
        let batch = Batch::new(&self.events);
        let handled = guarded(self.timeout, self.projection.handle_batch(&batch, connection)).await;
        handled.map_err(|failed| {
            let at = batch.blamed().and_then(|index| self.records.get(index).copied());
            HandlerFailed { at, ..failed }
        })
    }
}
