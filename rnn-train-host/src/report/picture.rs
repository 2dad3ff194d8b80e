//! Prediction against truth, and the errors beside the baselines, as an SVG.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{figure, headline, part, sentence};
use crate::atomic::write_atomically;
use crate::eval::{Evaluation, Point};

const SIZE: (u32, u32) = (960, 620);
/// Samples shown: the last ones of the part.
const SHOWN: usize = 120;
/// A bar that is longer than this multiple of the network's is cut off.
const LONGEST_BAR: f64 = 2.5;

/// Text.
pub const INK: RGBColor = RGBColor(40, 44, 52);
/// What is measured, axes, and what is to be beaten.
pub const PALE: RGBColor = RGBColor(176, 182, 192);
/// What a network does.
pub const ACCENT: RGBColor = RGBColor(214, 86, 28);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws an evaluation to `path`, whole or not at all.
///
/// # Errors
/// When the file can't be written.
pub fn picture(evaluation: &Evaluation, path: &Path) -> Result<()> {
    let mut svg = String::new();
    draw(evaluation, &mut svg).context("the picture can't be drawn")?;
    write_atomically(path, |file| Ok(file.write_all(svg.as_bytes())?))
}

fn draw(evaluation: &Evaluation, svg: &mut String) -> Result<()> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let bars = 70 + 30 * (1 + evaluation.rivals().count() as u32);
    let (title, rest) = root.split_vertically(58);
    let (curves, errors) = rest.split_vertically(SIZE.1 - 58 - bars);
    let ink = |size: i32| ("sans-serif", size).into_font().color(&INK);
    title.draw(&Text::new(headline(evaluation), (20, 14), ink(20)))?;
    title.draw(&Text::new(sentence(evaluation), (20, 40), ink(13)))?;
    draw_curves(evaluation, &curves)?;
    draw_errors(evaluation, &errors)?;
    root.present()?;
    Ok(())
}

fn draw_curves(evaluation: &Evaluation, area: &Area<'_>) -> Result<()> {
    let points = &evaluation.points[evaluation.points.len().saturating_sub(SHOWN)..];
    let values = points.iter().flat_map(|p| [p.truth, p.prediction]).filter(|v| v.is_finite());
    let (low, high) =
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let margin = 0.08 * (high - low).max(high.abs() * 1e-3).max(f32::MIN_POSITIVE);
    let (first, last) = match points {
        [first, .., last] => (first.row, last.row),
        _ => (0, 1),
    };
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(first..last, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(PALE.mix(0.4))
        .axis_style(PALE)
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_desc("row of the log")
        .y_desc(&evaluation.target)
        .draw()?;
    let entry = |color: RGBColor, width: u32| {
        move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 22, y)], color.stroke_width(width))
    };
    // A line ends where a value is missing.
    let runs = |value: fn(&Point) -> f32| {
        points
            .split(move |p| !value(p).is_finite())
            .map(move |run| run.iter().map(move |p| (p.row, value(p))).collect::<Vec<_>>())
    };
    let ahead = match evaluation.question.steps {
        1 => "predicted one sample earlier".to_owned(),
        steps => format!("predicted {steps} samples earlier"),
    };
    for (i, run) in runs(|p| p.truth).enumerate() {
        let line = chart.draw_series(LineSeries::new(run, PALE.stroke_width(5)))?;
        if i == 0 {
            line.label("measured").legend(entry(PALE, 5));
        }
    }
    for (i, run) in runs(|p| p.prediction).enumerate() {
        let line = chart.draw_series(LineSeries::new(run, ACCENT.stroke_width(2)))?;
        if i == 0 {
            line.label(&ahead).legend(entry(ACCENT, 2));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 13).into_font().color(&INK))
        .draw()?;
    Ok(())
}

fn draw_errors(evaluation: &Evaluation, area: &Area<'_>) -> Result<()> {
    const LEFT: i32 = 330;
    const HEIGHT: i32 = 20;
    let ink = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let caption = format!("RMSE on {}, shorter is better", part(evaluation.question.part));
    area.draw(&Text::new(caption, (20, 8), ink(14)))?;
    let mut bars = vec![("this network", evaluation.network.rmse, ACCENT)];
    bars.extend(evaluation.rivals().map(|rival| (rival.name.as_str(), rival.score.rmse, PALE)));
    let longest = bars.iter().fold(0.0, |longest: f64, bar| longest.max(bar.1));
    let longest = longest.min(LONGEST_BAR * evaluation.network.rmse).max(f64::MIN_POSITIVE);
    let room = f64::from(SIZE.0 as i32 - LEFT - 110);
    for (i, (name, rmse, color)) in bars.into_iter().enumerate() {
        let top = 36 + 30 * i as i32;
        let cut = rmse > longest;
        let right = LEFT + ((rmse / longest).min(1.0) * room) as i32;
        let right_aligned = ink(14).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(name.to_owned(), (LEFT - 10, top + HEIGHT / 2), right_aligned))?;
        area.draw(&Rectangle::new([(LEFT, top), (right, top + HEIGHT)], color.filled()))?;
        if cut {
            // Two white strokes: the bar goes on.
            for x in [right - 26, right - 18] {
                let stroke = [(x, top + HEIGHT + 2), (x + 8, top - 2)];
                area.draw(&PathElement::new(stroke, WHITE.stroke_width(3)))?;
            }
        }
        let value = ink(14).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(figure(rmse), (right + 8, top + HEIGHT / 2), value))?;
    }
    Ok(())
}
