use std::time::Duration;

use super::Span;
use crate::{
    Position,
    followers::{Claim, NotedFailure, PartId},
};

/// A part that runs here: what happens to it, from its claim to its end.
pub(crate) struct ObservedPart {
    follower: &'static str,
    part: PartId,
    is_live: bool,
    /// The step that is being made.
    step: Option<ObservedStep>,
    has_stopped: bool,
}

/// A step, from its first event to the answer of its commit.
struct ObservedStep {
    from: Position,
    span: Span,
    #[cfg(feature = "metrics")]
    began: std::time::Instant,
}

/// An event about a part, with what tells the part from others.
#[cfg(feature = "tracing")]
macro_rules! tell {
    ($part:expr, $level:ident, $($what:tt)+) => {
        tracing::event!(
            target: "annals::followers",
            tracing::Level::$level,
            follower = $part.follower,
            part = $part.part.part,
            build = $part.part.build.get(),
            $($what)+
        )
    };
}

/// A counter of a part.
#[cfg(feature = "metrics")]
macro_rules! count {
    ($part:expr, $name:literal $(, $key:literal => $value:expr)*) => {
        metrics::counter!(
            $name,
            "follower" => $part.follower,
            "part" => $part.part.part.to_string(),
            "build" => $part.build()
            $(, $key => $value)*
        )
    };
}

impl ObservedPart {
    /// It was claimed.
    pub(crate) fn claimed(follower: &'static str, claim: &Claim) -> Self {
        let Claim { part, is_live, position, fence, .. } = *claim;
        let observed = Self { follower, part, is_live, step: None, has_stopped: false };
        traced! { tell!(observed, INFO, is_live, position = position.get(), fence, "claimed"); }
        observed
    }

    /// Whether its build serves.
    pub(crate) fn is_live(&mut self, is_live: bool) {
        self.is_live = is_live;
    }

    /// The first event of a step is there; the last step ended at `from`.
    pub(crate) fn step_begins(&mut self, from: Position) {
        #[cfg(feature = "tracing")]
        let span = Span::new(tracing::info_span!(
            target: "annals::followers",
            parent: None,
            "step",
            follower = self.follower,
            part = self.part.part,
            build = self.part.build.get(),
            from = from.get(),
            to = tracing::field::Empty,
            events = tracing::field::Empty,
            outcome = tracing::field::Empty,
        ));
        #[cfg(not(feature = "tracing"))]
        let span = Span::none();
        self.step = Some(ObservedStep {
            from,
            span,
            #[cfg(feature = "metrics")]
            began: std::time::Instant::now(),
        });
    }

    /// What the step is made in.
    pub(crate) fn step(&self) -> Span {
        self.step.as_ref().map_or_else(Span::none, |step| step.span.clone())
    }

    /// It handled `events` and put `parked` aside, and the checkpoint is at `to`.
    pub(crate) fn step_committed(&mut self, to: Position, events: u64, parked: usize) {
        let Some(step) = self.step.take() else { return };
        traced! {
            step.span.within(|span| {
                span.record("to", to.get());
                span.record("events", events);
                span.record("outcome", "committed");
            });
        }
        counted! {
            count!(self, "annals_follower_batches_total").increment(1);
            count!(self, "annals_follower_events_total").increment(events);
            if parked > 0 {
                count!(self, "annals_follower_parked_total").increment(parked as u64);
            }
            metrics::histogram!(
                "annals_follower_step_duration_seconds",
                "follower" => self.follower,
                "part" => self.part.part.to_string(),
                "build" => self.build()
            )
            .record(step.began.elapsed());
        }
    }

    /// Nothing of it concerned the part, so nothing was to be committed.
    pub(crate) fn step_passed(&mut self, to: Position) {
        let step = self.step.take();
        traced! {
            let Some(step) = step else { return };
            step.span.within(|span| {
                span.record("to", to.get());
                span.record("events", 0);
                span.record("outcome", "passed");
            });
        }
    }

    /// It was undone, to be made again in smaller steps.
    pub(crate) fn step_cut(&mut self) {
        self.step_ends("cut");
    }

    /// An event failed by itself, and that is written down.
    pub(crate) fn failed(&mut self, failure: &NotedFailure) {
        let NotedFailure { position, sequence, kind, reason, stops, .. } = failure;
        self.has_stopped = *stops;
        traced! {
            let span = self.step();
            span.within(|_| {
                let (position, kind) = (position.get(), kind.as_str());
                tell!(self, WARN, position, sequence, kind, reason, "failed");
                if *stops {
                    tell!(self, ERROR, position, sequence, kind, reason, "stopped");
                }
            });
        }
        counted! {
            count!(self, "annals_follower_failures_total", "kind" => kind.as_str()).increment(1);
        }
        self.step_ends("failed");
    }

    /// What failed is tried again after `pause`.
    pub(crate) fn retrying(&self, position: Position, pause: Duration) {
        traced! {
            let pause_seconds = pause.as_secs_f64();
            tell!(self, INFO, position = position.get(), pause_seconds, "retrying");
        }
        counted! { count!(self, "annals_follower_retries_total").increment(1); }
    }

    /// What failed is put aside by the next step, and so is what comes after it in its sequence.
    pub(crate) fn parking(&self, position: Position, sequence: &str) {
        traced! { tell!(self, WARN, position = position.get(), sequence, "parked"); }
    }

    /// An event that was put aside has been handled, in a step of its own.
    pub(crate) fn settled(&mut self, position: Position, sequence: &str, events: u64) {
        traced! {
            let span = self.step();
            span.within(|_| tell!(self, INFO, position = position.get(), sequence, "settled"));
        }
        let at = self.step.as_ref().map_or(position, |step| step.from);
        self.step_committed(at, events, 0);
    }

    /// The store failed, not the follower.
    pub(crate) fn interrupted(&mut self, reason: &str) {
        traced! {
            let span = self.step();
            span.within(|_| tell!(self, WARN, reason, "interrupted"));
        }
        counted! { count!(self, "annals_follower_interruptions_total").increment(1); }
        self.step_ends("interrupted");
    }

    /// It runs here no more, because it was given back, or else because it was taken away. One that has stopped was
    /// told of already.
    pub(crate) fn ended(&mut self, is_released: bool, position: Position) {
        self.step_ends("fenced");
        traced! {
            let position = position.get();
            match is_released {
                _ if self.has_stopped => {}
                true => tell!(self, INFO, position, "released"),
                false => tell!(self, INFO, position, "fenced"),
            }
        }
    }

    fn step_ends(&mut self, outcome: &'static str) {
        let step = self.step.take();
        traced! {
            if let Some(step) = step {
                step.span.within(|span| {
                    span.record("outcome", outcome);
                });
            }
        }
    }

    fn build(&self) -> &'static str {
        super::member::role(self.is_live)
    }
}
