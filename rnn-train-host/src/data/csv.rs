//! Reading a CSV log: the chosen columns as numbers, in one pass, held once.
//!
//! One line is one sample. The header is the first line that isn't blank; fields are separated
//! by commas, or by semicolons or tabs where the header has more of those (stated in a notice).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::columns::find;
use super::error::{Error, Problem};
use super::field::{self, Field, held};
use super::notice::{Notice, NoticeKind, Tally};
use super::record::{Record, Records};
use super::table::Table;
use super::time::{self, Clock, Stamp};

/// Which columns to read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The column that is scored.
    pub target: String,
    /// The columns to read, in this order; the target is appended if it isn't among them.
    pub features: Vec<String>,
    /// The time column. Without it, the first column is the time column if it isn't a feature
    /// and holds dates or times, or is called like a time or an index.
    pub time: Option<String>,
}

/// Reads the chosen columns of the log at `path`.
///
/// # Errors
/// Whatever can't be read as a series of numbers; see [`Problem`].
pub fn read(path: &Path, options: &Options) -> Result<Table, Error> {
    open(path).and_then(|input| read_table(input, options)).map_err(|e| e.in_file(path))
}

/// Reads a log from memory or a stream; `path` only serves the error messages.
///
/// # Errors
/// As [`read`].
pub fn read_from(input: impl BufRead, path: &Path, options: &Options) -> Result<Table, Error> {
    read_table(input, options).map_err(|e| e.in_file(path))
}

/// The names of the columns of the log at `path`.
///
/// # Errors
/// If the file can't be read or has no header.
pub fn columns(path: &Path) -> Result<Vec<String>, Error> {
    open(path)
        .and_then(Records::open)
        .and_then(|(records, names)| check_header(records.line_number(), &names).map(|()| names))
        .map_err(|e| e.in_file(path))
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    if path.is_dir() {
        return Err(Problem::Folder.into());
    }
    let file = File::open(path).map_err(Problem::Io)?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn read_table(input: impl BufRead, options: &Options) -> Result<Table, Error> {
    let (mut records, names) = Records::open(input)?;
    check_header(records.line_number(), &names)?;
    let separator = match records.separator() {
        b';' => Some(NoticeKind::Semicolons),
        b'\t' => Some(NoticeKind::Tabs),
        _ => None,
    };
    let separator = separator.map(|kind| Notice {
        kind,
        column: None,
        count: 1,
        first_line: Some(records.line_number()),
    });
    let mut reading = Reading::new(&names, options)?;
    while let Some(record) = records.next()? {
        if record.is_blank() {
            reading.blank_lines.push(record.line);
            continue;
        }
        if record.len() != names.len() {
            return Err(ragged(&record, names.len(), separator.is_none()));
        }
        reading.row(&record)?;
    }
    let mut table = reading.finish()?;
    table.notices.splice(0..0, separator);
    Ok(table)
}

fn check_header(line: u64, names: &[String]) -> Result<(), Error> {
    if names.iter().all(|name| time::stamp(name).is_some()) {
        let shown = field::shortened(&names.join(", "));
        return Err(Error::at_line(line, Problem::NoHeader(shown)));
    }
    Ok(())
}

fn ragged(record: &Record<'_>, expected: usize, commas: bool) -> Error {
    let problem = Problem::Ragged {
        found: record.len(),
        expected,
        maybe_decimal_comma: commas && record.len() > expected,
    };
    Error::at_line(record.line, problem)
}

/// A channel's column and what is counted in it.
struct Channel {
    column: usize,
    missing: Tally,
    not_finite: Tally,
    first: Option<f32>,
    varies: bool,
}

struct Reading<'a> {
    names: &'a [String],
    channels: Vec<Channel>,
    target: usize,
    time: Option<(usize, Clock)>,
    time_is_explicit: bool,
    /// Blank lines since the last sample.
    blank_lines: Vec<u64>,
    skipped: Tally,
    values: Vec<f32>,
}

impl<'a> Reading<'a> {
    fn new(names: &'a [String], options: &Options) -> Result<Self, Error> {
        let mut asked: Vec<&str> = options.features.iter().map(String::as_str).collect();
        if !asked.contains(&options.target.as_str()) {
            asked.push(&options.target);
        }
        let mut channels: Vec<Channel> = Vec::new();
        for name in &asked {
            let column = find(names, name)?;
            if channels.iter().any(|c| c.column == column) {
                return Err(Problem::FeatureTwice(name.to_string()).into());
            }
            channels.push(Channel {
                column,
                missing: Tally::default(),
                not_finite: Tally::default(),
                first: None,
                varies: false,
            });
        }
        let time = match &options.time {
            Some(name) => Some(find(names, name)?),
            None => None,
        };
        if let Some(column) = time
            && channels.iter().any(|c| c.column == column)
        {
            return Err(Problem::TimeIsFeature(names[column].clone()).into());
        }
        let target = asked.iter().position(|name| *name == options.target);
        Ok(Self {
            names,
            channels,
            target: target.unwrap_or_default(),
            time: time.map(|column| (column, Clock::new(&names[column]))),
            time_is_explicit: time.is_some(),
            blank_lines: Vec::new(),
            skipped: Tally::default(),
            values: Vec::new(),
        })
    }

    /// Blank lines are skipped; but between the samples of a file of one column, each is a
    /// missing value.
    fn take_blank_lines(&mut self, between_samples: bool) {
        for line in std::mem::take(&mut self.blank_lines) {
            if between_samples && self.names.len() == 1 {
                self.values.push(held(Field::Missing));
                self.channels[0].missing.add(line);
            } else {
                self.skipped.add(line);
            }
        }
    }

    fn row(&mut self, record: &Record<'_>) -> Result<(), Error> {
        if self.values.is_empty() && !self.time_is_explicit {
            self.recognise_time(record);
        }
        self.take_blank_lines(!self.values.is_empty());
        if let Some((column, clock)) = &mut self.time {
            let text = record.field(*column);
            if !clock.push(record.line, text) && self.time_is_explicit {
                let problem = Problem::NotATime(field::shortened(text));
                return Err(
                    Error::at_line(record.line, problem).in_column(*column, &self.names[*column])
                );
            }
        }
        for channel in &mut self.channels {
            let value = field::number(record.field(channel.column)).map_err(|problem| {
                Error::at_line(record.line, problem)
                    .in_column(channel.column, &self.names[channel.column])
            })?;
            self.values.push(channel.count(record.line, value));
        }
        Ok(())
    }

    fn recognise_time(&mut self, record: &Record<'_>) {
        let is_time = matches!(time::stamp(record.field(0)), Some(Stamp::Calendar(_)))
            || time::is_time_name(&self.names[0]);
        if is_time && self.channels.iter().all(|c| c.column != 0) {
            self.time = Some((0, Clock::new(&self.names[0])));
        }
    }

    fn finish(mut self) -> Result<Table, Error> {
        self.take_blank_lines(false);
        let rows = self.values.len() / self.channels.len();
        match rows {
            0 => return Err(Problem::NoRows.into()),
            1 => return Err(Problem::OneRow.into()),
            _ => {}
        }
        let (time, mut notices) = match self.time {
            Some((_, clock)) => clock.finish(),
            None => (None, Vec::new()),
        };
        notices.extend(self.skipped.notice(NoticeKind::BlankLines, None));
        for channel in &self.channels {
            let name = self.names[channel.column].as_str();
            if channel.first.is_none() {
                return Err(Error::from(Problem::AllMissing).in_column(channel.column, name));
            }
            notices.extend(channel.missing.notice(NoticeKind::Missing, Some(name)));
            notices.extend(channel.not_finite.notice(NoticeKind::NotFinite, Some(name)));
            if !channel.varies {
                let absent = channel.missing.count() + channel.not_finite.count();
                notices.push(Notice {
                    kind: NoticeKind::Constant,
                    column: Some(name.to_owned()),
                    count: rows - absent,
                    first_line: None,
                });
            }
        }
        let name = |c: &Channel| self.names[c.column].clone();
        Ok(Table {
            channels: self.channels.iter().map(name).collect(),
            target: self.target,
            time,
            notices,
            values: self.values,
        })
    }
}

impl Channel {
    /// Counts a field and gives what the table holds for it.
    fn count(&mut self, line: u64, field: Field) -> f32 {
        match field {
            Field::Value(value) => self.varies |= *self.first.get_or_insert(value) != value,
            Field::Missing | Field::NotANumber => self.missing.add(line),
            Field::Infinite(_) => self.not_finite.add(line),
        }
        held(field)
    }
}
