//! How wrong the predictions have been so far.

use crate::{CHANNELS, OUTPUTS};
use micromath::F32Ext;

/// Mean squared error of predictions against the samples that came after them; channels that are
/// missing on either side don't count.
pub(crate) struct ErrorMeter {
    expected: Option<[f32; OUTPUTS]>,
    mean_square: f32,
    count: f32,
}

impl ErrorMeter {
    pub(crate) const fn new() -> Self {
        Self { expected: None, mean_square: 0.0, count: 0.0 }
    }

    /// Notes what the next sample should be.
    pub(crate) fn expect(&mut self, prediction: &[f32; OUTPUTS]) {
        self.expected = Some(*prediction);
    }

    /// Scores the prediction that was made for this sample.
    pub(crate) fn compare(&mut self, sample: &[f32; CHANNELS]) {
        let Some(expected) = self.expected.take() else { return };
        for (sample, expected) in sample.iter().zip(expected) {
            let error = sample - expected;
            let square = error * error;
            if square.is_finite() {
                self.count += 1.0;
                self.mean_square += (square - self.mean_square) / self.count;
            }
        }
    }

    /// Root of the mean squared error. micromath's square root is a few per cent off (its
    /// documentation: 5 % on average); enough for a log line, and never used in the network.
    pub(crate) fn rms(&self) -> f32 {
        F32Ext::sqrt(self.mean_square)
    }
}
