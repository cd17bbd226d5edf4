//! Lines over the number of tasks. Both axes double from step to step: what matters is how many times more is done.

use std::ops::Range;

use annals_figures::Report;
use plotters::{
    prelude::{BindKeyPoints, ChartBuilder, Circle, Color, IntoLogRange, Text},
    style::text_anchor::{HPos, VPos},
};

use super::{
    canvas::{self, ABOVE, BELOW, FAINT, GREY, Outcome, colour, line, picture, text},
    chart::Chart,
};

pub(crate) fn draw(chart: &Chart, report: &Report) -> Outcome<String> {
    picture(chart, report, |area| {
        // Such an axis has no place for a round in which nothing was done.
        let least = chart.values().map(|value| value.min).filter(|least| *least > 0.0);
        let least = least.fold(f64::MAX, f64::min);
        let most = chart.values().map(|value| value.max).fold(0.0, f64::max);
        let range = least / 1.3..most * 1.5;
        let range = range.clone().log_scale().with_key_points(marks(range));
        let mut axes = ChartBuilder::on(area)
            .margin_top(ABOVE)
            .margin_bottom(BELOW)
            .margin_left(14)
            .margin_right(20)
            .y_label_area_size(70)
            .build_cartesian_2d(-0.3..chart.groups.len() as f64 - 0.7, range)?;
        axes.configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_label_formatter(&|value| chart.show_mark(*value))
            .y_desc(format!("{}{}", chart.scale.word, chart.unit))
            .axis_style(GREY)
            .bold_line_style(FAINT)
            .light_line_style(FAINT)
            .label_style(text(12.0, HPos::Right, VPos::Center))
            .axis_desc_style(text(12.0, HPos::Center, VPos::Top))
            .draw()?;
        let contenders = chart.contenders();
        for (index, _) in contenders.iter().enumerate() {
            let colour = colour(index, contenders.len());
            let values = chart.groups.iter().enumerate().filter_map(|(nth, group)| {
                group.values.get(index).map(|value| (nth as f64, value))
            });
            let mut points = Vec::new();
            for (x, value) in values {
                let [least, median, most] = [value.min, value.median, value.max]
                    .map(|value| axes.backend_coord(&(x, value)));
                area.draw(&line([least, most], colour, 1))?;
                area.draw(&Circle::new(median, 4, colour.filled()))?;
                // Of the others there is no room for it.
                if index + 1 == contenders.len() {
                    let style = text(12.0, HPos::Center, VPos::Bottom);
                    let (x, y) = most;
                    area.draw(&Text::new(chart.show(value.median), (x, y - 6), style))?;
                }
                points.push(median);
            }
            area.draw(&line(points, colour, 2))?;
        }
        let bottom = axes.plotting_area().get_pixel_range().1.end;
        for (nth, group) in chart.groups.iter().enumerate() {
            let (x, _) = axes.backend_coord(&(nth as f64, most));
            let tasks = if group.name == "1" { "task" } else { "tasks" };
            canvas::name(area, &format!("{} {tasks}", group.name), (x, bottom + 8))?;
        }
        Ok(())
    })
}

/// Where the axis has a mark: at 1, 2 and 5, at 10, 20 and 50, and so on.
fn marks(range: Range<f64>) -> Vec<f64> {
    let tens = (range.start.log10().floor() as i32..).map(|power| 10_f64.powi(power));
    let marks = tens.flat_map(|ten| [1.0, 2.0, 5.0].map(|times| times * ten));
    marks.take_while(|mark| *mark < range.end).filter(|mark| *mark >= range.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_three_marks_for_each_ten_times_more() {
        assert_eq!(marks(1_500.0..60_000.0), [2e3, 5e3, 1e4, 2e4, 5e4]);
        assert_eq!(marks(1.0..5.0), [1.0, 2.0]);
    }
}
