//! How the shadow learns: steps down the gradient, and the mean of where they lead.

use super::learner::Learner;
use crate::parameters::Parameters;
use crate::scalar::Scalar;

/// Root mean square of a usual step over all parameters.
const RATE: f32 = 0.003;
/// Decay of the running mean square of the gradient.
const DECAY: f32 = 0.95;
/// Added to its root: where there is next to nothing to be learnt, steps become small.
const EPSILON: f32 = 1e-4;
/// How far the shadow moves to where the steps have led, per step.
const AVERAGE: f32 = 0.05;
/// Steps per block of T samples.
const STEPS: usize = 4;

/// Normalised gradient descent: w -= eta g / sqrt(v), v = b v + (1 - b) |g|^2 / N, one v for all N
/// parameters. However large a gradient is, a step is at most eta sqrt(N / (1 - b)) long. The shadow
/// is the running mean of w, which errs less than w (B. T. Polyak, A. B. Juditsky, 1992).
#[derive(Clone, Debug)]
pub(super) struct Descent<W> {
    /// w
    weights: W,
    /// g
    gradient: W,
    /// v
    square: f32,
    /// N
    count: f32,
    /// Every weight stays within +-this.
    bound: f32,
}

impl<W: Parameters<f32> + Clone> Descent<W> {
    /// Starts at the frozen weights.
    pub(super) fn new(frozen: &W) -> Self {
        Descent {
            weights: frozen.clone(),
            gradient: frozen.clone(),
            square: 0.0,
            count: frozen.tensors().map(<[f32]>::len).sum::<usize>() as f32,
            bound: bound(frozen),
        }
    }

    /// The same with others.
    pub(super) fn start(&mut self, frozen: &W) {
        self.bound = bound(frozen);
        self.restart(frozen);
    }

    /// Every weight's largest absolute value.
    pub(super) fn bound(&self) -> f32 {
        self.bound
    }

    /// Starts anew at these weights.
    pub(super) fn restart(&mut self, weights: &W) {
        copy(weights, &mut self.weights);
        self.square = 0.0;
    }

    /// Learns the block that `learner` keeps. `false`, and the weights are of no use, where the
    /// gradient isn't finite.
    pub(super) fn learn<L: Learner<Weights = W>>(
        &mut self,
        learner: &mut L,
        start: &L::Memory,
        shadow: &mut W,
    ) -> bool {
        for _ in 0..STEPS {
            learner.gradient(&self.weights, start, &mut self.gradient);
            let squares = self.gradient.tensors().flatten().fold(0.0, |s, &g| s + g * g);
            self.square = DECAY * self.square + (1.0 - DECAY) * (squares / self.count);
            if !self.square.is_finite() {
                return false;
            }
            let eta = RATE / (Scalar::sqrt(self.square) + EPSILON);
            let bound = self.bound;
            let tensors = self.weights.tensors_mut().zip(self.gradient.tensors());
            for ((w, g), mean) in tensors.zip(shadow.tensors_mut()) {
                for ((w, &g), mean) in w.iter_mut().zip(g).zip(mean) {
                    *w = (*w - eta * g).max(-bound).min(bound);
                    *mean += AVERAGE * (*w - *mean);
                }
            }
        }
        true
    }
}

/// Every weight's bound, from those that were flashed.
fn bound<W: Parameters<f32>>(frozen: &W) -> f32 {
    2.0 * frozen.tensors().flatten().fold(0.0f32, |m, w| m.max(w.abs())) + 16.0
}

/// Copies weights.
pub(super) fn copy<W: Parameters<f32>>(from: &W, to: &mut W) {
    for (to, from) in to.tensors_mut().zip(from.tensors()) {
        crate::cell::copy(from, to);
    }
}
