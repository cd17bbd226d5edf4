//! Who keeps a flight going: the command that started it, while nobody else waits for it; else a task of its own.
//!
//! A command alone is the common case, and there a task for its flight has the runtime wake a second thread: three switches of
//! threads for a command instead of one.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::{
    runtime::Handle,
    sync::oneshot::{Receiver, error::TryRecvError},
};

use super::entity::{Entity, Fate};
use crate::Aggregate;

pub(super) type Flying = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The flight that a command carries, where everybody can have it go on without that command.
#[derive(Default)]
pub(super) struct InHand {
    carried: Mutex<Option<Carried>>,
    next_number: AtomicU64,
}

struct Carried {
    /// Whose it is.
    number: u64,
    flight: Flying,
    carrier: Waker,
    runtime: Handle,
}

impl InHand {
    fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    fn put(&self, carried: Carried) {
        *self.carried() = Some(carried);
    }

    fn take(&self, number: u64) -> Option<Carried> {
        self.carried().take_if(|carried| carried.number == number)
    }

    /// Has the flight go on by itself, whoever carries it.
    fn let_go(&self) {
        let carried = self.carried().take();
        if let Some(carried) = carried {
            carried.go_on();
        }
    }

    fn carried(&self) -> MutexGuard<'_, Option<Carried>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carried {
    /// In a task of its own. Its carrier waits from now on as everybody does.
    fn go_on(self) {
        self.runtime.spawn(self.flight);
        self.carrier.wake();
    }
}

/// Whoever was to tell is gone: with its runtime, or in a panic.
#[derive(Debug, thiserror::Error)]
#[error("the task that was to bring the answer has ended without it")]
pub(super) struct Lost;

/// A command that waits for its fate, and carries the flight that it has started, if any. Whoever is dropped, or not
/// polled for a while, keeps nobody else waiting.
pub(super) struct Carrier<A> {
    entity: Arc<Entity<A>>,
    /// Tells its flight from those of others.
    number: u64,
    /// Its flight, which was not polled yet.
    started: Option<Flying>,
}

impl<A: Aggregate> Carrier<A> {
    pub(super) fn new(entity: &Arc<Entity<A>>, started: Option<Flying>) -> Self {
        if started.is_none() {
            entity.in_hand.let_go();
        }
        Self { entity: Arc::clone(entity), number: entity.in_hand.next_number(), started }
    }

    pub(super) async fn wait(mut self, mut fate: Receiver<Fate>) -> Result<Fate, Lost> {
        poll_fn(|cx| {
            if !self.carries_on(cx) {
                return Pin::new(&mut fate).poll(cx).map_err(|_| Lost);
            }
            // Not polled: a flight that lands in these hands would wake this very task, which is awake.
            match fate.try_recv() {
                Ok(fate) => Poll::Ready(Ok(fate)),
                Err(TryRecvError::Empty) => Poll::Pending,
                Err(TryRecvError::Closed) => Poll::Ready(Err(Lost)),
            }
        })
        .await
    }

    /// Polls the flight, if it is in these hands, and says whether it still is.
    fn carries_on(&mut self, cx: &mut Context<'_>) -> bool {
        let in_hand = &self.entity.in_hand;
        let number = self.number;
        let carried = || in_hand.take(number).map(|carried| carried.flight);
        let Some(mut flight) = self.started.take().or_else(carried) else { return false };
        if flight.as_mut().poll(cx).is_ready() {
            return false;
        }
        let (carrier, runtime) = (cx.waker().clone(), Handle::current());
        in_hand.put(Carried { number, flight, carrier, runtime });
        // They may have come while it was polled, and found nothing.
        if self.entity.is_shared() {
            in_hand.let_go();
        }
        true
    }
}

impl<A> Drop for Carrier<A> {
    fn drop(&mut self) {
        if let Some(carried) = self.entity.in_hand.take(self.number) {
            carried.go_on();
        }
    }
}
