use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use annals::Clock;
use chrono::{DateTime, NaiveDateTime, Utc};

/// Shows the time of the log, so that the memory store records its events when they happened and not when they
/// were taken in. Clones show the same time. A database records them by its own clock.
///
/// The log tells the shop's local time without a zone; here it counts as UTC.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogClock(Arc<AtomicI64>);

impl LogClock {
    pub(crate) fn set(&self, time: NaiveDateTime) {
        self.0.store(time.and_utc().timestamp(), Ordering::Relaxed);
    }
}

impl Clock for LogClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap_or_default()
    }
}
