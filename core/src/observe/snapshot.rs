use std::error::Error;

use crate::{StreamId, Version, report::report};

/// A snapshot that is being taken, of an entity as of a version.
pub(crate) struct ObservedSnapshot {
    category: &'static str,
    stream: StreamId,
    version: Version,
    #[cfg(feature = "metrics")]
    began: std::time::Instant,
}

impl ObservedSnapshot {
    pub(crate) fn begin(category: &'static str, stream: StreamId, version: Version) -> Self {
        Self {
            category,
            stream,
            version,
            #[cfg(feature = "metrics")]
            began: std::time::Instant::now(),
        }
    }

    /// The store keeps it.
    pub(crate) fn taken(&self) {
        traced! {
            tracing::debug!(
                target: "annals::snapshots",
                stream = %self.stream,
                version = self.version.get(),
                "snapshot taken"
            );
        }
        counted! {
            metrics::histogram!("annals_snapshot_duration_seconds", "category" => self.category)
                .record(self.began.elapsed());
        }
        self.count("taken");
    }

    /// The store has a newer one, or not the event that it rests on.
    pub(crate) fn passed_over(&self) {
        self.count("passed over");
    }

    /// It has no form that can be stored, or the store failed.
    pub(crate) fn failed(&self, error: &(dyn Error + 'static)) {
        traced! {
            tracing::warn!(
                target: "annals::snapshots",
                stream = %self.stream,
                version = self.version.get(),
                reason = report(error),
                "snapshot failed"
            );
        }
        self.count("failed");
    }

    fn count(&self, outcome: &'static str) {
        counted! {
            metrics::counter!("annals_snapshots_total", "category" => self.category, "outcome" => outcome).increment(1);
        }
    }
}

/// Snapshots cannot be used, so the entity is folded from its first event.
pub(crate) fn snapshot_ignored(
    category: &'static str,
    stream: &StreamId,
    reason: &(dyn Error + 'static),
) {
    traced! {
        tracing::warn!(target: "annals::snapshots", stream = %stream, reason = report(reason), "snapshot ignored");
    }
    counted! {
        metrics::counter!("annals_snapshots_ignored_total", "category" => category).increment(1);
    }
}
