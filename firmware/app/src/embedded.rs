//! The model that this image carries, its shape checked when it is compiled.

use rnn_core::forecast::Forecaster;
use rnn_core::model_file::ModelFile;
use rnn_core::stream;

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
pub const HIDDEN: usize = FILE.header.hidden;
/// Samples per window; 0 when the state is carried for ever.
pub const WINDOW: usize = FILE.header.window;

/// The network and its scaling, in flash.
pub static MODEL: Forecaster<CHANNELS, HIDDEN> = match FILE.forecaster() {
    Ok(model) => model,
    Err(_) => panic!("the model's shape isn't the one that its header names"),
};

/// The model with its state.
pub type Predictor = stream::Predictor<'static, CHANNELS, HIDDEN, WINDOW>;
