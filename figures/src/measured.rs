//! What one contender reached.

use serde::{Deserialize, Serialize};

/// What one contender reached in each round. Machines are noisy: the median counts, the rest tells how noisy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Who did the work: `annals`, `by hand`.
    pub who: String,
    /// In which way, where there are several and this one was the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// The middle of `rounds`; of an even number the upper one.
    pub median: f64,
    /// The least of `rounds`.
    pub min: f64,
    /// The most of `rounds`.
    pub max: f64,
    /// One value for each round, in the order they were measured.
    pub rounds: Vec<f64>,
}

impl Measured {
    /// # Panics
    ///
    /// Without a round.
    #[must_use]
    pub fn new(who: impl Into<String>, rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |nth: usize| sorted.get(nth).copied();
        let (Some(min), Some(median), Some(max)) =
            (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
        else {
            unreachable!("nothing was measured")
        };
        Self { who: who.into(), how: None, median, min, max, rounds }
    }

    /// How far the rounds are apart, as a share of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}
