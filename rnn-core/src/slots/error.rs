//! What can go wrong, in words.

use core::fmt;

use super::{FILE_AT, Refusal};

/// Why an update was not carried out. The model that ran goes on in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The slots aren't whole pages of the flash, overlap, or are too small for records and a file.
    Area,
    /// The file is longer than a slot's room.
    Room {
        /// Bytes there are.
        room: u32,
    },
    /// More bytes than were announced, or fewer at the end.
    Length {
        /// Bytes that were announced.
        expected: u32,
        /// Bytes that came, or would have come with this chunk.
        found: usize,
    },
    /// No update was begun, or it failed before.
    NotBegun,
    /// What lies in the flash has another checksum than the file, or a record isn't as it was written.
    Damaged,
    /// The file is whole, but it is no model to run.
    Refused(Refusal),
    /// There is no blank place left in which to seal the record of the model that runs.
    Full,
    /// The flash reports an error of its own.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Area => write!(
                f,
                "the model slots must be whole pages of the flash that don't overlap, longer than {FILE_AT} bytes"
            ),
            Error::Room { room } => {
                write!(f, "the model file is longer than the {room} bytes of a slot: train a smaller model")
            }
            Error::Length { expected, found } => {
                write!(f, "{found} bytes of a model file of {expected}: send it again")
            }
            Error::NotBegun => f.write_str("no update is under way: begin one"),
            Error::Damaged => f.write_str(
                "the flash doesn't hold what was sent: send the file again; if that doesn't help, the flash is worn out",
            ),
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Full => f.write_str(
                "power was cut too often while a record was written: erase the other slot, then this one, with a probe",
            ),
            Error::Flash(error) => write!(f, "the flash reports {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}
