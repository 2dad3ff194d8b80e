//! From a log on disk to numbers: reading, checking, splitting.
//!
//! A log is a CSV file with a header and one line per sample. [`csv::read`] turns the chosen
//! columns into a [`Table`]; whatever it had to repair on the way is counted in the table's
//! [`Notice`]s, and what it can't repair is an [`Error`] that names the line and the column.

mod columns;
pub mod csv;
mod error;
mod field;
mod notice;
mod record;
pub mod season;
pub mod split;
mod table;
mod time;

pub use error::{Error, Problem};
pub use field::as_sent;
pub use notice::{Notice, NoticeKind};
pub use split::{Part, Split};
pub use table::{Filled, Rows, Table};
pub use time::{TimeColumn, time_of};
