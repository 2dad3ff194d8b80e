//! Series that change, and networks trained on them.

use super::{H, Model};
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::Cell;
use rnn_core::forecast::Forecaster;
use rnn_core::network::Network;
use rnn_core::optimizer::{Adam, clip_norm};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};

/// A number with mean 0 and deviation 1.
fn normal(random: &mut SplitMix64) -> f32 {
    (0..12).map(|_| random.uniform()).sum::<f64>() as f32 - 6.0
}

/// What a series becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) level: f32,
    pub(crate) gain: f32,
    pub(crate) period: f32,
}

pub(crate) const USUAL: Shape = Shape { level: 0.0, gain: 1.0, period: 25.0 };

/// A wave with an overtone and some noise around 10, `shapes` one after the other.
pub(crate) fn wave(seed: u64, shapes: &[(usize, Shape)]) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    let mut phase = 0.0f32;
    let mut series = vec![];
    for &(samples, Shape { level, gain, period }) in shapes {
        for _ in 0..samples {
            phase = (phase + 1.0 / period).fract();
            let angle = phase * core::f32::consts::TAU;
            let value = angle.sin() + 0.3 * (2.0 * angle + 1.0).cos();
            series.push(10.0 + 2.0 * (level + gain * value) + 0.15 * normal(&mut random));
        }
    }
    series
}

pub(crate) fn noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..samples).map(|_| 10.0 + normal(&mut random)).collect()
}

/// A network trained for a while on a series.
pub(crate) fn trained<C: Cell<f32, 1, H>>(series: &[f32], mode: Mode, updates: usize) -> Model<C> {
    const STRETCH: usize = 32;
    let channel = Channel::fit(series.iter().copied());
    let mut network = Network::random(3);
    let mut adam = Adam::new(Network::zeros());
    let mut bptt = Bptt::<f32, C, 1, H, 1, STRETCH>::new();
    let mut gradient = Network::zeros();
    let mut state = C::rest();
    let inputs: Vec<[f32; 1]> =
        series.windows(2).map(|w| [channel.input(mode, w[1], w[0])]).collect();
    let targets: Vec<[f32; 1]> =
        series.windows(2).map(|w| [channel.target(mode, w[1], w[0])]).collect();
    // inputs[t] reads what comes before targets[t + 1].
    let (inputs, _) = inputs.as_chunks::<STRETCH>();
    let (targets, _) = targets[1..].as_chunks::<STRETCH>();
    for (update, (x, y)) in inputs.iter().zip(targets).cycle().take(updates).enumerate() {
        bptt.gradient(&network, x, &state, y, Labels::Every, STRETCH, &mut gradient);
        bptt.last_state(&mut state);
        clip_norm(&mut gradient, 1.0);
        adam.update(&mut network, &gradient, 0.01 * (1.0 - update as f32 / updates as f32));
    }
    Forecaster { network, channels: [channel], mode }
}
