//! A network with the scales of its channels, ready to predict; recursive forecasts.

use crate::network::Network;
use crate::scaling::{Channel, Mode};

/// A trained model of fixed size: I channels in, the same I channels of the next sample out.
///
/// Immutable: a `static` of this type lies in flash. What changes is in
/// [`Predictor`](crate::stream::Predictor).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecaster<C, const I: usize, const H: usize> {
    /// The network; it predicts every channel that it reads.
    pub network: Network<f32, C, I, H, I>,
    /// The channels' scales.
    pub channels: [Channel; I],
    /// Raw, residual or difference.
    pub mode: Mode,
}

/// A network in the middle of a stream.
pub trait Running {
    /// Back to the state at rest.
    fn rest(&mut self);
    /// Takes the scaled inputs of one sample.
    fn step(&mut self, u: &[f32]);
    /// Takes a symbol.
    fn step_symbol(&mut self, symbol: u16);
    /// The readout of the state, scaled.
    fn read(&mut self, o: &mut [f32]);
}

/// What a predictor remembers beside the network's state, as slices: I values where not said
/// otherwise.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The last valid value of each channel; NaN before the first one.
    pub last: &'a mut [f32],
    /// The network's inputs, then its outputs.
    pub scratch: &'a mut [f32],
    /// The last W inputs, I x W, the newest last; empty when the state is carried.
    pub recent: &'a mut [f32],
    /// How many samples `recent` holds.
    pub filled: &'a mut usize,
}

/// Takes one sample and predicts the next one, both in the channels' units.
///
/// A value that isn't finite counts as missing: the channel's last valid value stands in for it
/// (its mean level before the first one). In the streaming form (`recent` empty) this is one step of
/// the network with the state carried on; in the windowed form the network runs from rest over
/// the last W samples.
#[inline(always)]
pub fn step(
    network: &mut impl Running,
    channels: &[Channel],
    mode: Mode,
    memory: Memory<'_>,
    sample: &[f32],
    prediction: &mut [f32],
) {
    let Memory { last, scratch, recent, filled } = memory;
    inputs(channels, mode, sample, last, scratch);
    if recent.is_empty() {
        network.step(scratch);
    } else {
        let width = scratch.len().max(1);
        let samples = recent.len() / width;
        *filled = if *filled < samples { *filled + 1 } else { samples };
        push(scratch, recent);
        network.rest();
        let empty = samples.saturating_sub(*filled);
        for u in recent.chunks_exact(width).skip(empty) {
            network.step(u);
        }
    }
    let o = scratch;
    network.read(o);
    predictions(channels, mode, o, last, prediction);
}

/// The network's inputs for a sample; `last` takes what of it is valid.
#[inline(always)]
pub(crate) fn inputs(
    channels: &[Channel],
    mode: Mode,
    sample: &[f32],
    last: &mut [f32],
    u: &mut [f32],
) {
    let values = channels.iter().zip(sample).zip(last);
    for (u, ((channel, &sample), last)) in u.iter_mut().zip(values) {
        let before = if last.is_finite() { *last } else { channel.level_mean };
        let value = if sample.is_finite() { sample } else { before };
        // The first valid sample has no difference to the one before.
        let reference = if last.is_finite() { *last } else { value };
        *u = channel.input(mode, value, reference);
        // Stored in any case: a store under a condition becomes a branch on some chips.
        *last = if sample.is_finite() { sample } else { *last };
    }
}

/// What the network's outputs predict after the sample that [`inputs`] has left in `last`.
#[inline(always)]
pub(crate) fn predictions(
    channels: &[Channel],
    mode: Mode,
    o: &[f32],
    last: &[f32],
    prediction: &mut [f32],
) {
    let outputs = channels.iter().zip(last).zip(o);
    for (prediction, ((channel, &last), &o)) in prediction.iter_mut().zip(outputs) {
        let value = if last.is_finite() { last } else { channel.level_mean };
        *prediction = channel.prediction(mode, o, value);
    }
}

/// Puts `sample` behind the recent ones; each moves up by one place, and the oldest ends in `sample`.
/// A ring would save the moves, but its steps would take more instructions at its seam than elsewhere.
#[inline(always)]
fn push(sample: &mut [f32], recent: &mut [f32]) {
    for place in recent.chunks_exact_mut(sample.len().max(1)).rev() {
        for (place, sample) in place.iter_mut().zip(sample.iter_mut()) {
            core::mem::swap(place, sample);
        }
    }
}
