//! What a figure counts, and how it is written.

use serde::{Deserialize, Serialize};

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Operations or events in a second: `12,345/s`.
    PerSecond,
    /// A span of time: `1.2 ms`.
    Seconds,
    /// `117.3 B`.
    Bytes,
    /// A number of something, or a multiple: `1.25`.
    Number,
}

impl Unit {
    /// The value as a reader wants it, with the unit.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", with_commas(value)),
            Self::Seconds => span(value),
            Self::Bytes => format!("{value:.1} B"),
            Self::Number => format!("{value:.2}"),
        }
    }
}

/// A whole number as it is read: `12,345`.
#[must_use]
pub fn with_commas(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn span(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_their_unit() {
        for (unit, value, shown) in [
            (Unit::PerSecond, 7.4, "7/s"),
            (Unit::PerSecond, 123.0, "123/s"),
            (Unit::PerSecond, 1_234_567.0, "1,234,567/s"),
            (Unit::Seconds, 0.000_25, "250 µs"),
            (Unit::Seconds, 0.0125, "12.5 ms"),
            (Unit::Seconds, 61.0, "61.0 s"),
            (Unit::Bytes, 117.25, "117.2 B"),
            (Unit::Number, 1.0, "1.00"),
        ] {
            assert_eq!(unit.show(value), shown);
        }
    }
}
