//! The linear rival: an autoregression of all channels on the lags of all channels.

use nalgebra::{DMatrix, DVector};

use super::ridge::NormalEquations;
use super::{Baseline, Past};
use crate::data::{Rows, Split};
use crate::metrics::Errors;

/// Lags 1..=20, fewer where the training part is shorter than three times that.
const LAGS: usize = 20;
/// Penalties tried, relative to the inputs' variance of 1.
const PENALTIES: [f64; 10] = [1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0];
/// Samples that go into the normal equations in one product.
const BLOCK: usize = 256;

/// What the linear model reads and predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Levels,
    Differences,
}

/// Ridge regression of every channel on 20 lags of all channels, and on the lag of the season
/// where that helps; in levels or in differences. What helps is decided by the one-step error
/// of the target on the validation part.
#[derive(Debug, Clone)]
pub struct Ar {
    form: Form,
    lags: Vec<usize>,
    penalty: f64,
    scales: Vec<Scale>,
    /// channels x (1 + lags x channels): the offset, then lag after lag all channels.
    weights: DMatrix<f64>,
}

/// Why there is no linear model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Some channel has no measured value in the training part after the first lags.
    #[error("the training part is too short for a linear model; log more samples")]
    NoTraining,
    /// The models can't be compared.
    #[error("the validation part holds no measured target; log more samples")]
    NoValidation,
}

impl Ar {
    /// Fits on the training part and chooses on the validation part of `split`.
    /// `measured` holds NaN where a value is missing: it is no label, and not scored. `filled`
    /// has the same rows with the values carried forward. Rows after the validation part aren't
    /// looked at.
    ///
    /// # Errors
    /// If the training part or the validation part holds nothing to fit or to compare on.
    pub fn fit(
        measured: Rows<'_>,
        filled: Rows<'_>,
        target: usize,
        split: &Split,
        season: Option<usize>,
    ) -> Result<Self, FitError> {
        let longest = LAGS.min(split.train.len() / 3).max(1);
        let plain: Vec<usize> = (1..=longest).collect();
        let seasonal = season
            .filter(|season| *season > longest)
            .map(|season| [plain.as_slice(), &[season]].concat());
        let mut best: Option<(f64, Self)> = None;
        for form in [Form::Levels, Form::Differences] {
            let scales = scales(form, filled, split);
            for lags in [Some(&plain), seasonal.as_ref()].into_iter().flatten() {
                let template = Self {
                    form,
                    lags: lags.clone(),
                    penalty: 0.0,
                    scales: scales.clone(),
                    weights: DMatrix::zeros(0, 0),
                };
                for candidate in template.solutions(measured, filled, split) {
                    let error = candidate
                        .validation_error(measured, filled, target, split)
                        .ok_or(FitError::NoValidation)?;
                    if best.as_ref().is_none_or(|(least, _)| error < *least) {
                        best = Some((error, candidate));
                    }
                }
            }
        }
        best.map(|(_, ar)| ar).ok_or(FitError::NoTraining)
    }

    /// A model for each penalty; none where no row has both a label and all lags.
    fn solutions(&self, measured: Rows<'_>, filled: Rows<'_>, split: &Split) -> Vec<Self> {
        let inputs = 1 + self.lags.len() * filled.channels();
        let mut models: Vec<Self> = PENALTIES
            .iter()
            .map(|&penalty| Self {
                penalty,
                weights: DMatrix::zeros(filled.channels(), inputs),
                ..self.clone()
            })
            .collect();
        for group in alike(measured.before(split.train.end)) {
            let sums = self.sums(measured, filled, split, &group);
            if sums.samples() == 0 {
                return Vec::new();
            }
            models.retain_mut(|model| {
                let Some(solution) = sums.solve(model.penalty) else {
                    return false;
                };
                for (label, &channel) in solution.column_iter().zip(&group) {
                    model.weights.row_mut(channel).tr_copy_from(&label);
                }
                true
            });
        }
        models
    }

    /// Normal equations for a group of channels that are measured in the same rows.
    fn sums(
        &self,
        measured: Rows<'_>,
        filled: Rows<'_>,
        split: &Split,
        group: &[usize],
    ) -> NormalEquations {
        let inputs = 1 + self.lags.len() * filled.channels();
        let mut sums = NormalEquations::new(inputs, group.len());
        let reach = self.lags.iter().copied().max().unwrap_or_default() + 1;
        let labelled: Vec<usize> =
            (reach..split.train.end).filter(|&t| !measured.get(t, group[0]).is_nan()).collect();
        for rows in labelled.chunks(BLOCK) {
            let mut x = DMatrix::zeros(inputs, rows.len());
            let mut y = DMatrix::zeros(group.len(), rows.len());
            for (sample, &t) in rows.iter().enumerate() {
                let past = Past::new(filled.before(t), 0);
                self.read(&past, x.column_mut(sample).as_mut_slice());
                // Seen from the row after it, the label lies one row back.
                let with_label = Past::new(filled.before(t + 1), 0);
                for (label, &channel) in group.iter().enumerate() {
                    y[(label, sample)] = self.input(&with_label, 1, channel);
                }
            }
            sums.add(x.as_view(), y.as_view());
        }
        sums
    }

    /// The inputs for the row after `past`: 1, then lag after lag all channels.
    fn read(&self, past: &Past<'_>, inputs: &mut [f64]) {
        inputs[0] = 1.0;
        let lagged = inputs[1..].chunks_exact_mut(self.scales.len());
        for (channels, &lag) in lagged.zip(&self.lags) {
            for (channel, input) in channels.iter_mut().enumerate() {
                *input = self.input(past, lag, channel);
            }
        }
    }

    /// A standardised level or difference; 0, the mean, where there is no past.
    fn input(&self, past: &Past<'_>, lag: usize, channel: usize) -> f64 {
        let value = match self.form {
            Form::Levels => past.back(lag, channel),
            Form::Differences => past.back(lag, channel) - past.back(lag + 1, channel),
        };
        if value.is_nan() {
            return 0.0;
        }
        let Scale { mean, deviation } = self.scales[channel];
        (value - mean) / deviation
    }

    fn validation_error(
        &self,
        measured: Rows<'_>,
        filled: Rows<'_>,
        target: usize,
        split: &Split,
    ) -> Option<f64> {
        let scored = split.validation.clone().map(|t| {
            let prediction = self.one_step(filled.before(t))[target];
            (measured.get(t, target), prediction)
        });
        scored.collect::<Errors>().rmse()
    }
}

impl Baseline for Ar {
    fn name(&self) -> String {
        let season = match self.lags.last() {
            Some(season) if *season > self.lags.len() => format!(" + {season}"),
            _ => String::new(),
        };
        let lags = self.lags.len() - usize::from(!season.is_empty());
        let form = match self.form {
            Form::Levels => "levels",
            Form::Differences => "differences",
        };
        format!("AR ({lags} lags{season}, {form}, ridge {:e})", self.penalty)
    }

    fn forecast(&self, history: Rows<'_>, steps: usize) -> Vec<f64> {
        let mut past = Past::new(history, steps);
        let mut inputs = DVector::zeros(self.weights.ncols());
        for _ in 0..steps {
            self.read(&past, inputs.as_mut_slice());
            let mut row = &self.weights * &inputs;
            for (channel, value) in row.iter_mut().enumerate() {
                let Scale { mean, deviation } = self.scales[channel];
                *value = *value * deviation + mean;
                if self.form == Form::Differences {
                    *value += past.back(1, channel);
                }
            }
            past.predicted.extend(row.iter());
        }
        past.predicted
    }
}

/// Mean and standard deviation of a channel's levels or differences in the training part.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f64,
    deviation: f64,
}

fn scales(form: Form, filled: Rows<'_>, split: &Split) -> Vec<Scale> {
    let training = filled.before(split.train.end);
    (0..filled.channels())
        .map(|channel| {
            let levels = training.channel(channel).map(f64::from);
            let before = levels.clone();
            let present: Vec<f64> = match form {
                Form::Levels => levels.filter(|v| !v.is_nan()).collect(),
                Form::Differences => levels
                    .skip(1)
                    .zip(before)
                    .map(|(value, previous)| value - previous)
                    .filter(|v| !v.is_nan())
                    .collect(),
            };
            let n = present.len().max(1) as f64;
            let mean = present.iter().sum::<f64>() / n;
            let variance = present.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            // What single precision can't resolve is rounding of a constant.
            let resolution = mean.abs() * f64::from(f32::EPSILON);
            let deviation = Some(variance.sqrt()).filter(|d| *d > resolution);
            Scale { mean, deviation: deviation.unwrap_or(1.0) }
        })
        .collect()
}

/// The channels in groups that are measured in the same rows: each group has one set of
/// normal equations.
fn alike(measured: Rows<'_>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for channel in 0..measured.channels() {
        let missing = |c: usize| measured.channel(c).map(f32::is_nan);
        match groups.iter_mut().find(|group| missing(group[0]).eq(missing(channel))) {
            Some(group) => group.push(channel),
            None => groups.push(vec![channel]),
        }
    }
    groups
}
