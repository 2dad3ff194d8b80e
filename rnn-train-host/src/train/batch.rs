//! Stretches of a series, a batch at a time, back-propagated through time.

use rnn_core::cell::Sequence;
use rnn_core::kernel::{Columns, Training};
use rnn_core::network::{BackwardSpace, NetworkRef, Shape, Workspace};
use rnn_core::random::SplitMix64;

use super::data::Samples;
use super::trainee::Setting;

/// Stretches per update.
pub(super) const BATCH: usize = 32;

/// A batch of stretches with everything that its two passes need.
pub(super) struct Batch {
    shape: Shape,
    steps: usize,
    /// Columns of the last steps that count.
    scored: usize,
    x: Vec<f32>,
    targets: Vec<f32>,
    start: Vec<f32>,
    cache: Vec<f32>,
    y: Vec<f32>,
    d: Vec<f32>,
    space: Vec<f32>,
    pub(super) gradient: Vec<f32>,
}

impl Batch {
    pub(super) fn new(setting: &Setting, channels: usize) -> Self {
        let (shape, steps) = (setting.shape(channels), setting.window);
        // A stretch starts from h = 0; an eighth of it only warms the state up.
        let scored = if setting.windowed { 1 } else { steps - steps / 8 };
        Batch {
            shape,
            steps,
            scored,
            x: vec![0.0; steps * BATCH * shape.inputs],
            targets: vec![0.0; scored * BATCH * shape.outputs],
            start: vec![0.0; BATCH * shape.state()],
            cache: vec![0.0; steps * BATCH * shape.cache()],
            y: vec![0.0; scored * BATCH * shape.outputs],
            d: vec![0.0; steps * BATCH * shape.units()],
            space: Vec::new(),
            gradient: vec![0.0; shape.parameters()],
        }
    }

    /// Draws stretches whose labels lie before row `end`.
    pub(super) fn draw(&mut self, samples: &Samples, end: usize, random: &mut SplitMix64) {
        let channels = self.shape.inputs;
        for b in 0..BATCH {
            let start = random.below(end - self.steps);
            for t in 0..self.steps {
                let from = (start + t) * channels;
                self.x[(t * BATCH + b) * channels..][..channels]
                    .copy_from_slice(&samples.inputs[from..][..channels]);
                if let Some(scored) = (t + self.scored).checked_sub(self.steps) {
                    self.targets[(scored * BATCH + b) * channels..][..channels]
                        .copy_from_slice(&samples.targets[from..][..channels]);
                }
            }
        }
    }

    /// Mean squared error over the labels that aren't missing, and its gradient.
    pub(super) fn gradient(&mut self, parameters: &[f32]) -> f32 {
        let network = NetworkRef::new(self.shape, parameters).expect("shape of the batch");
        let x = Columns::Values(&self.x);
        let sequence = Sequence { batch: BATCH, x, start: &self.start };
        let work = Workspace { cache: &mut self.cache, masks: &[], masked: &mut [] };
        network.forward::<Training>(sequence, work, &mut self.y);
        let labels = self.targets.iter().filter(|t| !t.is_nan()).count().max(1) as f32;
        let mut loss = 0.0;
        for (y, &target) in self.y.iter_mut().zip(&self.targets) {
            let error = if target.is_nan() { 0.0 } else { *y - target };
            loss += error * error;
            *y = 2.0 / labels * error;
        }
        self.gradient.fill(0.0);
        self.space.resize(network.space::<Training>(), 0.0);
        let work = Workspace { cache: &mut self.cache, masks: &[], masked: &mut [] };
        let space = BackwardSpace { d: &mut self.d, space: &mut self.space };
        let (y, gradient) = (&self.y, &mut self.gradient);
        network.backward::<Training>(sequence, work, self.steps, y, space, gradient);
        loss / labels
    }
}
