//! Whether a model may run, and whether the state of the one before it goes on.

use core::fmt;

use crate::model_file::{self, Header, ModelFile};

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
/// (see [`Forecaster::self_test`](crate::forecast::Forecaster::self_test)).
pub fn check(
    bytes: &[u8],
    self_test: impl FnOnce(&ModelFile<'_>) -> Result<usize, model_file::Error>,
) -> Result<(), Refusal> {
    let file = ModelFile::parse(bytes).map_err(Refusal::File)?;
    if file.header.self_tests == 0 {
        return Err(Refusal::NoSelfTests);
    }
    match self_test(&file).map_err(Refusal::File)? {
        0 => Ok(()),
        wrong => Err(Refusal::SelfTests { wrong }),
    }
}

impl Header {
    /// Whether the state of the model that ran before is handed over to this one: if this one says so,
    /// and reads, computes and remembers the same things. Else it starts from rest.
    pub fn takes_state_of(&self, before: &Header) -> bool {
        let state = |header: &Header| {
            let Header { task, inputs, layers, window, numbers, .. } = *header;
            (task, inputs, layers, window, numbers)
        };
        self.hand_over && state(self) == state(before)
    }
}
