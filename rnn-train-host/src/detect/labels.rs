//! Windows in which something is known to be wrong, and how alarms do against them.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::data::{TimeColumn, time_of};

/// Names of the columns of a file of windows.
const START: [&str; 2] = ["start", "window_start"];
const END: [&str; 2] = ["end", "window_end"];

/// Reads the windows of the log `data`: a CSV file with the columns `start` and `end` (or `window_start`,
/// `window_end`), both inclusive, as times of the log's time column or, for a log without one, as
/// rows counted from 0. Where there is a column `file`, lines of other logs are passed over.
///
/// # Errors
/// What can't be understood, with its line.
pub fn read(
    path: &Path,
    data: &Path,
    time: Option<&TimeColumn>,
) -> Result<Vec<RangeInclusive<f64>>> {
    read_windows(path, data, time).with_context(|| format!("{}", path.display()))
}

fn read_windows(
    path: &Path,
    data: &Path,
    time: Option<&TimeColumn>,
) -> Result<Vec<RangeInclusive<f64>>> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    let find = |of: &[&str]| names.iter().position(|name| of.contains(&name.as_str()));
    let column = |of: &[&str]| {
        find(of).with_context(|| format!("no column '{}' (there are {})", of[0], names.join(", ")))
    };
    let (start, end, file) = (column(&START)?, column(&END)?, find(&["file"]));
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    let mut windows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        if file.is_some_and(|file| field(file) != name) {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column: usize| {
            let text = field(column);
            let value = match time {
                Some(time) => time_of(text, time),
                None => text.parse().ok(),
            };
            value.with_context(|| {
                let what = if time.is_some() { "time like the log's" } else { "number of a row" };
                format!("line {line}, column '{}': '{text}' is no {what}", names[column])
            })
        };
        let window = value(start)?..=value(end)?;
        if window.is_empty() {
            bail!("line {line}: the window ends before it starts");
        }
        windows.push(window);
    }
    ensure!(!windows.is_empty(), "no window of the log {name}");
    Ok(windows)
}

/// Alarms against labelled windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Labelled windows.
    pub windows: usize,
    /// Those with an alarm in them.
    pub found: usize,
    /// Alarms.
    pub alarms: usize,
    /// Those in a window.
    pub inside: usize,
    /// inside / alarms; `None` where there is no alarm.
    pub precision: Option<f64>,
    /// found / windows
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 where one of them is 0 or there is no alarm.
    pub f1: f64,
}

impl Agreement {
    /// Of alarms at these times.
    pub fn of(alarms: &[f64], windows: &[RangeInclusive<f64>]) -> Self {
        let inside = alarms.iter().filter(|at| windows.iter().any(|window| window.contains(at)));
        let found = windows.iter().filter(|window| alarms.iter().any(|at| window.contains(at)));
        let (inside, found) = (inside.count(), found.count());
        let precision = (!alarms.is_empty()).then(|| inside as f64 / alarms.len() as f64);
        let recall = found as f64 / windows.len() as f64;
        let sum = precision.unwrap_or(0.0) + recall;
        let f1 = if sum > 0.0 { 2.0 * precision.unwrap_or(0.0) * recall / sum } else { 0.0 };
        Agreement {
            windows: windows.len(),
            found,
            alarms: alarms.len(),
            inside,
            precision,
            recall,
            f1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_held_against_windows() {
        let windows = [10.0..=20.0, 30.0..=40.0];
        let agreement = Agreement::of(&[5.0, 10.0, 15.0, 20.5], &windows);
        let Agreement { found, alarms, inside, precision, recall, f1, .. } = agreement;
        assert_eq!((found, alarms, inside), (1, 4, 2));
        assert_eq!((precision, recall, f1), (Some(0.5), 0.5, 0.5));
        let none = Agreement::of(&[], &windows);
        assert_eq!((none.precision, none.recall, none.f1), (None, 0.0, 0.0));
    }
}
