//! A log made ready for networks: scales, inputs and labels of every mode, the parts' borders.

use rnn_core::model_file::Header;
use rnn_core::scaling::{Channel, Mode};

use crate::data::{Filled, Rows, Split, Table};
use crate::metrics::Errors;
use crate::model::Model;

/// Rows before the validation part that warm the state up for a look: what came earlier has faded.
const WARM_UP: usize = 1000;
/// Recursive forecasts of a look start at most at so many rows, evenly spread.
const ORIGINS: usize = 400;

/// All that trainings of one log share.
#[derive(Debug, Clone)]
pub struct Data<'a> {
    /// The log as it was measured.
    pub table: &'a Table,
    /// With the last value in place of missing ones.
    pub filled: Filled,
    /// Training, validation and test part.
    pub split: Split,
    /// Scales, fitted on the training part.
    pub channels: Vec<Channel>,
    samples: [Samples; 3],
}

/// What a network reads and should answer, row after row, scaled.
#[derive(Debug, Clone)]
pub struct Samples {
    /// u_t, n x channels.
    pub inputs: Vec<f32>,
    /// The output at t that would predict row t + 1; NaN where that row's value is missing.
    pub targets: Vec<f32>,
}

impl<'a> Data<'a> {
    /// Prepares a log.
    pub fn new(table: &'a Table) -> Self {
        let split = Split::of(table.rows().len());
        let training = table.rows().before(split.train.end);
        let channels: Vec<Channel> =
            (0..table.channels.len()).map(|c| Channel::fit(training.channel(c))).collect();
        let filled = table.forward_fill();
        let samples = [Mode::Raw, Mode::Residual, Mode::Difference]
            .map(|mode| Samples::new(table.rows(), filled.rows(), &channels, mode));
        Data { table, filled, split, channels, samples }
    }

    /// The same with the validation part among what is learnt from; the scales stay.
    pub fn with_validation(&self) -> Self {
        let mut data = self.clone();
        data.split.train.end = self.split.validation.end;
        data
    }

    /// Inputs and labels of a mode.
    pub fn samples(&self, mode: Mode) -> &Samples {
        &self.samples[mode as usize]
    }

    /// A model of this log.
    pub fn model(&self, header: Header, parameters: Vec<f32>) -> Model {
        Model {
            header,
            names: self.table.channels.clone(),
            samples: self.self_test_samples(header.self_tests),
            channels: self.channels.clone(),
            parameters: parameters.into(),
            integers: Vec::new().into(),
            modules: Default::default(),
            biases: Vec::new(),
            watch: None,
        }
    }

    /// Rows from the middle of the training part, where no unit is likely to be saturated; values
    /// missing from the start as their channel's mean.
    fn self_test_samples(&self, count: usize) -> Vec<f32> {
        let first = (self.split.train.len() - count) / 2;
        (first..first + count)
            .flat_map(|t| self.filled.rows().row(t).iter().zip(&self.channels))
            .map(|(&value, channel)| if value.is_nan() { channel.level_mean } else { value })
            .collect()
    }

    /// Predictions of the target for every row of the validation part, one step ahead, as the device
    /// would run; NaN for row 0.
    pub fn validate(&self, model: &Model) -> Vec<f32> {
        let target = model.target();
        let rows = self.filled.rows();
        let mut predictor = model.predictor();
        let part = self.split.validation.clone();
        // A window forgets everything before its first sample but the last value.
        let before = match model.header.window {
            0 => WARM_UP,
            window => window + 1,
        };
        predictor.warm_up_range(rows, part.start.saturating_sub(before)..part.start);
        part.map(|t| {
            let prediction = predictor.prediction()[target];
            predictor.step(rows.row(t));
            prediction
        })
        .collect()
    }

    /// Root mean squared error of such predictions; NaN where nothing can be scored.
    pub fn validation_rmse(&self, predictions: impl IntoIterator<Item = f32>) -> f64 {
        let part = self.split.validation.clone();
        let mut errors = Errors::default();
        for (t, prediction) in part.zip(predictions) {
            if t > 0 {
                errors.add(self.table.rows().get(t, self.table.target), f64::from(prediction));
            }
        }
        errors.rmse().unwrap_or(f64::NAN)
    }

    /// Root mean squared error of recursive forecasts of `steps` rows within the validation part,
    /// pooled over origins and steps; NaN where none fits.
    pub fn recursive_rmse(&self, model: &Model, steps: usize) -> f64 {
        let target = model.target();
        let rows = self.filled.rows();
        let part = self.split.validation.clone();
        let mut predictor = model.predictor();
        let mut errors = Errors::default();
        let count = (part.len() + 1).saturating_sub(steps);
        let stride = count.div_ceil(ORIGINS).max(1);
        predictor.warm_up_range(rows, part.start.saturating_sub(WARM_UP)..part.start);
        for t in part.start..part.start + count {
            if t > 0 && (t - part.start).is_multiple_of(stride) {
                predictor.forecast(steps, |step, prediction| {
                    let truth = self.table.rows().get(t + step, target);
                    errors.add(truth, f64::from(prediction[target]));
                });
            }
            predictor.step(rows.row(t));
        }
        errors.rmse().unwrap_or(f64::NAN)
    }
}

impl Samples {
    fn new(read: Rows<'_>, filled: Rows<'_>, channels: &[Channel], mode: Mode) -> Self {
        let value = |t: usize, c: usize| {
            let value = filled.get(t, c);
            if value.is_nan() { channels[c].level_mean } else { value }
        };
        let mut samples = Samples { inputs: Vec::new(), targets: Vec::new() };
        for t in 0..read.len() {
            for (c, channel) in channels.iter().enumerate() {
                let last = if t > 0 && !filled.get(t - 1, c).is_nan() {
                    value(t - 1, c)
                } else {
                    value(t, c)
                };
                samples.inputs.push(channel.input(mode, value(t, c), last));
                let next = if t + 1 < read.len() { read.get(t + 1, c) } else { f32::NAN };
                samples.targets.push(channel.target(mode, next, value(t, c)));
            }
        }
        samples
    }
}
