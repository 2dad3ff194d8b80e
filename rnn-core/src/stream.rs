//! The stream: one sample in, the prediction of the next one out, for ever.

use crate::forecast::{Forecaster, Memory};

/// A predictor over a model of I channels and H hidden units.
///
/// W = 0: the state is carried from sample to sample, one step of the network each. W > 0: every
/// prediction starts from h = 0 and takes W steps over the last W samples (the windowed way; W times
/// the work, W I floats more).
///
/// Samples and predictions are in the channels' units. A value that isn't finite counts as missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor<'m, const I: usize, const H: usize, const W: usize> {
    model: &'m Forecaster<I, H>,
    h: [f32; H],
    h_next: [f32; H],
    last: [f32; I],
    scratch: [f32; I],
    recent: [[f32; I]; W],
    filled: usize,
}

impl<'m, const I: usize, const H: usize, const W: usize> Predictor<'m, I, H, W> {
    /// Starts from h = 0 with no sample seen.
    pub fn new(model: &'m Forecaster<I, H>) -> Self {
        Predictor {
            model,
            h: [0.0; H],
            h_next: [0.0; H],
            last: [f32::NAN; I],
            scratch: [0.0; I],
            recent: [[0.0; I]; W],
            filled: 0,
        }
    }

    /// Takes one sample, returns the prediction of the next one.
    #[inline]
    pub fn step(&mut self, sample: &[f32; I]) -> [f32; I] {
        let mut prediction = [0.0; I];
        let memory = Memory {
            h: &mut self.h,
            h_next: &mut self.h_next,
            last: &mut self.last,
            scratch: &mut self.scratch,
            recent: self.recent.as_flattened_mut(),
            filled: &mut self.filled,
        };
        self.model.view().step(memory, sample, &mut prediction);
        prediction
    }

    /// h_t, all that the network remembers of the stream.
    pub fn state(&self) -> &[f32; H] {
        &self.h
    }

    /// Recursive forecast: predicts sample after sample, each prediction fed back as the next input,
    /// starting with `prediction`, the last one that [`step`](Self::step) returned. The predictor
    /// itself stays where it is.
    pub fn forecast(&self, prediction: [f32; I]) -> Forecast<'m, I, H, W> {
        Forecast { predictor: self.clone(), next: prediction }
    }
}

/// An endless recursive forecast; see [`Predictor::forecast`].
#[derive(Clone, Debug)]
pub struct Forecast<'m, const I: usize, const H: usize, const W: usize> {
    predictor: Predictor<'m, I, H, W>,
    next: [f32; I],
}

impl<const I: usize, const H: usize, const W: usize> Iterator for Forecast<'_, I, H, W> {
    type Item = [f32; I];

    fn next(&mut self) -> Option<[f32; I]> {
        let prediction = self.next;
        self.next = self.predictor.step(&prediction);
        Some(prediction)
    }
}
