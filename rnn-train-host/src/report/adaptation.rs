//! The error of a network that adapts beside that of the frozen one, over a log, as an SVG.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;
use rnn_core::adapt::Event;

use super::figure;
use super::picture::{ACCENT, INK, PALE};
use crate::adapt::{Adaptation, Row};
use crate::atomic::write_atomically;

const SIZE: (u32, u32) = (960, 420);
/// Parts of the log whose errors are drawn as a point each.
const POINTS: usize = 200;

/// Draws an adaptation of `target` to `path`, whole or not at all.
///
/// # Errors
/// When the file can't be written.
pub fn picture(adaptation: &Adaptation, target: &str, path: &Path) -> Result<()> {
    let mut svg = String::new();
    draw(adaptation, target, &mut svg).context("the picture can't be drawn")?;
    write_atomically(path, |file| Ok(file.write_all(svg.as_bytes())?))
}

fn draw(adaptation: &Adaptation, target: &str, svg: &mut String) -> Result<()> {
    let Adaptation { rows, frozen, adapted, .. } = adaptation;
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (title, area) = root.split_vertically(44);
    let number = |value: Option<f64>| value.map_or("-".into(), figure);
    let headline = format!(
        "{target}: RMSE {} adapted, {} frozen",
        number(adapted.rmse()),
        number(frozen.rmse())
    );
    title.draw(&Text::new(headline, (20, 14), ("sans-serif", 20).into_font().color(&INK)))?;

    let length = rows.len().div_ceil(POINTS).max(1);
    let errors = |of: fn(&Row) -> f32| {
        let parts = rows.chunks(length).enumerate();
        let points = parts.filter_map(move |(part, rows)| {
            let errors = rows.iter().map(of).filter(|error| error.is_finite());
            let (n, sum) =
                errors.fold((0, 0.0), |(n, sum), e| (n + 1, sum + f64::from(e) * f64::from(e)));
            (n > 0).then(|| (part * length, (sum / f64::from(n)).sqrt()))
        });
        points.collect::<Vec<(usize, f64)>>()
    };
    let (frozen, adapted) = (errors(|row| row.frozen_error), errors(|row| row.adapted_error));
    let highest = frozen.iter().chain(&adapted).fold(f64::MIN_POSITIVE, |high, p| high.max(p.1));
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0..rows.len().max(1), 0.0..1.08 * highest)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(PALE.mix(0.4))
        .axis_style(PALE)
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_desc("row of the log")
        .y_desc(format!("RMSE over {length} rows"))
        .draw()?;
    for (t, event) in adaptation.events() {
        let color = match event {
            Event::TakenOver => ACCENT.mix(0.5),
            Event::RolledBack => INK.mix(0.5),
            Event::Restarted => continue,
        };
        let line = LineSeries::new([(t, 0.0), (t, 1.08 * highest)], color.stroke_width(1));
        chart.draw_series(line)?;
    }
    for (name, points, color, width) in
        [("frozen", frozen, PALE, 4), ("adapted", adapted, ACCENT, 2)]
    {
        let line = chart.draw_series(LineSeries::new(points, color.stroke_width(width)))?;
        line.label(name).legend(move |(x, y): (i32, i32)| {
            PathElement::new([(x, y), (x + 22, y)], color.stroke_width(width))
        });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 13).into_font().color(&INK))
        .draw()?;
    root.present()?;
    Ok(())
}
