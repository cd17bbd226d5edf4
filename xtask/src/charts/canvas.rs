//! What all charts have in common: colours, title, legend, and names below the axis.

use std::io;

use annals_figures::Report;
use plotters::{
    coord::Shift,
    prelude::{
        Circle, Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, IntoFont, PathElement,
        RGBColor, SVGBackend, Text, TextStyle,
    },
    style::text_anchor::{HPos, Pos, VPos},
};

use super::chart::Chart;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Outcome<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

const SIZE: (u32, u32) = (800, 420);
/// Room above the axes for title and legend, and below them for names and the line about the machine.
pub(crate) const ABOVE: i32 = 68;
pub(crate) const BELOW: i32 = 80;

const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(crate) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(crate) const GREY: RGBColor = RGBColor(0x76, 0x7d, 0x86);
pub(crate) const FAINT: RGBColor = RGBColor(0xe3, 0xe7, 0xeb);
/// From Okabe and Ito's palette, which the colour-blind can tell apart, too. What is ours comes last.
const BY_HAND: [RGBColor; 2] = [RGBColor(0x9a, 0xa3, 0xad), RGBColor(0x56, 0xb4, 0xe9)];
const OURS: RGBColor = RGBColor(0xd5, 0x5e, 0x00);

/// The same colours by attribute, for readers with a dark screen. It is all in the file: no page that shows it has to know.
const DARK: &str = "\
<style>
@media (prefers-color-scheme: dark) {
  [fill=\"#FFFFFF\"] { fill: #0d1117 }
  [fill=\"#1F2328\"] { fill: #e6edf3 }
  [stroke=\"#1F2328\"] { stroke: #e6edf3 }
  [fill=\"#767D86\"] { fill: #9198a1 }
  [stroke=\"#767D86\"] { stroke: #9198a1 }
  [stroke=\"#E3E7EB\"] { stroke: #30363d }
  [fill=\"#9AA3AD\"] { fill: #7d8590 }
  [stroke=\"#9AA3AD\"] { stroke: #7d8590 }
}
</style>
";

/// A picture with title, legend and what it was measured on; `axes` draws the rest.
pub(crate) fn picture(
    chart: &Chart,
    report: &Report,
    axes: impl FnOnce(&Area<'_>) -> Outcome,
) -> Outcome<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    area.fill(&PAPER)?;
    let title = text(17.0, HPos::Left, VPos::Top);
    area.draw(&Text::new(chart.title.clone(), (16, 14), title))?;
    legend(chart, &area)?;
    axes(&area)?;
    let machine = text(12.0, HPos::Right, VPos::Bottom).color(&GREY);
    let (width, height) = SIZE;
    let corner = (width.cast_signed() - 16, height.cast_signed() - 6);
    area.draw(&Text::new(measured_on(report), corner, machine))?;
    area.present()?;
    drop(area);
    Ok(svg.replacen(">\n", &format!(">\n{DARK}"), 1))
}

/// The colour of a contender, of whom there are so many.
pub(crate) fn colour(nth: usize, of: usize) -> RGBColor {
    if nth + 1 == of { OURS } else { BY_HAND.get(nth).copied().unwrap_or(GREY) }
}

pub(crate) fn text(size: f64, h: HPos, v: VPos) -> TextStyle<'static> {
    // The back end divides by this what it is given.
    ("sans-serif", size * 1.24).into_font().color(&INK).pos(Pos::new(h, v))
}

/// A name of one or more lines, its top in the middle at `point`.
pub(crate) fn name(area: &Area<'_>, name: &str, (x, y): (i32, i32)) -> Outcome {
    for (line, y) in name.lines().zip((y..).step_by(15)) {
        area.draw(&Text::new(line.to_owned(), (x, y), text(12.0, HPos::Center, VPos::Top)))?;
    }
    Ok(())
}

/// A line from point to point.
pub(crate) fn line(
    points: impl Into<Vec<(i32, i32)>>,
    colour: RGBColor,
    width: u32,
) -> PathElement<(i32, i32)> {
    PathElement::new(points, colour.stroke_width(width))
}

fn legend(chart: &Chart, area: &Area<'_>) -> Outcome {
    let contenders = chart.contenders();
    let mut x = 22;
    for (nth, who) in contenders.iter().enumerate() {
        area.draw(&Circle::new((x, 50), 5, colour(nth, contenders.len()).filled()))?;
        let style = text(13.0, HPos::Left, VPos::Center);
        area.draw(&Text::new((*who).to_owned(), (x + 11, 50), style))?;
        // Letters are not measured; on average they are as wide as this.
        x += 40 + 7 * i32::try_from(who.chars().count()).unwrap_or_default();
    }
    Ok(())
}

/// Without it a figure says nothing.
fn measured_on(report: &Report) -> String {
    let machine = &report.machine;
    let fsync = machine.settings.iter().find(|(name, _)| name == "fsync");
    let fsync = fsync.map_or("unknown", |(_, value)| value);
    let rounds = match report.run.rounds {
        1 => "one round".to_owned(),
        rounds => format!("median of {rounds} rounds, least and most"),
    };
    let quick = if report.run.quick { "quick run, " } else { "" };
    let version = machine.postgres.split(' ').next().unwrap_or_default();
    format!(
        "Postgres {version}, fsync {fsync}, {} cores for server and clients; {quick}{rounds}; {}",
        machine.cores,
        machine.date.split('T').next().unwrap_or_default()
    )
}
