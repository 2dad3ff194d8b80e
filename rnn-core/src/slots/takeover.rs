//! Whether a model may run.

use core::fmt;

use crate::model_file::{self, ModelFile};

/// Why a whole file is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no model file, or one of another version or shape.
    File(model_file::Error),
    /// It has no self-test samples: nothing would show that it works here.
    NoSelfTests,
    /// Self-test samples gave other bits than the file says.
    SelfTests {
        /// How many.
        wrong: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::File(error) => error.fmt(f),
            Refusal::NoSelfTests => {
                f.write_str("the model file has no self-test samples: export it again with some")
            }
            Refusal::SelfTests { wrong } => {
                write!(f, "{wrong} self-tests of the model give other bits on this device")
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// Checks the whole file, then has `self_test` load it and count the samples whose predictions differ
/// (see [`Forecaster::self_test`](crate::forecast::Forecaster::self_test)). Returns the file, which may
/// run.
pub fn check(
    bytes: &[u8],
    self_test: impl FnOnce(&ModelFile<'_>) -> Result<usize, model_file::Error>,
) -> Result<ModelFile<'_>, Refusal> {
    let file = ModelFile::parse(bytes).map_err(Refusal::File)?;
    if file.header.self_tests == 0 {
        return Err(Refusal::NoSelfTests);
    }
    match self_test(&file).map_err(Refusal::File)? {
        0 => Ok(file),
        wrong => Err(Refusal::SelfTests { wrong }),
    }
}
