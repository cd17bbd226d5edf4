use std::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::Span;
use crate::{Aggregate, CommandError, Executed};

/// A command that runs: a span from its start to its answer, and what its kind of entity counts.
pub(crate) struct ObservedCommand {
    category: &'static str,
    retries: AtomicU32,
    span: Span,
    #[cfg(feature = "metrics")]
    began: std::time::Instant,
}

impl ObservedCommand {
    pub(crate) fn begin(category: &'static str, id: &dyn fmt::Display) -> Self {
        #[cfg(feature = "tracing")]
        let span = Span::new(tracing::info_span!(
            target: "annals::commands",
            "execute",
            stream = format_args!("{category}-{id}"),
            version = tracing::field::Empty,
            events = tracing::field::Empty,
            attempts = tracing::field::Empty,
            outcome = tracing::field::Empty,
        ));
        #[cfg(not(feature = "tracing"))]
        let span = Span::none();
        Self {
            category,
            retries: AtomicU32::new(0),
            span,
            #[cfg(feature = "metrics")]
            began: std::time::Instant::now(),
        }
    }

    /// What the command is run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The pauses before further tries: who takes one tries again.
    pub(crate) fn retries(
        &self,
        pauses: impl Iterator<Item = Duration> + Send,
    ) -> impl Iterator<Item = Duration> + Send {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        let pauses = pauses.inspect(|_| {
            self.retries.fetch_add(1, Ordering::Relaxed);
        });
        pauses
    }

    /// Another writer was faster.
    pub(crate) fn conflicted(&self) {
        counted! {
            metrics::counter!("annals_command_conflicts_total", "category" => self.category).increment(1);
        }
    }

    /// The command has its answer. One that is dropped before that is not told of.
    pub(crate) fn ended<A: Aggregate>(&self, answer: &Result<Executed<A>, CommandError<A::Error>>) {
        let outcome = || match answer {
            Ok(_) => "executed",
            Err(CommandError::Rejected(_)) => "rejected",
            Err(CommandError::Conflict(_)) => "conflict",
            Err(CommandError::Store(_)) => "failed",
        };
        let retries = self.retries.load(Ordering::Relaxed);
        traced! {
            self.span.within(|span| {
                if let Ok(executed) = answer {
                    span.record("version", executed.version.get());
                    span.record("events", executed.events.len());
                }
                span.record("attempts", 1 + retries);
                span.record("outcome", outcome());
            });
        }
        counted! {
            let category = self.category;
            metrics::counter!("annals_commands_total", "category" => category, "outcome" => outcome()).increment(1);
            if retries > 0 {
                metrics::counter!("annals_command_retries_total", "category" => category).increment(retries.into());
            }
            metrics::histogram!("annals_command_duration_seconds", "category" => category).record(self.began.elapsed());
        }
    }
}
