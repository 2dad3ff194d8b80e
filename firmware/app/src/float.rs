//! Floating-point numbers.

use crate::embedded::FILE;
use rnn_core::forecast::Running;
use rnn_core::network::{Shape, Shaped, ShapedRef};
use rnn_core::stream::InPlace;

/// What the tensors are made of.
pub(crate) type Word = f32;

/// The shape of every network that may run here.
pub(crate) enum Embedded {}

impl Shaped for Embedded {
    const SHAPE: Shape = FILE.header.shape();
}

/// What a network remembers from step to step.
pub(crate) struct State([f32; Embedded::SHAPE.memory()]);

impl State {
    /// Before the first step.
    pub(crate) const REST: State = State([0.0; _]);

    /// The network on these numbers, in this state.
    #[inline(always)]
    pub(crate) fn of<'a>(&'a mut self, words: &'a [f32]) -> Option<impl Running + 'a> {
        let network = ShapedRef::<Embedded, f32>::new(words)?;
        Some(InPlace { network, memory: &mut self.0 })
    }
}
