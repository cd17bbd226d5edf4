//! All that one run gave, and on what machine.

use std::{fmt, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Figure, Goal, Table};

/// All that one run gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// How long and how often.
    pub run: Run,
    /// What was measured, part by part.
    pub parts: Vec<Part>,
}

/// Where and when a run was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// When it began: `2026-11-28T06:12:57Z`.
    pub date: String,
    /// Of what source, where it is known; `-dirty` if that was changed.
    pub commit: Option<String>,
    /// Operating system and processor: `linux x86_64`.
    pub system: String,
    /// How many cores there are, for the server and its clients together.
    pub cores: usize,
    /// The version of Postgres.
    pub postgres: String,
    /// Settings of the server that figures hang on, as `SHOW` gives them.
    pub settings: Vec<(String, String)>,
}

/// How a run measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Whether it was a short one, whose figures are rough.
    pub quick: bool,
    /// For how long each contender was measured in a round.
    pub seconds: f64,
    /// In how many rounds.
    pub rounds: usize,
}

/// One part of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is asked for by.
    pub name: String,
    /// What it does.
    pub title: String,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// What was seen and is no figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// # Errors
    ///
    /// When the file is not there, or is no report.
    pub fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
    }

    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        fs::write(file, serde_json::to_string_pretty(self)? + "\n")
    }

    /// The part of this name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// How many goals were met, and which were not: `command: deposits at 64 tasks`.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (mut met, mut missed) = (0, String::new());
        for (part, figure) in self.parts.iter().flat_map(|p| p.figures.iter().map(move |f| (p, f)))
        {
            match figure.goal {
                Some(Goal { met: true, .. }) => met += 1,
                Some(Goal { met: false, .. }) => {
                    missed += &format!("  missed: {}: {}", part.name, figure.work);
                    if let Some(tasks) = figure.tasks {
                        missed += &format!(" at {tasks} tasks");
                    }
                    missed.push('\n');
                }
                None => {}
            }
        }
        let rough = if self.run.quick { ", in a quick run: the figures are rough" } else { "" };
        format!("{met} goals met, {} missed{rough}\n{missed}", missed.lines().count())
    }
}

impl Part {
    /// A part in which nothing was measured yet.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into(), figures: Vec::new(), notes: Vec::new() }
    }

    /// With one more figure.
    #[must_use]
    pub fn with(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// With something that is no figure.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// A table for all figures in a row that the same contenders took part in.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        let alike = |a: &Figure, b: &Figure| a.contenders().eq(b.contenders());
        self.figures.chunk_by(alike).map(Table::of).collect()
    }

    /// The figure of this work at so many tasks.
    #[must_use]
    pub fn figure(&self, work: &str, tasks: Option<usize>) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.work == work && figure.tasks == tasks)
    }
}

/// The title, the tables and the notes.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.title)?;
        self.tables().iter().try_for_each(|table| write!(f, "{table}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;

    #[test]
    fn the_verdict_names_what_was_missed() {
        let machine = Machine {
            date: String::new(),
            commit: None,
            system: String::new(),
            cores: 2,
            postgres: "15.4".to_owned(),
            settings: vec![("fsync".to_owned(), "on".to_owned())],
        };
        let opened = |rate: f64| Figure::new("opened", Unit::PerSecond).by("annals", vec![rate]);
        let part = Part::new("append", "accounts opened")
            .with(opened(1.0))
            .with(opened(1.0).at_least(1.0))
            .with(opened(2.0).at_tasks(64).at_least(3.0));
        let run = Run { quick: true, seconds: 0.5, rounds: 1 };
        let report = Report { machine, run, parts: vec![part] };
        assert_eq!(
            report.verdict(),
            "1 goals met, 1 missed, in a quick run: the figures are rough\n  missed: append: opened at 64 tasks\n"
        );
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
