//! One piece of work, done by several.

use serde::{Deserialize, Serialize};

use crate::{Bound, Goal, Measured, Unit};

/// The same work done by several contenders, on the same ground in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The work, in the words of its part.
    pub work: String,
    /// How many tasks did it at once, where that varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<usize>,
    /// What is counted.
    pub unit: Unit,
    /// What each contender reached.
    pub by: Vec<Measured>,
    /// One contender against another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// What is to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

/// The median of one contender, as a multiple of the median of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Whose median is divided.
    pub of: String,
    /// By whose.
    pub to: String,
    /// The quotient.
    pub value: f64,
}

impl Figure {
    /// The work, before anybody has done it.
    #[must_use]
    pub fn new(work: impl Into<String>, unit: Unit) -> Self {
        Self { work: work.into(), tasks: None, unit, by: Vec::new(), ratio: None, goal: None }
    }

    /// How many tasks do it at once.
    #[must_use]
    pub fn at_tasks(mut self, tasks: usize) -> Self {
        self.tasks = Some(tasks);
        self
    }

    /// What `who` reached in each round.
    #[must_use]
    pub fn by(mut self, who: impl Into<String>, rounds: Vec<f64>) -> Self {
        self.by.push(Measured::new(who, rounds));
        self
    }

    /// In which way the contender before did it.
    #[must_use]
    pub fn how(mut self, how: impl Into<String>) -> Self {
        if let Some(measured) = self.by.last_mut() {
            measured.how = Some(how.into());
        }
        self
    }

    /// What `of` reached, as a multiple of what `to` did.
    ///
    /// # Panics
    ///
    /// If one of them is not there.
    #[must_use]
    pub fn ratio(mut self, of: &str, to: &str) -> Self {
        let (Some(above), Some(below)) = (self.measured(of), self.measured(to)) else {
            unreachable!("{of} or {to} has not taken part in {self:?}")
        };
        let value = above.median / below.median;
        self.ratio = Some(Ratio { of: of.to_owned(), to: to.to_owned(), value });
        self
    }

    /// The least that the ratio is to be, or where there is none what was measured last.
    #[must_use]
    pub fn at_least(self, least: f64) -> Self {
        self.bound(Bound::AtLeast(least))
    }

    /// The most that the ratio may be, or where there is none what was measured last.
    #[must_use]
    pub fn at_most(self, most: f64) -> Self {
        self.bound(Bound::AtMost(most))
    }

    fn bound(mut self, bound: Bound) -> Self {
        let last = self.by.last().map(|measured| measured.median);
        let value = self.ratio.as_ref().map(|ratio| ratio.value).or(last);
        let met = value.is_some_and(|value| bound.holds(value));
        self.goal = Some(Goal { bound, met });
        self
    }

    /// What `who` reached.
    #[must_use]
    pub fn measured(&self, who: &str) -> Option<&Measured> {
        self.by.iter().find(|measured| measured.who == who)
    }

    /// The names of those who did it.
    pub(crate) fn contenders(&self) -> impl Iterator<Item = &str> {
        self.by.iter().map(|measured| &*measured.who)
    }

    /// The largest spread of one of them.
    pub(crate) fn spread(&self) -> f64 {
        self.by.iter().map(Measured::spread).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        Figure::new("opened", Unit::PerSecond)
            .by("by hand", vec![120.0, 100.0, 80.0])
            .by("annals", vec![150.0])
    }

    #[test]
    fn the_median_counts_and_all_rounds_are_kept() {
        let figure = figure();
        let by_hand = figure.measured("by hand").unwrap();
        assert_eq!((by_hand.min, by_hand.median, by_hand.max), (80.0, 100.0, 120.0));
        assert_eq!(by_hand.rounds, [120.0, 100.0, 80.0]);
        assert_eq!(figure.spread(), 0.4);
    }

    #[test]
    fn a_goal_is_of_the_ratio_or_else_of_what_was_measured_last() {
        let met = |figure: Figure| figure.goal.unwrap().met;
        assert!(met(figure().ratio("annals", "by hand").at_least(1.5)));
        assert!(!met(figure().ratio("annals", "by hand").at_least(1.6)));
        assert!(met(figure().at_most(150.0)));
        assert!(!met(figure().at_most(149.0)));
    }

    #[test]
    fn json_says_what_is_to_be_reached_and_whether_it_was() {
        let figure = figure().at_tasks(8).ratio("annals", "by hand").at_least(1.6);
        let json = serde_json::to_value(&figure).unwrap();
        assert_eq!(json["goal"], serde_json::json!({"at_least": 1.6, "met": false}));
        assert_eq!(json["ratio"]["value"], 1.5);
        assert_eq!(json["unit"], "per_second");
        assert_eq!(serde_json::from_value::<Figure>(json).unwrap(), figure);
    }
}
