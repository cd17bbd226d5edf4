use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often a command is tried again, and after which pauses, when another writer was faster or the
/// store was lost for a moment.
///
/// The number of retries is for conflicts, and for each read or append that fails, alike. Pauses double from the first to the
/// longest, each lengthened at random by up to its own length, so that writers that collided are unlikely to collide again. By
/// default a command is tried again up to 16 times, after 1 ms at first and 100 ms at most before they are lengthened: it gives
/// up after one to two seconds.
///
/// Pauses need a tokio runtime with its time driver enabled, as `#[tokio::main]` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    retries: usize,
    first: Duration,
    longest: Duration,
}

impl RetryPolicy {
    /// Tries once and never again.
    #[must_use]
    pub fn never() -> Self {
        Self { retries: 0, ..Self::default() }
    }

    /// Tries again at most `retries` times.
    #[must_use]
    pub fn with_retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Pauses for `pause`, or up to twice as long, before the second try.
    #[must_use]
    pub fn with_first_pause(mut self, pause: Duration) -> Self {
        self.first = pause;
        self
    }

    /// Never pauses for longer than twice `pause`.
    #[must_use]
    pub fn with_longest_pause(mut self, pause: Duration) -> Self {
        self.longest = pause;
        self
    }

    /// The pause before each further try.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_factor(2.0)
            .with_min_delay(self.first.min(self.longest))
            .with_max_delay(self.longest)
            .with_max_times(self.retries)
            .with_jitter()
            .build()
    }
}

/// Waits before the next try, or gives up with `error`.
pub(super) async fn pause<E>(
    pauses: &mut (impl Iterator<Item = Duration> + Send),
    error: E,
) -> Result<(), E> {
    let pause = pauses.next().ok_or(error)?;
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 16, first: Duration::from_millis(1), longest: Duration::from_millis(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(policy: &RetryPolicy) -> Vec<f64> {
        policy.pauses().map(|pause| pause.as_secs_f64() * 1_000.0).collect()
    }

    #[test]
    fn by_default_sixteen_pauses_double_from_1_ms_to_100_ms_and_vary() {
        let (pauses, others) = (millis(&RetryPolicy::default()), millis(&RetryPolicy::default()));
        assert_eq!(pauses.len(), 16);
        let mut shortest = 1.0;
        for pause in &pauses {
            assert!((shortest - 0.01..=shortest * 2.0 + 0.01).contains(pause), "{pauses:?}");
            shortest = f64::min(shortest * 2.0, 100.0);
        }
        assert_ne!(pauses, others, "two writers must not pause alike");
    }

    #[test]
    fn no_pause_is_longer_than_the_longest_and_its_jitter() {
        let policy = RetryPolicy::default()
            .with_first_pause(Duration::from_secs(60))
            .with_longest_pause(Duration::from_millis(10));
        assert!(
            millis(&policy).iter().all(|pause| (10.0..=20.01).contains(pause)),
            "{:?}",
            millis(&policy)
        );
    }

    #[test]
    fn never_is_never() {
        assert!(millis(&RetryPolicy::never()).is_empty());
    }
}
