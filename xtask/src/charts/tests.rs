use annals_figures::{Machine, Part, Run, Unit};

use super::*;

fn report(parts: impl IntoIterator<Item = Part>) -> Report {
    let machine = Machine {
        date: "2026-01-02T03:04:05Z".to_owned(),
        commit: None,
        system: "linux x86_64".to_owned(),
        cores: 2,
        postgres: "15.4".to_owned(),
        settings: vec![("fsync".to_owned(), "on".to_owned())],
    };
    let run = Run { quick: false, seconds: 2.0, rounds: 3 };
    Report { machine, run, parts: parts.into_iter().collect() }
}

fn opened(tasks: usize, rates: [f64; 2]) -> Figure {
    let [by_hand, annals] = rates.map(|rate| vec![rate * 0.9, rate, rate * 1.2]);
    Figure::new("opened", Unit::PerSecond)
        .at_tasks(tasks)
        .by("single", by_hand)
        .by("annals", annals)
}

#[test]
fn what_was_measured_is_drawn_and_nothing_else() {
    let append =
        Part::new("append", "").with(opened(1, [900.0, 1_000.0])).with(opened(64, [2e3, 2e4]));
    let growth = Part::new("growth", "with 5 events").with(
        Figure::new("appends", Unit::PerSecond).by("empty", vec![200.0]).by("full", vec![150.0]),
    );
    let charts = draw(&report([append, growth])).unwrap();
    let [append, growth] = &*charts else { panic!("{charts:?}") };
    assert_eq!((&*append.file, &*growth.file), ("append.svg", "growth.svg"));
    for shown in ["single", "annals", "64 tasks", "20,000", "fsync on", "prefers-color-scheme"] {
        assert!(append.svg.contains(shown), "{shown}");
    }
    // As shares of the empty store.
    for shown in ["75", "100", "with 5 events"] {
        assert!(growth.svg.contains(shown), "{shown}");
    }
}

#[test]
fn a_round_in_which_nothing_was_done_is_drawn_too() {
    let append = Part::new("append", "")
        .with(Figure::new("opened", Unit::PerSecond).at_tasks(1).by("annals", vec![0.0, 2e3]));
    let charts = draw(&report([append])).unwrap();
    assert!(charts[0].svg.contains("2,000"));
}

#[test]
fn every_colour_has_its_counterpart_in_the_dark() {
    let append = Part::new("append", "").with(opened(1, [900.0, 1_000.0]));
    let charts = draw(&report([append])).unwrap();
    let (style, drawn) = charts[0].svg.split_once("</style>").unwrap();
    let both = ["#D55E00", "#56B4E9"];
    let attributes = ["fill=\"#", "stroke=\"#"].into_iter().flat_map(|begin| {
        drawn.split(begin).skip(1).map(move |rest| format!("{begin}{}\"", &rest[..6]))
    });
    for attribute in attributes {
        let kept = both.iter().any(|colour| attribute.contains(colour));
        assert!(kept || style.contains(&format!("[{attribute}]")), "{attribute}");
    }
}
