//! The model that this image carries. Its sizes are those of every model that may run here, known when the
//! image is compiled.

use crate::task::Settings;
use rnn_core::model_file::ModelFile;

/// The model file's bytes, used where they lie, as those in the flash's slots are.
static BYTES: Aligned<[u8; include_bytes!(env!("RNN_MODEL")).len()]> = Aligned(*include_bytes!(
    env!("RNN_MODEL", "set RNN_MODEL to the absolute path of a model file; `rnn train` writes one")
));

#[repr(align(4))]
struct Aligned<T>(T);

/// The model file, as it was named to the build; a damaged one ends the build here.
pub const FILE: ModelFile<'static> = match ModelFile::parse(&BYTES.0) {
    Ok(file) => file,
    Err(_) => panic!("RNN_MODEL names a file that is no model, or a damaged one"),
};

/// Hidden units.
pub const HIDDEN: usize = FILE.header.layers.hidden();
/// Samples per window; 0 when the state is carried for ever.
pub const WINDOW: usize = FILE.header.window;

/// The bytes of the file.
pub fn bytes() -> &'static [u8] {
    &BYTES.0
}

/// What of it is copied into RAM.
pub const SETTINGS: Settings = match Settings::of(&FILE) {
    Ok(settings) => settings,
    Err(_) => panic!("the model file isn't what the build script read"),
};
