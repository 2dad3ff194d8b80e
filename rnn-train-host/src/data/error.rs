//! What can be wrong with a log, and what its owner can do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A log that can't be read: which file, where in it, what is wrong and what to do.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    line: Option<u64>,
    column: Option<(usize, String)>,
    problem: Box<Problem>,
}

impl Error {
    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The line of the file, counted from 1.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    pub(super) fn at_line(line: u64, problem: Problem) -> Self {
        Self { line: Some(line), ..problem.into() }
    }

    /// Names the column; `index` counts from 0, the message from 1.
    pub(super) fn in_column(self, index: usize, name: &str) -> Self {
        Self { column: Some((index + 1, name.to_owned())), ..self }
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { path: PathBuf::new(), line: None, column: None, problem: Box::new(problem) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            f.write_str(if self.column.is_some() { ", " } else { ": " })?;
        }
        if let Some((number, name)) = &self.column {
            write!(f, "column {number} ({name:?}): ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for Error {}

/// What is wrong with a log. The text of each says what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the message is the description
pub enum Problem {
    #[error("can't be read ({0}); check the path and the permissions")]
    Io(std::io::Error),
    #[error("is a folder; name the CSV file itself")]
    Folder,
    #[error("the file is empty; it needs a line of column names and then a line per sample")]
    Empty,
    #[error("there is a header but no sample below it; log some samples first")]
    NoRows,
    #[error("there is only one sample; a series needs at least two")]
    OneRow,
    #[error(
        "the first line holds data ({0}), not column names; put a line with the column names above it"
    )]
    NoHeader(String),
    #[error("there is no column {name:?}{}; the columns are: {}", did_you_mean(nearest), columns.join(", "))]
    UnknownColumn { name: String, nearest: Option<String>, columns: Vec<String> },
    #[error("more than one column is called {0:?}; rename all but one")]
    DuplicateColumn(String),
    #[error("the feature {0:?} is asked for twice; name it once")]
    FeatureTwice(String),
    #[error("{0:?} is the time column, which is never a feature; leave it out of the features")]
    TimeIsFeature(String),
    #[error("the header names {expected} columns, this line has {found}{}; repair or delete the line",
        if *maybe_decimal_comma { " (commas as decimal signs? write 12.5, not 12,5)" } else { "" })]
    Ragged { found: usize, expected: usize, maybe_decimal_comma: bool },
    #[error(
        "{0:?} is not a number; correct it, leave the field empty if the value is missing, or don't use this column"
    )]
    NotANumber(String),
    #[error("{0:?} has a comma as its decimal sign; write numbers with a point, as in 12.5")]
    DecimalComma(String),
    #[error(
        "{0:?} is not a time; write 2024-05-31, 2024-05-31 18:30:00, 2024-05 or a plain number, in the same manner on every line"
    )]
    NotATime(String),
    #[error("the column holds no value at all; don't use it, or log it first")]
    AllMissing,
    #[error(
        "byte {in_line} of the line (byte {in_file} of the file, 0x{value:02X}) is not UTF-8; save the file as UTF-8"
    )]
    NotUtf8 { in_line: usize, in_file: u64, value: u8 },
    #[error(
        "the line holds a NUL byte, as after a power failure or in a UTF-16 file; delete the damaged lines or save the file as UTF-8"
    )]
    Nul,
    #[error(
        "there is a carriage return inside the line; end lines with a line feed (dos2unix or mac2unix does it)"
    )]
    CarriageReturn,
    #[error(
        "a quotation mark is out of place; a quoted field begins and ends with one on the same line, and one inside it is doubled"
    )]
    Quote,
    #[error("the line is longer than {0} bytes; is this a CSV file?")]
    LineTooLong(u64),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}
