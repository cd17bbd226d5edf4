//! What `docs/performance.md` shows: charts and tables of the last run that was made for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use annals_figures::{Machine, Report};

use crate::{
    ROOT,
    charts::{self, Drawn},
    failure::Failure,
};

/// Below it a page has the tables of a part, and of `machine` what they were measured on; up to [`END`].
const BEGIN: &str = "<!-- measured: ";
const END: &str = "<!-- end -->";
const NOT_MEASURED: &str = "Not measured in this run.\n";

fn folder() -> PathBuf {
    Path::new(ROOT).join("docs/performance")
}

fn page() -> PathBuf {
    Path::new(ROOT).join("docs/performance.md")
}

/// Lets the docs show this run.
pub(crate) fn show(report: &Report) -> Result<(), Failure> {
    let page = page();
    let text = fs::read_to_string(&page).map_err(failed(&page))?;
    // All that can be wrong with the report is seen before the first file is written.
    let (text, charts) = (filled(&text, report), charts::draw(report)?);
    fs::write(&page, text).map_err(failed(&page))?;
    for Drawn { file, svg } in charts {
        let file = folder().join(file);
        fs::write(&file, svg).map_err(failed(&file))?;
    }
    let json = folder().join("figures.json");
    report.write(&json).map_err(failed(&json))
}

/// The same run, shown by another version of the code.
pub(crate) fn draw_again() -> Result<(), Failure> {
    show(&report()?)
}

fn report() -> Result<Report, Failure> {
    let json = folder().join("figures.json");
    Report::read(&json).map_err(failed(&json))
}

fn failed(file: &Path) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    let file = file.to_owned();
    |source| Failure::Figures { file, source }
}

/// The page with the tables of the report in their places.
fn filled(page: &str, report: &Report) -> String {
    let mut lines = page.lines();
    let mut filled = String::new();
    while let Some(line) = lines.next() {
        filled += line;
        filled.push('\n');
        if let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) {
            filled += &format!("\n{}\n{END}\n", measured(name, report));
            lines.by_ref().find(|line| *line == END);
        }
    }
    filled
}

fn measured(name: &str, report: &Report) -> String {
    if name == "machine" {
        return machine(report);
    }
    let Some(part) = report.part(name) else { return NOT_MEASURED.to_owned() };
    let mut text: Vec<_> = part.tables().iter().map(|table| table.to_markdown()).collect();
    if !part.notes.is_empty() {
        text.push(part.notes.iter().map(|note| format!("- {note}\n")).collect());
    }
    text.join("\n")
}

fn machine(report: &Report) -> String {
    let Machine { date, commit, system, cores, postgres, settings } = &report.machine;
    let settings: Vec<_> =
        settings.iter().map(|(name, value)| format!("`{name} = {value}`")).collect();
    let run = &report.run;
    let quick = if run.quick { "**A quick run, whose figures are rough**: " } else { "" };
    let (seconds, rounds) = (run.seconds, run.rounds);
    let times = if rounds == 1 { "once" } else { &*format!("{rounds} times") };
    format!(
        "{quick}each contender {times} for {seconds} s; {cores} cores for server and clients together, {system}; \
         Postgres {postgres} with {}; {date}, commit `{}`.\n",
        settings.join(", "),
        commit.as_deref().unwrap_or("unknown"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: &str = "it is not; `cargo xtask charts` makes it so";

    #[test]
    fn the_page_has_the_tables_of_the_figures_beside_it() {
        let text = fs::read_to_string(page()).unwrap();
        assert!(filled(&text, &report().unwrap()) == text, "{AGAIN}");
    }

    #[test]
    fn the_charts_are_those_of_the_figures_beside_them() {
        let report = report().unwrap();
        let charts = charts::draw(&report).unwrap();
        let text = fs::read_to_string(page()).unwrap();
        for Drawn { file, svg } in &charts {
            assert!(fs::read_to_string(folder().join(file)).unwrap() == *svg, "{file}: {AGAIN}");
            assert!(text.contains(&format!("performance/{file}")), "{file} is not shown");
        }
        // A quick run may be of some parts only.
        let shown = text.matches("](performance/").count() - 1;
        assert!(report.run.quick || charts.len() == shown, "a chart is missing");
    }

    #[test]
    fn what_was_not_measured_is_said_to_be_so() {
        let mut report = report().unwrap();
        report.parts.retain(|part| part.name != "load");
        let page = "# Loading\n<!-- measured: load -->\nold\n<!-- end -->\nlimit\n";
        let expected =
            format!("# Loading\n<!-- measured: load -->\n\n{NOT_MEASURED}\n{END}\nlimit\n");
        assert_eq!(filled(page, &report), expected);
    }
}
