//! The network without memory: h = sigma(W x + b), y = softmax(W' h + b') or linear.
//!
//! The baseline that shows what the recurrence is worth: fed a single sample, or a window of them
//! side by side.

use crate::activation::Activation;
use crate::dense::Dense;
use crate::kernel::{Arithmetic, Inference};
use crate::network::Head;
use crate::parameters::Parameters;
use crate::random::SplitMix64;
use crate::scalar::Scalar;

/// A feed-forward network with one hidden layer: I inputs, H hidden units, O outputs. Its gradient
/// has the same type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeedForward<T, const I: usize, const H: usize, const O: usize> {
    /// W, b of the hidden layer.
    pub hidden: Dense<T, I, H>,
    /// sigma
    pub activation: Activation,
    /// W', b' of the output layer.
    pub output: Dense<T, H, O>,
    /// Softmax or linear.
    pub head: Head,
}

impl<T: Scalar, const I: usize, const H: usize, const O: usize> FeedForward<T, I, H, O> {
    /// All zeros.
    pub fn zeros(activation: Activation, head: Head) -> Self {
        FeedForward { hidden: Dense::zeros(), activation, output: Dense::zeros(), head }
    }

    /// Every parameter uniform in +-1/sqrt(number of the layer's inputs).
    pub fn random(activation: Activation, head: Head, seed: u64) -> Self {
        let mut network = Self::zeros(activation, head);
        let mut random = SplitMix64::new(seed);
        for (tensor, inputs) in network.tensors_mut().zip([I, I, H, H]) {
            random.fill_uniform(T::ONE / T::from_f64(inputs as f64).sqrt(), tensor);
        }
        network
    }

    /// y, and the hidden layer's h for [`backward`](Self::backward).
    #[inline]
    pub fn forward(&self, x: &[T; I]) -> ([T; H], [T; O]) {
        let mut h = [T::ZERO; H];
        let mut y = [T::ZERO; O];
        self.hidden.view().forward::<Inference>(x, &mut h);
        <Inference as Arithmetic<T>>::activate(self.activation, &mut h);
        self.output.view().forward::<Inference>(&h, &mut y);
        self.head.apply(&mut y, O);
        (h, y)
    }

    /// Adds dL/d(parameters) to `gradient`, from `d_o` = dL/do in front of the head.
    #[inline]
    pub fn backward(&self, x: &[T; I], h: &[T; H], d_o: &[T; O], gradient: &mut Self) {
        let mut d = [T::ZERO; H];
        let mut d_x = [T::ZERO; I];
        self.output.view().backward::<Inference>(
            h,
            d_o,
            gradient.output.view_mut(),
            &mut d,
            &mut [],
        );
        self.activation.backward(h, &mut d);
        self.hidden.view().backward::<Inference>(
            x,
            &d,
            gradient.hidden.view_mut(),
            &mut d_x,
            &mut [],
        );
    }
}

impl<T: Scalar, const I: usize, const H: usize, const O: usize> Parameters<T>
    for FeedForward<T, I, H, O>
{
    fn tensors(&self) -> impl Iterator<Item = &[T]> {
        let (hidden, output) = (self.hidden.view(), self.output.view());
        [hidden.w, hidden.b, output.w, output.b].into_iter()
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let (hidden, output) = (self.hidden.view_mut(), self.output.view_mut());
        [hidden.w, hidden.b, output.w, output.b].into_iter()
    }
}
