//! The model that this image carries, its shape checked when it is compiled.

use rnn_core::forecast::Forecaster;
use rnn_core::model_file::{Error, ModelFile};
use rnn_core::stream;
#[allow(unused_imports)] // Which cells there are depends on the model.
use rnn_core::{
    cell::Stack,
    elman::Elman,
    gru::{Gru, ResetAfter, ResetBefore},
    lstm::Lstm,
};

// `Cell`, the type, and `CELL`, its value.
include!(concat!(env!("OUT_DIR"), "/cell.rs"));

/// The model file, as it was named to the build; a damaged one ends the build here.
pub const FILE: ModelFile<'static> = match ModelFile::parse(include_bytes!(env!(
    "RNN_MODEL",
    "set RNN_MODEL to the absolute path of a model file; `rnn train` writes one"
))) {
    Ok(file) => file,
    Err(_) => panic!("RNN_MODEL names a file that is no model, or a damaged one"),
};

/// Channels in a sample and in a prediction.
pub const CHANNELS: usize = FILE.header.inputs;
/// Hidden units.
pub const HIDDEN: usize = FILE.header.layers.hidden();
/// Samples per window; 0 when the state is carried for ever.
pub const WINDOW: usize = FILE.header.window;

/// The network and its scaling, in flash.
pub static MODEL: Forecaster<Cell, CHANNELS, HIDDEN> = of_the_file(FILE.forecaster(CELL));

/// The model with its state.
pub type Predictor = stream::Predictor<'static, Cell, CHANNELS, HIDDEN, WINDOW>;

/// What was read; the build ends here when it can't be.
const fn of_the_file<T: Copy>(read: Result<T, Error>) -> T {
    match read {
        Ok(value) => value,
        Err(_) => panic!("the model file isn't what the build script read"),
    }
}
