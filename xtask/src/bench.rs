//! `cargo xtask bench`: what annals costs beside sqlx by hand, measured, written down and drawn.

use std::{
    fs,
    path::{Path, PathBuf},
};

use annals_figures::Report;

use crate::{
    ROOT, charts,
    command::CommandLine,
    failure::Failure,
    performance,
    step::{command_step, step},
};

/// Where figures go if nothing is said.
const JSON: &str = "target/bench/figures.json";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bench {
    /// Where the figures go, and the charts beside them.
    json: Option<PathBuf>,
    /// Whether the docs are to show them.
    docs: bool,
    /// What the benchmark itself understands: parts and its other options.
    others: Vec<String>,
}

impl Bench {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, String> {
        let (mut bench, mut arguments) = (Self::default(), arguments.iter());
        while let Some(argument) = arguments.next() {
            match *argument {
                "--docs" => bench.docs = true,
                "--json" => {
                    bench.json = Some(arguments.next().ok_or("which file for the JSON?")?.into());
                }
                other => bench.others.push(other.to_owned()),
            }
        }
        Ok(bench)
    }

    /// Without what the tests use: figures are to be those of a user's program.
    fn command(&self, json: &Path) -> CommandLine {
        CommandLine::cargo(
            "bench --package annals --bench postgres --features postgres --locked --",
        )
        .with_arguments(self.others.iter().cloned())
        .with_arguments(["--json".to_owned(), json.display().to_string()])
    }
}

/// The benchmark starts a server by itself, as Postgres comes, and removes it. The server of the tests would not do: it
/// does not wait for the disk.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    // A file is named from where the command is given; the benchmark runs in the root.
    let json = bench.json.as_deref().and_then(|json| std::path::absolute(json).ok());
    let json = json.unwrap_or_else(|| Path::new(ROOT).join(JSON));
    let command = bench.command(&json);
    if bench.others.iter().any(|argument| matches!(&**argument, "--help" | "-h")) {
        return command.run();
    }
    let failed = |file: &Path| {
        let file = file.to_owned();
        |source| Failure::Figures { file, source }
    };
    if let Some(folder) = json.parent() {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    command_step("measure", &command)?;
    step("charts", || {
        let report = Report::read(&json).map_err(failed(&json))?;
        for chart in charts::draw(&report)? {
            let file = json.with_file_name(chart.file);
            fs::write(&file, chart.svg).map_err(failed(&file))?;
            eprintln!("{}", file.display());
        }
        if bench.docs { performance::show(&report) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_gets_what_it_understands() {
        let bench = Bench::parse(&["read", "--quick", "--json", "a/b.json", "load"]).unwrap();
        let json = bench.json.clone().unwrap();
        assert_eq!(
            bench.command(&json).to_string(),
            "cargo bench --package annals --bench postgres --features postgres --locked -- \
             read --quick load --json a/b.json"
        );
        assert!(!bench.docs);
        assert!(Bench::parse(&["--docs"]).unwrap().docs);
        assert!(Bench::parse(&["--json"]).is_err());
    }
}
