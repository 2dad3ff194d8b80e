//! The sizes of a network that is made up at run time, and what follows from them.

use crate::layers::{Layer, Layers};

/// The sizes of a network known at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// I
    pub inputs: usize,
    /// The cells, the first one reading the inputs.
    pub layers: Layers,
    /// O
    pub outputs: usize,
}

impl Shape {
    /// The cells' kinds and sizes.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> + use<> {
        self.layers.iter(self.inputs)
    }

    /// Number of parameters: those of the layers, W_hy (O x H), b_y (O).
    pub const fn parameters(&self) -> usize {
        self.layer_parameters(self.layers.count()) + self.outputs * (self.layers.hidden() + 1)
    }

    /// Number of parameters of the first `count` layers.
    pub const fn layer_parameters(&self, count: usize) -> usize {
        let (mut sum, mut i) = (0, 0);
        while i < count {
            sum += self.layers.get(i, self.inputs).parameters();
            i += 1;
        }
        sum
    }

    /// Sum over the first `count` layers.
    pub(super) fn before(&self, count: usize, of: impl Fn(Layer) -> usize) -> usize {
        self.layers().take(count).map(of).sum()
    }

    /// Multiply-adds of a step with its readout.
    pub fn multiply_adds(&self) -> usize {
        let layers = self.before(self.layers.count(), Layer::multiply_adds);
        layers + self.outputs * self.layers.hidden()
    }

    /// Numbers of state per sample, over all layers.
    pub fn state(&self) -> usize {
        self.layers().map(Layer::state).sum()
    }

    /// Numbers of memory of a stream, over all layers.
    pub const fn memory(&self) -> usize {
        let (mut sum, mut i) = (0, 0);
        while i < self.layers.count() {
            sum += self.layers.get(i, self.inputs).memory();
            i += 1;
        }
        sum
    }

    /// Numbers that a step of one sample leaves for its backward pass, over all layers.
    pub fn cache(&self) -> usize {
        self.layers().map(Layer::cache).sum()
    }

    /// Numbers of h per step and sample, over all layers.
    pub fn units(&self) -> usize {
        self.layers().map(|layer| layer.hidden).sum()
    }
}
