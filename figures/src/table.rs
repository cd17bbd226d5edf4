//! Figures in columns.

use std::fmt;

use crate::{Figure, Measured};

/// Figures as a table: one row each, with a column for each contender. Shown as text, or as Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Vec<String>>,
}

impl Table {
    /// Of figures that the same contenders took part in. What no figure has gets no column.
    pub(crate) fn of(figures: &[Figure]) -> Self {
        let mut columns = Vec::new();
        let mut add = |head: &str, cell: &dyn Fn(&Figure) -> Option<String>| {
            let cells: Vec<_> = figures.iter().map(cell).collect();
            if cells.iter().any(Option::is_some) {
                let cells = cells.into_iter().map(Option::unwrap_or_default);
                columns.push([head.to_owned()].into_iter().chain(cells).collect());
            }
        };
        add("", &|figure| Some(figure.work.clone()));
        add("tasks", &|figure| figure.tasks.map(|tasks| tasks.to_string()));
        let contenders: Vec<_> = figures.first().into_iter().flat_map(Figure::contenders).collect();
        for who in contenders {
            add(who, &|figure| figure.measured(who).map(|measured| reached(figure, measured)));
        }
        add("ratio", &|figure| figure.ratio.as_ref().map(|ratio| format!("{:.2}", ratio.value)));
        add("goal", &goal);
        add("spread", &|figure| {
            let several = figure.by.iter().any(|measured| measured.rounds.len() > 1);
            several.then(|| format!("{:.0} %", figure.spread() * 100.0))
        });
        Self { columns }
    }

    /// As Markdown: the first column to the left, the others to the right.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut rows = self.rows();
        let mut line = |row: Vec<String>| format!("| {} |\n", row.join(" | "));
        let mut text = rows.next().map(&mut line).unwrap_or_default();
        let sides = (0..self.columns.len()).map(|nth| if nth == 0 { "---" } else { "---:" });
        text += &format!("|{}|\n", sides.collect::<Vec<_>>().join("|"));
        rows.for_each(|row| text += &line(row));
        text
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        let count = self.columns.first().map_or(0, Vec::len);
        (0..count)
            .map(|nth| self.columns.iter().filter_map(|column| column.get(nth)).cloned().collect())
    }
}

/// Each column as wide as its widest cell; the first to the left, the others to the right.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = self.columns.iter().map(|c| width(c).unwrap_or_default()).collect();
        for row in self.rows() {
            for (nth, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match nth {
                    0 => write!(f, "  {cell:<width$}")?,
                    _ => write!(f, "   {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn reached(figure: &Figure, measured: &Measured) -> String {
    let shown = figure.unit.show(measured.median);
    match &measured.how {
        Some(how) => format!("{shown} ({how})"),
        None => shown,
    }
}

fn goal(figure: &Figure) -> Option<String> {
    let goal = figure.goal?;
    Some(match figure.ratio {
        Some(_) => goal.show(|bound| bound.to_string()),
        None => goal.show(|bound| figure.unit.show(bound)),
    })
}

#[cfg(test)]
mod tests {
    use crate::{Figure, Part, Unit};

    #[test]
    fn contenders_that_differ_get_tables_of_their_own() {
        let part = Part::new("size", "bytes per event")
            .with(Figure::new("events", Unit::Bytes).by("annals", vec![100.0]))
            .with(Figure::new("streams", Unit::Bytes).by("annals", vec![20.0]))
            .with(Figure::new("a payload", Unit::Bytes).by("json", vec![50.0]));
        let tables = part.tables();
        let shown: Vec<_> = tables.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "             annals\n  events    100.0 B\n  streams    20.0 B\n",
                "                json\n  a payload   50.0 B\n",
            ]
        );
        let markdown = "|  | json |\n|---|---:|\n| a payload | 50.0 B |\n";
        assert_eq!(tables[1].to_markdown(), markdown);
    }

    #[test]
    fn a_goal_without_a_ratio_has_the_unit() {
        let figure = Figure::new("p99", Unit::Seconds).by("annals", vec![0.003]).at_most(0.002);
        let part = Part::new("latency", "").with(figure);
        assert_eq!(
            part.tables()[0].to_markdown(),
            "|  | annals | goal |\n|---|---:|---:|\n| p99 | 3.0 ms | ≤ 2.0 ms missed |\n"
        );
    }
}
