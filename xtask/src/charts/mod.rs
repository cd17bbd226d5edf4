//! The charts of the docs, drawn from what was measured.

mod bars;
mod canvas;
mod chart;
mod lines;

use annals_figures::{Figure, Part, Report};

use crate::failure::Failure;
use chart::{Chart, Group, Scale};

/// A chart as it is written: `append.svg`, and its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) file: String,
    pub(crate) svg: String,
}

/// All charts for which the report has figures.
pub(crate) fn draw(report: &Report) -> Result<Vec<Drawn>, Failure> {
    let by_tasks = [
        ("append", "opened", "Accounts opened, each with an event to a new stream"),
        ("deposit", "deposits", "Deposits appended at a known version"),
        ("command", "deposits", "Deposits as commands: loaded, decided, appended"),
    ];
    let by_tasks = by_tasks.map(|(name, work, title)| {
        let part = report.part(name)?;
        Some(Chart::new(name, title, "per second", Scale::ONE).with_all(each(part, |figure| {
            let tasks = figure.tasks.filter(|_| figure.work == work)?;
            Some(Group::of(figure, tasks.to_string()))
        })))
    });
    let lines =
        by_tasks.into_iter().flatten().map(|chart| drawn(&chart, lines::draw(&chart, report)));
    let others = [latency(report), rebuild(report), read(report), growth(report)];
    let bars = others.into_iter().flatten().map(|chart| drawn(&chart, bars::draw(&chart, report)));
    lines.chain(bars).collect()
}

fn drawn(chart: &Chart, svg: canvas::Outcome<String>) -> Result<Drawn, Failure> {
    let file = format!("{}.svg", chart.name);
    match svg {
        Ok(svg) => Ok(Drawn { file, svg }),
        Err(error) => Err(Failure::Chart { file, reason: error.to_string() }),
    }
}

fn each<'a>(
    part: &'a Part,
    group: impl Fn(&'a Figure) -> Option<Group>,
) -> impl Iterator<Item = Group> {
    part.figures.iter().filter_map(group)
}

/// How late followers are, alone and while commands run.
fn latency(report: &Report) -> Option<Chart> {
    let mut groups = Vec::new();
    for (name, pace) in [("latency", "200/s"), ("busy", "1,000/s")] {
        for (way, short) in [("same process", "one process"), ("another process", "two processes")]
        {
            for until in ["handed over", "committed"] {
                let figure = |share: &str| {
                    report.part(name)?.figure(&format!("{way}, until {until}: {share}"), None)
                };
                if let (Some(p50), Some(p99)) = (figure("p50"), figure("p99")) {
                    let name = format!("{until}\n{short}\n{pace}");
                    groups.push(Group::of(p50, name).called("p50").and(p99, "p99"));
                }
            }
        }
    }
    let title = "From the answer to an append until a read model has it";
    of_groups("latency", title, "milliseconds", Scale::MILLI, groups)
}

fn rebuild(report: &Report) -> Option<Chart> {
    let mut groups = Vec::new();
    for (part, when) in [("rebuild", "alone"), ("busy", "beside 1,000 commands/s")] {
        for (until, short) in
            [("events, until all are in", "all are in"), ("events, until that serves", "it serves")]
        {
            let figure = report.part(part).and_then(|part| part.figure(until, None));
            groups.extend(figure.map(|f| Group::of(f, format!("until {short}\n{when}"))));
        }
    }
    let title = "A read model of 1,000 rows, built anew from 200,000 events";
    of_groups("rebuild", title, "events per second", Scale::KILO, groups)
}

fn read(report: &Report) -> Option<Chart> {
    let mut groups = Vec::new();
    for (part, work, name) in [
        ("load", "events loaded", "one stream of 1,000,\ndecoded and folded"),
        ("read", "events decoded and folded", "all 200,000,\ndecoded and folded"),
        ("read", "events as they are stored, of any type", "all 200,000,\nas they are stored"),
    ] {
        let figure = report.part(part).and_then(|part| part.figure(work, None));
        groups.extend(figure.map(|figure| Group::of(figure, name.to_owned())));
    }
    of_groups("read", "Reading history", "events per second", Scale::KILO, groups)
}

/// None if nothing of it was measured.
fn of_groups(
    name: &str,
    title: &str,
    unit: &str,
    scale: Scale,
    groups: Vec<Group>,
) -> Option<Chart> {
    (!groups.is_empty()).then(|| Chart::new(name, title, unit, scale).with_all(groups))
}

/// As shares of what is done in an empty store: the works are of different magnitudes.
fn growth(report: &Report) -> Option<Chart> {
    let part = report.part("growth")?;
    let groups = each(part, |figure| {
        let empty = figure.measured("empty")?.median;
        Some(Group::of(figure, figure.work.clone()).divided_by(empty / 100.0))
    });
    let title = format!("Operations per second: {}", part.title);
    Some(Chart::new("growth", title, "% of the empty store", Scale::ONE).with_all(groups))
}

#[cfg(test)]
mod tests;
