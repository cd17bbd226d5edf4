//! What is to be reached.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A bound of a figure's ratio, or where it has none of what was measured last, and whether it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// What is to be reached.
    #[serde(flatten)]
    pub bound: Bound,
    /// Whether it was.
    pub met: bool,
}

/// The least or the most that a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The more the better.
    AtLeast(f64),
    /// The less the better.
    AtMost(f64),
}

impl Bound {
    /// The bound itself.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }

    /// Whether `value` keeps it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl Goal {
    /// `≥ 1.5 met`, the bound written by `show`.
    #[must_use]
    pub fn show(&self, show: impl Fn(f64) -> String) -> String {
        let sign = match self.bound {
            Bound::AtLeast(_) => '≥',
            Bound::AtMost(_) => '≤',
        };
        format!("{sign} {} {self}", show(self.bound.value()))
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.met { "met" } else { "missed" })
    }
}
