//! What was repaired or is odd in a log that could be read: counted, with the first place.

use std::fmt;

use serde::Serialize;

/// One kind of repair or oddity in one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What it is.
    pub kind: NoticeKind,
    /// The column, where there is one.
    pub column: Option<String>,
    /// How often it occurs.
    pub count: usize,
    /// The line of the first occurrence, counted from 1, where it has one.
    pub first_line: Option<u64>,
}

/// The kinds of repairs and oddities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Empty fields, NaN, NA, null: missing values.
    Missing,
    /// Infinite, or beyond the range of single precision: treated as missing.
    NotFinite,
    /// Every value is the same.
    Constant,
    /// Lines without any field, skipped.
    BlankLines,
    /// Fields are separated by a semicolon.
    Semicolons,
    /// Fields are separated by tabs.
    Tabs,
    /// A time stamp lies before the one above it.
    OutOfOrder,
    /// A time stamp equals the one above it.
    RepeatedTime,
    /// A step in time is more than 1.5 times the median step.
    Gap,
    /// A text in the time column that is no time.
    UnreadableTime,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "column {column:?}: ")?;
        }
        let count = self.count;
        let first_line = self.first_line.unwrap_or_default();
        match self.kind {
            NoticeKind::Missing => write!(
                f,
                "missing values: {count} (first on line {first_line}); the last value stands in as input, none is a target"
            ),
            NoticeKind::NotFinite => write!(
                f,
                "values infinite or beyond single precision: {count} (first on line {first_line}); treated as missing"
            ),
            NoticeKind::Constant => write!(f, "all {count} values are equal; nothing to learn"),
            NoticeKind::BlankLines => {
                write!(f, "blank lines skipped: {count} (first is line {first_line})")
            }
            NoticeKind::Semicolons => f.write_str("fields are separated by semicolons"),
            NoticeKind::Tabs => f.write_str("fields are separated by tabs"),
            NoticeKind::OutOfOrder => write!(
                f,
                "steps back in time: {count} (first on line {first_line}); the order of the lines is kept"
            ),
            NoticeKind::RepeatedTime => write!(
                f,
                "repeated time stamps: {count} (first on line {first_line}); every line is kept"
            ),
            NoticeKind::Gap => write!(
                f,
                "steps longer than 1.5 times the median: {count} (first on line {first_line}); nothing is filled in"
            ),
            NoticeKind::UnreadableTime => write!(
                f,
                "time stamps not understood: {count} (first on line {first_line}); order and gaps are not checked there"
            ),
        }
    }
}

/// Counts occurrences and remembers the line of the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    count: usize,
    first_line: u64,
}

impl Tally {
    pub(super) fn add(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The notice, if it ever occurred.
    pub(super) fn notice(self, kind: NoticeKind, column: Option<&str>) -> Option<Notice> {
        (self.count > 0).then(|| Notice {
            kind,
            column: column.map(str::to_owned),
            count: self.count,
            first_line: Some(self.first_line),
        })
    }
}
