//! A model where its file lies: in the image, or in a slot of the flash.

use crate::embedded::FILE;
use crate::numbers::Word;
use crate::task::{Predictor, Scales, Settings};
use rnn_core::model_file::{Error, ModelFile};
use rnn_core::slots::{self, Refusal};

/// The words of a network's tensors.
pub type Words = [Word; FILE.header.tensor_words()];

/// A model that may run here.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// Its tensors, in place.
    pub words: &'a Words,
    /// How it scales its channels.
    pub scales: &'a Scales,
}

/// The tensors in the bytes of a file that has the sizes of the embedded one; `None` where they aren't all
/// there, or not on a 4-byte boundary.
#[inline(always)]
pub fn words(file: &[u8]) -> Option<&Words> {
    bytemuck::try_cast_slice(FILE.header.tensors(file)).ok()?.try_into().ok()
}

/// Whether a model may run here: its file is whole, of this image's sizes, and its self-tests give the right
/// bits.
pub fn check(bytes: &[u8]) -> Result<ModelFile<'_>, Refusal> {
    slots::check(bytes, |file| match (file.header.differs_from(&FILE.header), words(bytes)) {
        (None, Some(words)) => {
            let Settings { scales, .. } = &Settings::of(file)?;
            Ok(Predictor::REST.self_test(Model { words, scales }, file))
        }
        _ => Err(Error::Shape { inputs: file.header.inputs, hidden: file.header.layers.hidden() }),
    })
}
