//! The model that this image carries, its shape checked when it is compiled.

use crate::models::*;
use rnn_core::model_file::{Error, ModelFile};
use rnn_core::watch::Verdict;

/// The model file, as it was named to the build; a damaged one ends the build here.
pub const FILE: ModelFile<'static> = match ModelFile::parse(include_bytes!(env!(
    "RNN_MODEL",
    "set RNN_MODEL to the absolute path of a model file; `rnn train` writes one"
))) {
    Ok(file) => file,
    Err(_) => panic!("RNN_MODEL names a file that is no model, or a damaged one"),
};

/// Hidden units.
pub const HIDDEN: usize = FILE.header.layers.hidden();
/// Samples per window; 0 when the state is carried for ever.
pub const WINDOW: usize = FILE.header.window;

// What is in it, as the build script has read: one of the macros of `models.rs`.
include!(concat!(env!("OUT_DIR"), "/model.rs"));

/// What was read; the build ends here when it can't be.
const fn of_the_file<T: Copy>(read: Result<T, Error>) -> T {
    match read {
        Ok(value) => value,
        Err(_) => panic!("the model file isn't what the build script read"),
    }
}
