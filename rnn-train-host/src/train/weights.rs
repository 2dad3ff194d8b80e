//! Weights on their way: Adam with decay and clipping, and their running average.

use rnn_core::optimizer::{Adam, clip_norm};
use serde::{Deserialize, Serialize};

/// The gradient is clipped to this norm.
const CLIP: f32 = 1.0;

/// All that an update changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Flat parameters.
    pub parameters: Vec<f32>,
    /// Their running average: it errs less than the last ones (Polyak and Juditsky, 1992).
    pub average: Vec<f32>,
    /// Updates done.
    pub updates: usize,
    moments: [Vec<f32>; 2],
    powers: [f32; 2],
}

/// How far an update goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Adam's step size.
    pub rate: f32,
    /// Share of a weight that decays, as a multiple of the step size (Loshchilov and Hutter, 2019).
    pub decay: f32,
    /// The average is one over about 1 / (1 - this) updates.
    pub average: f32,
}

impl Weights {
    /// Before the first update.
    pub fn new(parameters: Vec<f32>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Weights {
            average: parameters.clone(),
            parameters,
            updates: 0,
            moments: [zeros.clone(), zeros],
            powers: [1.0; 2],
        }
    }

    /// One update; clips the gradient.
    pub fn update(&mut self, gradient: &mut Vec<f32>, step: Step) {
        let Step { rate, decay, average } = step;
        clip_norm(gradient, CLIP);
        if decay > 0.0 {
            let kept = 1.0 - rate * decay;
            self.parameters.iter_mut().for_each(|p| *p *= kept);
        }
        let mut adam = Adam::new(Vec::new());
        [adam.first, adam.second] = std::mem::take(&mut self.moments);
        adam.powers = self.powers;
        adam.update(&mut self.parameters, gradient, rate);
        (self.moments, self.powers) = ([adam.first, adam.second], adam.powers);
        self.updates += 1;
        // Young averages forget faster, or the initial weights would stay in them for long.
        let kept = average.min(self.updates as f32 / (self.updates as f32 + 10.0));
        for (average, &parameter) in self.average.iter_mut().zip(&self.parameters) {
            *average = parameter + kept * (*average - parameter);
        }
    }
}
