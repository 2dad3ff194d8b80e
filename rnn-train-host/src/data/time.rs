//! The time column: parsed and checked for order and gaps; the stream itself stays as it is.

use jiff::civil;
use serde::Serialize;

use super::notice::{Notice, NoticeKind, Tally};

/// What the time column says about the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeColumn {
    /// The column's name.
    pub name: String,
    /// The first time stamp, as written.
    pub first: String,
    /// The last time stamp, as written.
    pub last: String,
    /// The median of the steps that go forward: seconds for dates and times, the column's own
    /// unit for plain numbers.
    pub step: Option<f64>,
    /// Whether the stamps are dates or times, and so `step` is in seconds.
    pub calendar: bool,
    /// The time of each row, in the unit of `step`; NaN where it couldn't be understood.
    #[serde(skip)]
    pub times: Vec<f64>,
}

impl TimeColumn {
    /// The time of row `t` as text; "-" where it couldn't be understood.
    pub fn written(&self, t: usize) -> String {
        let time = self.times.get(t).copied().unwrap_or(f64::NAN);
        if time.is_nan() {
            return "-".into();
        }
        let instant = jiff::Timestamp::from_millisecond((time * 1e3).round() as i64);
        match instant {
            Ok(instant) if self.calendar => {
                let civil = jiff::tz::TimeZone::UTC.to_datetime(instant);
                civil.strftime("%Y-%m-%d %H:%M:%S%.f").to_string()
            }
            _ => time.to_string(),
        }
    }

    /// How many steps of the usual length lie between row t - 1 and row t; NaN where that isn't known.
    pub fn elapsed(&self, t: usize) -> f64 {
        let time = |t: usize| self.times.get(t).copied().unwrap_or(f64::NAN);
        match (t.checked_sub(1), self.step) {
            (Some(before), Some(step)) => (time(t) - time(before)) / step,
            _ => f64::NAN,
        }
    }
}

/// A step is a gap from this multiple of the median on: months and leap years differ less.
const GAP: f64 = 1.5;

const NAMES: [&str; 20] = [
    "",
    "time",
    "date",
    "datetime",
    "timestamp",
    "ts",
    "t",
    "t_s",
    "t_ms",
    "t_us",
    "seconds",
    "month",
    "year",
    "epoch",
    "unix",
    "n",
    "i",
    "idx",
    "index",
    "sample",
];

/// Whether a column of plain numbers is called like a time or an index.
pub(super) fn is_time_name(name: &str) -> bool {
    NAMES.contains(&name.to_ascii_lowercase().as_str())
}

/// A time stamp on its own scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stamp {
    /// Seconds since 1970 of a date (and time); without a zone it is taken as UTC.
    Calendar(f64),
    /// A plain number.
    Number(f64),
}

/// Understands plain numbers, `2024-05-31`, `2024/05/31`, `2024-05`, and dates with times after
/// ISO 8601, with `T` or a space, with a zone's offset or without.
pub(super) fn stamp(text: &str) -> Option<Stamp> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(Stamp::Number(number));
    }
    let mut text = text.replace('/', "-");
    if text.len() == 7 {
        text.push_str("-01");
    }
    let instant = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant,
        Err(_) => {
            let civil: civil::DateTime = text.parse().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?
        }
    };
    Some(Stamp::Calendar(instant.as_duration().as_secs_f64()))
}

/// A time on the scale of a log's time column; `None` for what is no time, or not of its kind.
pub fn time_of(text: &str, column: &TimeColumn) -> Option<f64> {
    match stamp(text)? {
        Stamp::Calendar(time) => column.calendar.then_some(time),
        Stamp::Number(time) => (!column.calendar).then_some(time),
    }
}

/// Collects the time column while the file is read.
pub(super) struct Clock {
    name: String,
    calendar: Option<bool>,
    first: Option<String>,
    last: String,
    times: Vec<(u64, f64)>,
    unreadable: Tally,
}

impl Clock {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            calendar: None,
            first: None,
            last: String::new(),
            times: Vec::new(),
            unreadable: Tally::default(),
        }
    }

    /// Takes a line's stamp; false if it can't be understood, or not like those before it.
    pub(super) fn push(&mut self, line: u64, text: &str) -> bool {
        let (calendar, time) = match stamp(text) {
            Some(Stamp::Calendar(time)) => (true, time),
            Some(Stamp::Number(time)) => (false, time),
            None => {
                return self.not_understood(line);
            }
        };
        if *self.calendar.get_or_insert(calendar) != calendar {
            return self.not_understood(line);
        }
        self.times.push((line, time));
        self.last.clear();
        self.last.push_str(text);
        self.first.get_or_insert_with(|| text.to_owned());
        true
    }

    fn not_understood(&mut self, line: u64) -> bool {
        self.unreadable.add(line);
        self.times.push((line, f64::NAN));
        false
    }

    /// The summary (`None` if no stamp was understood) and what is odd.
    pub(super) fn finish(self) -> (Option<TimeColumn>, Vec<Notice>) {
        let understood: Vec<(u64, f64)> =
            self.times.iter().copied().filter(|(_, time)| !time.is_nan()).collect();
        let steps = || understood.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1));
        let step = median(steps().map(|(_, step)| step).filter(|s| *s > 0.0).collect());
        let [mut back, mut repeated, mut gaps] = [Tally::default(); 3];
        for (line, length) in steps() {
            if length < 0.0 {
                back.add(line);
            } else if length == 0.0 {
                repeated.add(line);
            } else if step.is_some_and(|step| length > GAP * step) {
                gaps.add(line);
            }
        }
        let notices = [
            (back, NoticeKind::OutOfOrder),
            (repeated, NoticeKind::RepeatedTime),
            (gaps, NoticeKind::Gap),
            (self.unreadable, NoticeKind::UnreadableTime),
        ];
        let notices = notices
            .into_iter()
            .filter_map(|(tally, kind)| tally.notice(kind, Some(&self.name)))
            .collect();
        let calendar = self.calendar.unwrap_or_default();
        let column = self.first.map(|first| TimeColumn {
            name: self.name,
            first,
            last: self.last,
            step,
            calendar,
            times: self.times.into_iter().map(|(_, time)| time).collect(),
        });
        (column, notices)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}
