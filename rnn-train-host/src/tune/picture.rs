//! Error against size, as an SVG.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;
use rnn_core::layers::Kind;

use super::Found;
use crate::atomic::write_atomically;
use crate::report::figure;

const SIZE: (u32, u32) = (960, 560);
const INK: RGBColor = RGBColor(40, 44, 52);
const PALE: RGBColor = RGBColor(176, 182, 192);
const ACCENT: RGBColor = RGBColor(214, 86, 28);
const ELMAN: RGBColor = RGBColor(58, 124, 165);
const GRU: RGBColor = RGBColor(86, 140, 72);
const LSTM: RGBColor = RGBColor(142, 104, 168);
/// Errors above this multiple of the best are cut off.
const HIGHEST: f64 = 1.5;

/// Draws what a search has found to `path`, whole or not at all.
///
/// # Errors
/// When the file can't be written.
pub fn picture(found: &Found, target: &str, path: &Path) -> Result<()> {
    let mut svg = String::new();
    draw(found, target, &mut svg).context("the picture can't be drawn")?;
    write_atomically(path, |file| Ok(file.write_all(svg.as_bytes())?))
}

/// Flash in KiB, error.
type Place = (f64, f64);

fn draw(found: &Found, target: &str, svg: &mut String) -> Result<()> {
    const KIB: f64 = 1024.0;
    let tried = |kind: fn(Kind) -> bool| -> Vec<Place> {
        let of = found.tried.iter().filter(|tried| kind(tried.setting.kind));
        of.map(|tried| (tried.flash as f64 / KIB, tried.rmse)).collect()
    };
    let kinds = [
        ("Elman", ELMAN, tried(|kind| matches!(kind, Kind::Elman(_)))),
        ("GRU", GRU, tried(|kind| matches!(kind, Kind::Gru(_)))),
        ("LSTM", LSTM, tried(|kind| matches!(kind, Kind::Lstm))),
    ];
    let finalists: Vec<Place> =
        found.finalists.iter().map(|f| (f.needs.flash as f64 / KIB, f.rmse)).collect();
    let all = || kinds.iter().flat_map(|(_, _, places)| places).chain(&finalists).copied();
    let least = all().map(|(_, rmse)| rmse).fold(f64::INFINITY, f64::min);
    let most = all().map(|(_, rmse)| rmse).fold(least, f64::max).min(HIGHEST * least);
    let margin = (0.06 * (most - least)).max(f64::MIN_POSITIVE);
    let (small, large) = all().fold((f64::INFINITY, 0.0f64), |(s, l), (f, _)| (s.min(f), l.max(f)));

    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let ink = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let (title, chart) = root.split_vertically(64);
    let heading = format!("{target}: error against size, {} networks tried", found.tried.len());
    title.draw(&Text::new(heading, (20, 14), ink(20)))?;
    let mut chart = ChartBuilder::on(&chart)
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(72)
        .build_cartesian_2d(
            (0.8 * small..1.25 * large).log_scale(),
            least - margin..most + margin,
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(PALE.mix(0.4))
        .axis_style(PALE)
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .x_desc("flash of the weights, KiB")
        .y_desc("RMSE on the validation part, one step ahead")
        .x_label_formatter(&|kib| figure_short(*kib))
        .y_label_formatter(&|rmse| figure(*rmse))
        .draw()?;
    let seen = |(_, rmse): &Place| *rmse <= most + margin;
    for (name, color, places) in &kinds {
        if places.is_empty() {
            continue;
        }
        let dots = places.iter().copied().filter(seen);
        chart
            .draw_series(dots.map(|place| Circle::new(place, 3, color.mix(0.55).filled())))?
            .label(*name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 4, color.filled()));
    }
    // The best for each size: nothing smaller errs less.
    let mut ordered = finalists.clone();
    ordered.extend(kinds.iter().flat_map(|(_, _, places)| places));
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut front: Vec<Place> = Vec::new();
    for place in ordered {
        if front.last().is_none_or(|last| place.1 < last.1) {
            front.push(place);
        }
    }
    let stairs = front.iter().copied().filter(seen);
    chart
        .draw_series(LineSeries::new(stairs, ACCENT.stroke_width(2)))?
        .label("least error up to a size")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], ACCENT.stroke_width(2)));
    let places = finalists.iter().copied().filter(seen);
    chart
        .draw_series(places.map(|place| TriangleMarker::new(place, 5, ACCENT.mix(0.8))))?
        .label("at the end, alone or merged")
        .legend(|(x, y)| TriangleMarker::new((x + 11, y), 5, ACCENT));
    if let Some(&chosen) = finalists.first() {
        chart
            .draw_series([Circle::new(chosen, 8, INK.stroke_width(2))])?
            .label(format!("chosen: {} KiB, {}", figure_short(chosen.0), figure(chosen.1)))
            .legend(|(x, y)| Circle::new((x + 11, y), 6, INK.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(PALE)
        .label_font(("sans-serif", 13).into_font().color(&INK))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Two digits.
fn figure_short(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
