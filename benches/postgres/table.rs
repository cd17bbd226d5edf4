//! Figures in columns.

use std::{fmt::Display, time::Duration};

/// Rows of texts, printed with a title as soon as all are there.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let head = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { title: title.into(), rows: vec![head] }
    }

    pub(crate) fn row(&mut self, cells: &[&dyn Display]) {
        self.rows.push(cells.iter().map(ToString::to_string).collect());
    }

    /// The first column to the left, the others to the right, each as wide as its widest cell.
    pub(crate) fn print(&self) {
        println!("\n{}", self.title);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column).unwrap_or_default();
                line += &match column {
                    0 => format!("  {cell:<width$}"),
                    _ => format!("   {cell:>width$}"),
                };
            }
            println!("{line}");
        }
    }
}

/// A throughput, `12,345`.
pub(crate) fn per_second(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.23 ms`, or in microseconds below one.
pub(crate) fn span(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}

/// A ratio beside its goal, if it has one, and whether it is met.
pub(crate) fn against(ratio: f64, goal: impl Into<Option<f64>>) -> [String; 2] {
    let goal = goal.into().map_or("-".to_owned(), |goal| {
        let verdict = if ratio >= goal { "met" } else { "missed" };
        format!("{goal} {verdict}")
    });
    [format!("{ratio:.2}"), goal]
}
