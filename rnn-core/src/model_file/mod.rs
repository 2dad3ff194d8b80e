//! A trained model as bytes: little-endian, fixed-size header, exact length, CRC-32 over everything.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `RNNMODEL` |
//! | 8 | version (u16) = 1 |
//! | 10 | cell (u8): 1 Elman with bias and a linear readout |
//! | 11 | activation (u8): 1 tanh |
//! | 12 | number format (u8): 1 f32 |
//! | 13 | layout of the tensors (u8): 1 plain column-major |
//! | 14 | mode (u8): 0 raw, 1 residual, 2 difference |
//! | 15 | 0 |
//! | 16 | inputs I, hidden H, outputs O = I (u32 each) |
//! | 28 | window W (u32): 0 = state carried, else steps per prediction |
//! | 32 | index of the target channel (u32) |
//! | 36 | number of self-test samples S (u32) |
//! | 40 | length of the whole file (u32) |
//! | 44 | 0 (u32) |
//! | 48 | seed of the training (u64) |
//! | 56 | 0 (u64) |
//! | 64 | I channels: name (64 bytes, UTF-8, padded with 0), 4 scales of [`Channel`](crate::scaling::Channel) (f32) |
//! | | W_xh (H x I), W_hh (H x H), b (H), W_hy (O x H), b_y (O), f32 |
//! | | S self-test samples, f32 (I x S), then the predictions that they give from h = 0 (I x S) |
//! | end - 4 | CRC-32 (ISO-HDLC) of all that is before |
//!
//! Reading is `const`: a corrupt file that is embedded in a firmware doesn't compile, and neither
//! does one of another shape.

use core::fmt;

use crate::network::Shape;
use crate::scaling::Mode;

mod encode;
mod read;

pub use encode::{Contents, encode};
pub use read::ModelFile;

const MAGIC: [u8; 8] = *b"RNNMODEL";
const VERSION: u16 = 1;
const HEADER: usize = 64;
/// Longest channel name in bytes.
pub const NAME: usize = 64;
const CHANNEL: usize = NAME + 4 * 4;
/// Largest number of channels, hidden units, window steps and self-test samples.
pub const LIMIT: usize = 4096;

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What is wrong with the bytes of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Shorter or longer than the header says (or than a header).
    Length {
        /// Bytes that the header asks for; 64 where there is no whole header.
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
    /// The model's shape isn't the one that is asked for.
    Shape {
        /// Channels of the file.
        inputs: usize,
        /// Hidden units of the file.
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
                "the model file has version {version}, this program reads version {VERSION}: train it again or use the newer program"
            ),
            Error::Checksum => f.write_str(
                "the model file is damaged (its checksum doesn't fit): copy or export it again",
            ),
            Error::Field { offset } => {
                write!(f, "the model file has an unusable value in its field at byte {offset}")
            }
            Error::Number { offset } => {
                write!(f, "the model file has an unusable number at byte {offset}: train it again")
            }
            Error::Shape { inputs, hidden } => {
                write!(
                    f,
                    "the model file has {inputs} channels and {hidden} hidden units, which is not the shape asked for"
                )
            }
            Error::Room { needed } => write!(f, "the model needs {needed} bytes of room"),
        }
    }
}

impl core::error::Error for Error {}

/// A model file's header, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of channels I, read and predicted.
    pub inputs: usize,
    /// Hidden units H.
    pub hidden: usize,
    /// 0: the state is carried from sample to sample. W: every prediction runs over W samples.
    pub window: usize,
    /// Raw, residual or difference.
    pub mode: Mode,
    /// Which channel is scored.
    pub target: usize,
    /// Number of self-test samples.
    pub self_tests: usize,
    /// Seed of the training.
    pub seed: u64,
}

impl Header {
    /// The network's sizes.
    pub const fn shape(&self) -> Shape {
        Shape { inputs: self.inputs, hidden: self.hidden, outputs: self.inputs }
    }

    /// Whether every size exists and is within [`LIMIT`]: then no length overflows, for
    /// 64 + 4096 (80 + 4 (4096 + 4096 + 1 + 4096 + 1) + 8 4096) + 4 < 2^29.
    const fn check_sizes(&self) -> Result<(), Error> {
        let offset = if self.inputs == 0 || self.inputs > LIMIT {
            16
        } else if self.hidden == 0 || self.hidden > LIMIT {
            20
        } else if self.window > LIMIT {
            28
        } else if self.target >= self.inputs {
            32
        } else if self.self_tests > LIMIT {
            36
        } else {
            return Ok(());
        };
        Err(Error::Field { offset })
    }

    const fn tensors_at(&self) -> usize {
        HEADER + self.inputs * CHANNEL
    }

    const fn self_tests_at(&self) -> usize {
        self.tensors_at() + 4 * self.shape().parameters()
    }

    const fn length_without_crc(&self) -> usize {
        self.self_tests_at() + self.self_tests * self.inputs * 8
    }

    /// Length of the file in bytes, for sizes within [`LIMIT`].
    pub const fn file_length(&self) -> usize {
        self.length_without_crc() + 4
    }
}
