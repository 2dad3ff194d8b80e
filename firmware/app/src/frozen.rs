//! A network that stays as it was trained.

use rnn_core::adapt::Event;
use rnn_core::link::Learning;

/// What the host is told.
pub(crate) const LEARNING: Option<Learning> = None;

/// What became of the network with a sample: nothing ever does.
#[derive(Clone, Copy)]
pub(crate) struct Learnt;

/// What the host is told of it: what happened, and whether the weights are others than the file's.
pub(crate) fn told(Learnt: Learnt) -> (Option<Event>, bool) {
    (None, false)
}

#[cfg(task = "forecast")]
mod network {
    use super::Learnt;
    use crate::{CHANNELS, Model, OUTPUTS, Predictor};

    /// The network of a stream.
    pub(crate) struct Network(Predictor);

    impl Network {
        /// At rest.
        pub(crate) fn start() -> Self {
            Network(Predictor::REST)
        }

        /// Back to the start, of another model perhaps.
        pub(crate) fn restart(&mut self) {
            *self = Self::start();
        }

        /// Another model runs from now on, from the state that there is.
        pub(crate) fn go_on(&mut self) {}

        /// Back to rest.
        pub(crate) fn rest(&mut self) {
            self.0.restart();
        }

        /// Where no step is made.
        pub(crate) fn idle(&self) -> Learnt {
            Learnt
        }

        /// Takes a sample, of which something might be learnt where it is `sound`.
        #[inline(always)]
        pub(crate) fn step(
            &mut self,
            model: Model<'_>,
            sample: &[f32; CHANNELS],
            _sound: bool,
        ) -> ([f32; OUTPUTS], Learnt) {
            (crate::step(&mut self.0, model, sample), Learnt)
        }
    }
}
#[cfg(task = "forecast")]
pub(crate) use network::Network;
