//! Bars that stand in groups, each from the least to the most that was measured.

use annals_figures::Report;
use plotters::{
    prelude::{ChartBuilder, Color, Rectangle, Text},
    style::text_anchor::{HPos, VPos},
};

use super::{
    canvas::{self, ABOVE, BELOW, FAINT, GREY, INK, Outcome, colour, line, picture, text},
    chart::Chart,
};

/// How much of a group's width its bars take.
const FILLED: f64 = 0.72;

pub(crate) fn draw(chart: &Chart, report: &Report) -> Outcome<String> {
    picture(chart, report, |area| {
        let most = chart.values().map(|value| value.max).fold(0.0, f64::max);
        let mut axes = ChartBuilder::on(area)
            .margin_top(ABOVE)
            .margin_bottom(BELOW)
            .margin_left(14)
            .margin_right(20)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..chart.groups.len() as f64, 0.0..most * 1.1)?;
        axes.configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(6)
            .y_max_light_lines(1)
            .y_label_formatter(&|value| chart.show_mark(*value))
            .y_desc(format!("{}{}", chart.scale.word, chart.unit))
            .axis_style(GREY)
            .bold_line_style(FAINT)
            .light_line_style(FAINT)
            .label_style(text(12.0, HPos::Right, VPos::Center))
            .axis_desc_style(text(12.0, HPos::Center, VPos::Top))
            .draw()?;
        for (nth, group) in chart.groups.iter().enumerate() {
            let count = group.values.len();
            let width = FILLED / count as f64;
            for (index, value) in group.values.iter().enumerate() {
                let left = nth as f64 + (1.0 - FILLED) / 2.0 + width * index as f64;
                let (left, right) = (left + width * 0.04, left + width * 0.96);
                let bar = [(left, value.median), (right, 0.0)];
                let style = colour(index, count).filled();
                axes.draw_series([Rectangle::new(bar, style)])?;
                let middle = f64::midpoint(left, right);
                let [least, most] =
                    [value.min, value.max].map(|bound| axes.backend_coord(&(middle, bound)));
                if value.min < value.max {
                    area.draw(&line([least, most], INK, 1))?;
                    for (x, y) in [least, most] {
                        area.draw(&line([(x - 4, y), (x + 4, y)], INK, 1))?;
                    }
                }
                let (x, y) = most;
                let style = text(12.0, HPos::Center, VPos::Bottom);
                area.draw(&Text::new(chart.show(value.median), (x, y - 2), style))?;
            }
            let (x, y) = axes.backend_coord(&(nth as f64 + 0.5, 0.0));
            canvas::name(area, &group.name, (x, y + 8))?;
        }
        Ok(())
    })
}
