//! What is wrong with a file, in words.

use core::fmt;

use super::VERSION;

/// What is wrong with the bytes of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Shorter or longer than the header says (or than a header).
    Length {
        /// Bytes that the header asks for; 128 where there is no whole header.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The first bytes aren't those of a model file.
    NotAModel,
    /// Written by a version that this one doesn't know.
    Version(u16),
    /// The checksum doesn't fit: the file is damaged.
    Checksum,
    /// The field at this offset has a value that doesn't exist, or, in writing, one that isn't the
    /// model's.
    Field {
        /// Offset in bytes.
        offset: usize,
    },
    /// The number at this offset is infinite, not a number, or a deviation that isn't above 0.
    Number {
        /// Offset in bytes.
        offset: usize,
    },
    /// The model, or one of its layers, isn't of the kind and shape that is asked for.
    Shape {
        /// Inputs of the file's model or layer.
        inputs: usize,
        /// Hidden units of the file's model or layer.
        hidden: usize,
    },
    /// There is less room than the file needs.
    Room {
        /// Bytes needed.
        needed: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Length { expected, found } => write!(
                f,
                "the model file has {found} bytes where {expected} are expected: it was cut off or added to; copy or export it again"
            ),
            Error::NotAModel => {
                f.write_str("this is not a model file (it doesn't start with RNNMODEL)")
            }
            Error::Version(version) => write!(
                f,
                "the model file has version {version}, this program reads version {VERSION}: train it again, or use the program of its version"
            ),
            Error::Checksum => f.write_str(
                "the model file is damaged (its checksum doesn't fit): copy or export it again",
            ),
            Error::Field { offset } => {
                write!(
                    f,
                    "the model file has an unusable value in its field at byte {offset}: make it again with this program"
                )
            }
            Error::Number { offset } => {
                write!(f, "the model file has an unusable number at byte {offset}: train it again")
            }
            Error::Shape { inputs, hidden } => {
                write!(
                    f,
                    "the model file has {inputs} inputs and {hidden} hidden units there, which is not the kind and shape asked for"
                )
            }
            Error::Room { needed } => write!(f, "the model needs {needed} bytes of room"),
        }
    }
}

impl core::error::Error for Error {}
