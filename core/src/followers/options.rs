use std::{num::NonZeroU16, time::Duration};

use crate::RetryPolicy;

/// How a follower is run: what is done when it fails, how long it may take, how it is divided.
///
/// ```
/// use std::time::Duration;
/// use annals::{Options, RetryPolicy};
///
/// let options = Options::new()
///     .with_retry(RetryPolicy::default().with_retries(2))
///     .park_failures()
///     .with_timeout(Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How often an event that failed is tried again, and after which pauses. By default 4 times, so 5 tries, after pauses of
    /// 0.1, 0.2, 0.4 and 0.8 s, each lengthened at random by up to its own length; with more retries up to 10 s.
    pub retry: RetryPolicy,
    /// What is done once the tries are used up. By default the follower stops.
    pub failure: FailurePolicy,
    /// How long one transaction of a projection may work (all events of its batch together, or its `create`), how long
    /// a reactor may take for one event, and how long one statement of a step may run. By default 5 s: a projection
    /// that needs more than some 20 ms an event wants a longer timeout or a smaller [`batch`](Self::batch).
    pub timeout: Duration,
    /// Into how many parts the follower is divided when it is started for the very first time. By default 1.
    /// Later it counts no more: two versions of a program would divide each other's followers for ever.
    pub partitions: NonZeroU16,
    /// The most events of one batch of a projection, at least 1. By default 256.
    pub batch: usize,
}

/// What is done with an event that fails on every try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum FailurePolicy {
    /// The part stops in front of the event, until it is resumed or a process that runs it starts anew.
    #[default]
    Stop,
    /// The event is put aside, with all later ones of its key (a read model) or stream (the others), and the
    /// rest goes on. What is parked is tried again on command, in order.
    ///
    /// At most 10,000 events of a build; then the part stops. An event of a read model whose keys cannot be known,
    /// because it cannot be decoded or `keys` panics, stops the part, too.
    Park,
}

/// Where a reactor begins when it is started for the very first time. It has no default: to send the
/// e-mails of three years, or to miss an order, is a choice that somebody has to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// It reacts to all of history.
    Beginning,
    /// It reacts to what comes after the last event of now.
    Now,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        let retry = RetryPolicy::default()
            .with_retries(4)
            .with_first_pause(Duration::from_millis(100))
            .with_longest_pause(Duration::from_secs(10));
        Self {
            retry,
            failure: FailurePolicy::Stop,
            timeout: Duration::from_secs(5),
            partitions: NonZeroU16::MIN,
            batch: 256,
        }
    }

    /// Tries an event that failed again as `retry` says.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Parks what fails on every try, instead of stopping: [`FailurePolicy::Park`].
    #[must_use]
    pub fn park_failures(mut self) -> Self {
        self.failure = FailurePolicy::Park;
        self
    }

    /// Gives a batch, or a reaction, this long, and each statement of a step as well. A step that the store does not commit is
    /// done again with half as many events.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Divides the follower into `partitions` parts when it is started for the very first time.
    #[must_use]
    pub fn with_partitions(mut self, partitions: NonZeroU16) -> Self {
        self.partitions = partitions;
        self
    }

    /// Gives a projection at most `events` events at a time; 0 is taken as 1.
    #[must_use]
    pub fn with_batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
