//! What learns, for shapes known at run time: the core's functions on owned memory, hence the same bits.

use std::borrow::Cow;

use rnn_core::adapt::Learner;
use rnn_core::adapt::flat::{self, Plan};
use rnn_core::network::Shape;

use crate::aligned::Aligned;
use crate::model::Model;

/// The sizes of a network that learns, and T >= 1, the samples of a block.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    shape: Shape,
    steps: usize,
}

impl Plan for Sizes {
    type Parameters = Aligned;
    type Memory = Aligned;
    type Sample = Vec<f32>;
    type Room = Aligned;

    fn shape(&self) -> Shape {
        self.shape
    }
    fn steps(&self) -> usize {
        self.steps
    }
    fn memory(&self) -> Aligned {
        Aligned::new(self.shape.memory())
    }
    fn room(&self, numbers: usize) -> Aligned {
        Aligned::new(numbers)
    }
}

/// The whole network learns.
pub type Whole = flat::Whole<Sizes>;
/// The readout alone learns.
pub type Readout = flat::Readout<Sizes>;

/// A part of a model that learns.
pub trait Part: Learner<Sample = Vec<f32>, Weights = Aligned> + Clone {
    /// Of this model, over blocks of so many samples.
    fn of(model: &Model, steps: usize) -> Self;
    /// What of the model never learns.
    fn fixed(model: &Model) -> Self::Fixed<'_>;
    /// What does, as it is in the file.
    fn frozen(model: &Model) -> Cow<'_, Aligned>;
}

impl Part for Whole {
    fn of(model: &Model, steps: usize) -> Self {
        Self::new(Sizes { shape: model.header.shape(), steps })
    }
    fn fixed(_: &Model) {}
    fn frozen(model: &Model) -> Cow<'_, Aligned> {
        Cow::Borrowed(&model.parameters)
    }
}

impl Part for Readout {
    fn of(model: &Model, steps: usize) -> Self {
        Self::new(Sizes { shape: model.header.shape(), steps })
    }
    fn fixed(model: &Model) -> &[f32] {
        &model.parameters
    }
    fn frozen(model: &Model) -> Cow<'_, Aligned> {
        let Shape { layers, outputs, .. } = model.header.shape();
        let all: &[f32] = &model.parameters;
        Cow::Owned(all[all.len() - outputs * (layers.hidden() + 1)..].into())
    }
}
