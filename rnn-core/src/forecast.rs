//! A network with the scales of its channels, ready to predict; recursive forecasts.

use crate::kernel::Inference;
use crate::network::{Network, NetworkRef};
use crate::scaling::{Channel, Mode};

/// A trained model of fixed size: I channels in, the same I channels of the next sample out.
///
/// Immutable: a `static` of this type lies in flash. What changes is in
/// [`Predictor`](crate::stream::Predictor).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecaster<const I: usize, const H: usize> {
    /// The network; it predicts every channel that it reads.
    pub network: Network<f32, I, H, I>,
    /// The channels' scales.
    pub channels: [Channel; I],
    /// Raw, residual or difference.
    pub mode: Mode,
}

impl<const I: usize, const H: usize> Forecaster<I, H> {
    /// A view for the functions on run-time shapes.
    #[inline(always)]
    pub fn view(&self) -> ForecasterRef<'_> {
        ForecasterRef { network: self.network.view(), channels: &self.channels, mode: self.mode }
    }
}

/// A model whose tensors lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct ForecasterRef<'a> {
    /// The network; inputs = outputs = number of channels.
    pub network: NetworkRef<'a, f32>,
    /// The channels' scales.
    pub channels: &'a [Channel],
    /// Raw, residual or difference.
    pub mode: Mode,
}

/// What a predictor remembers, as slices: I values where not said otherwise.
#[derive(Debug)]
pub struct Memory<'a> {
    /// h, H values.
    pub h: &'a mut [f32],
    /// The next h while it is being computed, H values.
    pub h_next: &'a mut [f32],
    /// The last valid value of each channel; NaN before the first one.
    pub last: &'a mut [f32],
    /// The network's inputs, then its outputs.
    pub scratch: &'a mut [f32],
    /// The last W inputs, I x W, the newest last; empty when the state is carried.
    pub recent: &'a mut [f32],
    /// How many samples `recent` holds.
    pub filled: &'a mut usize,
}

impl ForecasterRef<'_> {
    /// Takes one sample and predicts the next one, both in the channels' units.
    ///
    /// A value that isn't finite counts as missing: the channel's last valid value stands in for it
    /// (its mean level before the first one). In the streaming form (`recent` empty) this is one step of
    /// the network with the state carried on; in the windowed form the network runs from h = 0 over
    /// the last W samples.
    #[inline(always)]
    pub fn step(self, memory: Memory<'_>, sample: &[f32], prediction: &mut [f32]) {
        let Memory { h, h_next, last, scratch, recent, filled } = memory;
        let channels = self.channels.iter().zip(sample).zip(last.iter_mut());
        for (u, ((channel, &sample), last)) in scratch.iter_mut().zip(channels) {
            let before = if last.is_finite() { *last } else { channel.level_mean };
            let value = if sample.is_finite() { sample } else { before };
            // The first valid sample has no difference to the one before.
            let reference = if last.is_finite() { *last } else { value };
            *u = channel.input(self.mode, value, reference);
            if sample.is_finite() {
                *last = sample;
            }
        }
        let cell = self.network.cell;
        if recent.is_empty() {
            cell.step::<Inference>(scratch, h, h_next);
            copy(h_next, h);
        } else {
            let samples = recent.len() / cell.inputs.max(1);
            *filled = if *filled < samples { *filled + 1 } else { samples };
            push(scratch, recent);
            h.fill(0.0);
            let empty = samples.saturating_sub(*filled);
            for u in recent.chunks_exact(cell.inputs.max(1)).skip(empty) {
                cell.step::<Inference>(u, h, h_next);
                copy(h_next, h);
            }
        }
        let o = scratch;
        self.network.readout.forward::<Inference>(h, o);
        let channels = self.channels.iter().zip(last.iter()).zip(o.iter());
        for (prediction, ((channel, &last), &o)) in prediction.iter_mut().zip(channels) {
            let value = if last.is_finite() { last } else { channel.level_mean };
            *prediction = channel.prediction(self.mode, o, value);
        }
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

/// `copy_from_slice` without its check of the lengths.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
