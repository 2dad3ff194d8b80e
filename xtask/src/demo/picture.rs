//! The story on one page.

use super::machine::{CLOGS, DAY, TROUBLES, Trouble, is_troubled};
use super::run::Run;
use super::story::Story;
use super::update::{CUT, UPDATED};
use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use rnn_core::adapt::Event;
use rnn_train_host::atomic::write_atomically;
use rnn_train_host::report::{ACCENT, INK, PALE};
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (1100, 1020);
const LEFT: u32 = 70;
/// The model that was uploaded.
const NEW: RGBColor = RGBColor(28, 112, 164);
/// Every so many samples the error over the last day is drawn.
const EVERY: usize = DAY / 4;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws it to `path`, whole or not at all.
pub(crate) fn picture(story: &Story, path: &Path) -> Result<()> {
    let mut svg = String::new();
    draw(story, &mut svg).context("the picture can't be drawn")?;
    write_atomically(path, |file| Ok(file.write_all(svg.as_bytes())?))
}

fn draw(story: &Story, svg: &mut String) -> Result<()> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (title, rest) = root.split_vertically(62);
    let (log, rest) = rest.split_vertically(270);
    let (alarms, rest) = rest.split_vertically(104);
    let (errors, close) = rest.split_vertically(320);
    let headline =
        "A machine's fan clogs: one model stays as it is, one learns on the chip, one is uploaded";
    title.draw(&Text::new(headline, (20, 14), ink(19)))?;
    title.draw(&Text::new(story.verdict(), (20, 42), ink(13)))?;
    draw_log(story, &log)?;
    draw_alarms(story, &alarms)?;
    draw_errors(story, &errors)?;
    draw_close(story, &close)?;
    root.present()?;
    Ok(())
}

fn ink(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}

fn day(t: usize) -> f64 {
    t as f64 / DAY as f64
}

/// Without a digit too many.
fn figure_of(y: f64) -> String {
    format!("{}", (10.0 * y).round() / 10.0)
}

fn days(samples: &Range<usize>) -> Range<f64> {
    day(samples.start)..day(samples.end)
}

/// A chart with its axes.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    x: Range<f64>,
    y: Range<f64>,
    labels: [&str; 2],
) -> Result<Chart<'a, 'b>> {
    let [x_label, y_label] = labels;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(if x_label.is_empty() { 4 } else { 36 })
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(PALE.mix(0.4))
        .axis_style(PALE)
        .label_style(ink(13))
        .x_desc(x_label)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| figure_of(*y))
        .y_desc(y_label);
    if x_label.is_empty() {
        mesh.x_labels(0);
    }
    mesh.draw()?;
    Ok(chart)
}

/// The readings, when the fan clogs, and the troubles by name.
fn draw_log(story: &Story, area: &Area<'_>) -> Result<()> {
    const TOP: f64 = 145.0;
    let Story { readings, frozen, .. } = story;
    let all = frozen.start..frozen.end();
    let mut chart = chart(area, days(&all), 15.0..TOP, ["", "temperature, °C"])?;
    let (from, to) = (day(CLOGS.start), day(CLOGS.end));
    let clogs = Rectangle::new([(from, 15.0), (to, TOP)], PALE.mix(0.25).filled());
    chart.draw_series([clogs])?;
    let middle = ink(13).pos(Pos::new(HPos::Center, VPos::Center));
    let label = Text::new("the fan clogs", ((from + to) / 2.0, TOP - 7.0), middle);
    chart.draw_series([label])?;
    let points: Vec<_> = all.map(|t| (day(t), f64::from(readings[t]))).collect();
    // A line ends where a value is missing.
    for run in points.split(|(_, reading)| reading.is_nan()) {
        chart.draw_series(LineSeries::new(run.iter().copied(), INK.mix(0.55)))?;
    }
    for (i, (trouble, start, _)) in TROUBLES.into_iter().enumerate() {
        let name = match trouble {
            Trouble::Stuck => "sensor stuck",
            Trouble::NotANumber => "not a number",
            other => other.name(),
        };
        // A line each, so that neighbours don't cover each other.
        let height = TOP - 8.0 - 10.0 * (i % 4) as f64;
        let mark = [(day(start), 15.0), (day(start), height + 4.0)];
        chart.draw_series(LineSeries::new(mark, ACCENT.mix(0.5).stroke_width(1)))?;
        // The last of them is too near to the edge for its name.
        let (side, x) = if i % 4 == 3 { (HPos::Right, -0.15) } else { (HPos::Left, 0.15) };
        let beside = (day(start) + x, height);
        let style = ("sans-serif", 12).into_font().color(&ACCENT);
        let style = style.pos(Pos::new(side, VPos::Center));
        chart.draw_series([Text::new(name, beside, style)])?;
    }
    Ok(())
}

/// A line of alarms for each model.
fn draw_alarms(story: &Story, area: &Area<'_>) -> Result<()> {
    let Story { frozen, learning, update, .. } = story;
    let all = frozen.start..frozen.end();
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(24)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(days(&all), -0.6..2.6)?;
    let rows = [(2.0, frozen, all.start), (1.0, learning, all.start), (0.0, &update.run, UPDATED)];
    for (y, run, from) in rows {
        let line = [(day(from), y), (day(all.end), y)];
        chart.draw_series(LineSeries::new(line, PALE.stroke_width(1)))?;
        for t in run.alarms(from..all.end) {
            let style = if is_troubled(t) { ACCENT.filled() } else { INK.stroke_width(2) };
            chart.draw_series([Circle::new((day(t), y), 5, style)])?;
        }
        for t in run.faults(from..all.end) {
            chart.draw_series([Cross::new((day(t), y), 5, NEW.stroke_width(2))])?;
        }
    }
    for (i, name) in ["frozen", "learning", "uploaded"].into_iter().enumerate() {
        let y = 12 + (80.0 * (0.6 + i as f64) / 3.2) as i32;
        let style = ink(13).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(name, (LEFT as i32 + 4, y), style))?;
    }
    let entry = |x: i32, text: &'static str| Text::new(text, (LEFT as i32 + x, 0), ink(13));
    area.draw(&Circle::new((LEFT as i32 + 26, 6), 5, ACCENT.filled()))?;
    area.draw(&entry(38, "alarm about a trouble"))?;
    area.draw(&Circle::new((LEFT as i32 + 206, 6), 5, INK.stroke_width(2)))?;
    area.draw(&entry(218, "alarm about nothing"))?;
    area.draw(&Cross::new((LEFT as i32 + 376, 6), 5, NEW.stroke_width(2)))?;
    area.draw(&entry(388, "fault of the sensor, kept from the network"))?;
    Ok(())
}

/// The error over the last day.
fn draw_errors(story: &Story, area: &Area<'_>) -> Result<()> {
    let Story { frozen, learning, update, .. } = story;
    let all = frozen.start..frozen.end();
    let over_a_day = |run: &Run, from: usize| -> Vec<(f64, f64)> {
        let ends = (from + DAY..=run.end()).step_by(EVERY);
        ends.map(|t| (day(t), run.rmse(t - DAY..t))).filter(|p| p.1.is_finite()).collect()
    };
    let lines = [
        ("frozen", over_a_day(frozen, all.start), INK, 1),
        ("learning on the chip", over_a_day(learning, all.start), ACCENT, 2),
        ("uploaded", over_a_day(&update.run, UPDATED), NEW, 2),
    ];
    let highest = lines.iter().flat_map(|line| &line.1).fold(0.0, |high: f64, p| high.max(p.1));
    let top = 1.5 * highest;
    let mut chart = chart(area, days(&all), 0.0..top, ["day", "RMSE over a day, K"])?;
    for (t, name, height) in [(CUT, "power cut", 0.96), (UPDATED, "update", 0.89)] {
        let line = [(day(t), 0.0), (day(t), height * top)];
        chart.draw_series(LineSeries::new(line, NEW.stroke_width(1)))?;
        let style = ("sans-serif", 13).into_font().color(&NEW);
        let style = style.pos(Pos::new(HPos::Right, VPos::Center));
        chart.draw_series([Text::new(name, (day(t) - 0.15, height * top), style)])?;
    }
    for (name, points, color, width) in lines {
        let line = chart.draw_series(LineSeries::new(points, color.stroke_width(width)))?;
        line.label(name).legend(move |(x, y): (i32, i32)| {
            PathElement::new([(x, y), (x + 22, y)], color.stroke_width(width))
        });
    }
    for (kind, name, color) in [
        (Event::TakenOver, "what was learnt is taken over", ACCENT),
        (Event::RolledBack, "rolled back to the frozen network", INK),
    ] {
        let mut entered = false;
        for (t, _) in learning.events().filter(|(_, event)| *event == kind) {
            let line = [(day(t), 0.0), (day(t), 0.08 * top)];
            let line = chart.draw_series(LineSeries::new(line, color.stroke_width(2)))?;
            if !std::mem::replace(&mut entered, true) {
                line.label(name).legend(move |(x, y): (i32, i32)| {
                    PathElement::new([(x + 11, y - 6), (x + 11, y + 6)], color.stroke_width(2))
                });
            }
        }
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft)
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>, place: SeriesLabelPosition) -> Result<()> {
    let mut labels = chart.configure_series_labels();
    labels.position(place).background_style(WHITE.mix(0.85)).label_font(ink(13)).draw()?;
    Ok(())
}

/// A morning with the fan clogged: the reading, and what each model had predicted.
fn draw_close(story: &Story, area: &Area<'_>) -> Result<()> {
    const CLOSE: Range<usize> = 60 * DAY + DAY / 4..60 * DAY + DAY / 2;
    let Story { readings, frozen, learning, update } = story;
    let hour = |t: usize| (t % DAY) as f64 * 24.0 / DAY as f64;
    let line = |run: &Run| {
        let rows = CLOSE.map(|t| (hour(t), f64::from(run.rows[t - run.start].predicted)));
        rows.collect::<Vec<_>>()
    };
    let truth: Vec<_> = CLOSE.map(|t| (hour(t), f64::from(readings[t]))).collect();
    let lines = [
        ("measured", truth, PALE, 5),
        ("frozen", line(frozen), INK, 1),
        ("learning on the chip", line(learning), ACCENT, 2),
        ("uploaded", line(&update.run), NEW, 2),
    ];
    let values = || lines.iter().flat_map(|line| &line.1).map(|p| p.1);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    let y = low - 2.0..high + 2.0;
    let labels = ["hour of a morning with the fan clogged; predicted a sample earlier", "°C"];
    let mut chart = chart(area, hour(CLOSE.start)..hour(CLOSE.end), y, labels)?;
    for (name, points, color, width) in lines {
        let line = chart.draw_series(LineSeries::new(points, color.stroke_width(width)))?;
        line.label(name).legend(move |(x, y): (i32, i32)| {
            PathElement::new([(x, y), (x + 22, y)], color.stroke_width(width))
        });
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)
}
