//! A clock that jumps, to and fro, by up to a day: what a process uses for the time in its commands and in its event ids.

use std::sync::atomic::{AtomicI64, Ordering};

use annals::{Clock, IdGenerator};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::{NoContext, Timestamp, Uuid};

#[derive(Debug)]
pub(crate) struct JumpingClock {
    seconds: AtomicI64,
}

const DAY: i64 = 24 * 60 * 60;

impl JumpingClock {
    pub(crate) fn new() -> Self {
        Self { seconds: AtomicI64::new(0) }
    }

    pub(crate) fn jump(&self, random: &mut fastrand::Rng) {
        self.seconds.store(random.i64(-DAY..=DAY), Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.seconds.load(Ordering::Relaxed))
    }
}

impl IdGenerator for JumpingClock {
    fn next_id(&self) -> Uuid {
        let now = Clock::now(self);
        let seconds = now.timestamp().unsigned_abs();
        Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
    }
}
