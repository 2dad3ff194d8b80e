//! What is watched for in a stream: fitted to a log, kept in the model file, and run as a device runs it.

mod watching;

use anyhow::{Result, ensure};
use rnn_core::model_file::{ModelFile, WatchContents};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::watch::guard::{Limits, Rules};
use rnn_core::watch::score::{Ratios, Scales, Usual, threshold};
use rnn_core::watch::{self, Watched};

use crate::data::{Split, Table, TimeColumn, as_sent};
use crate::device::stream::Sent;
use crate::model::Model;

pub use watching::{Watcher, Watching};

/// False alarms per sample, where nothing else is asked for: one in 16384.
pub const FALSE_ALARMS: f64 = 1.0 / 16384.0;
/// Steps in a row for which a channel may be replaced by predictions.
pub const HOLD: u32 = 16;
/// Steps from rest after which predictions are to be trusted.
pub const WARM_UP: u32 = 32;

/// One sample in so many may be beyond what is called usual.
const RARE: usize = 4096;
/// What is usual reaches to this share of the threshold.
const USUAL_SHARE: f32 = 0.75;
/// Least divisor of residuals, and of levels.
const TAILS: [f32; 2] = [3.0, 1.0];
/// The least scale, as a share of a channel's standard deviation: what never varied has one too.
const LEAST: f32 = 1e-3;
/// Equal values in a row that no sensor is called stuck for.
const PATIENCE: usize = 20;
/// A gap or a hurry between samples is a fault from this multiple of what was seen on.
const LEEWAY: f64 = 1.5;

/// What is watched for; see [`rnn_core::watch::Watch`].
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// Times.
    pub rules: Rules,
    /// The sampling period in seconds; 0: unknown.
    pub period: f32,
    /// The score above which a sample is an alarm.
    pub threshold: f32,
    /// The channels.
    pub channels: Vec<Watched>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// False alarms per sample.
    pub false_alarms: f64,
    /// Steps in a row for which a channel may be replaced by predictions.
    pub hold: u32,
    /// Steps from rest after which predictions are to be trusted.
    pub warm_up: u32,
    /// Ranges of channels, by name: the lowest and the highest value.
    pub ranges: Vec<(String, [f32; 2])>,
}

impl Default for Options {
    fn default() -> Self {
        Options { false_alarms: FALSE_ALARMS, hold: HOLD, warm_up: WARM_UP, ranges: Vec::new() }
    }
}

impl Options {
    /// Whether the ranges are of these columns.
    ///
    /// # Errors
    /// For a range of a channel that isn't there, or that is empty.
    pub fn check(&self, channels: &[String]) -> Result<()> {
        for (name, [low, high]) in &self.ranges {
            ensure!(
                channels.contains(name),
                "a range is given for '{name}', which the model doesn't read; it reads {}",
                channels.join(", ")
            );
            ensure!(low < high, "the range of '{name}' is empty: {low} to {high}");
        }
        Ok(())
    }
}

impl Watch {
    /// That of a model file which says so.
    pub(crate) fn of(file: &ModelFile<'_>) -> Self {
        let (rules, threshold) = file.watch_rules();
        let channels = (0..file.header.inputs).map(|i| file.watched(i)).collect();
        Watch { rules, period: file.period(), threshold, channels }
    }

    /// Nothing is known of so many channels: see [`rnn_core::watch::Watch::NONE`].
    pub fn none(channels: usize) -> Self {
        let watch::Watch { rules, threshold, .. } = watch::Watch::<0>::NONE;
        Watch { rules, period: 0.0, threshold, channels: vec![Watched::NOT; channels] }
    }

    pub(crate) fn contents(&self) -> WatchContents<'_> {
        let Watch { rules, period, threshold, ref channels } = *self;
        WatchContents { rules, period, threshold, channels }
    }

    /// Fits a watch to the training and the validation part of the log that `model` was trained on.
    /// Residuals are those of the validation part, which the weights haven't seen; what has been is
    /// usual.
    ///
    /// # Errors
    /// As [`Options::check`].
    pub fn fit(model: &Model, table: &Table, options: &Options) -> Result<Self> {
        options.check(&model.names)?;
        let split = Split::of(table.rows().len());
        let channels = table.channels.len();
        let filled = table.forward_fill();
        let rows = filled.rows().before(split.validation.end);
        let mut predictor = model.predictor();
        let mut errors = vec![Vec::new(); channels];
        for t in 0..rows.len() {
            let row = table.rows().row(t);
            for ((errors, value), prediction) in
                errors.iter_mut().zip(row).zip(predictor.prediction())
            {
                errors.push((value - prediction).abs());
            }
            predictor.step(rows.row(t));
        }
        let threshold = threshold(options.false_alarms / channels as f64);
        let channels = (0..channels).map(|c| {
            let name = &model.names[c];
            let values: Vec<f32> = table.rows().before(rows.len()).channel(c).collect();
            let range = options.ranges.iter().rev().find(|(of, _)| of == name);
            let range = range.map(|(_, range)| *range);
            Watched {
                limits: limits(&values, range, model.mode_and_target().0),
                usual: usual(&model.channels[c], &values, &errors[c], split.train.len(), threshold),
            }
        });
        let channels = channels.collect();
        let [earliest, latest] = times(table.time.as_ref(), rows.len());
        let rules = Rules { earliest, latest, hold: options.hold, warm_up: options.warm_up };
        let period = table.time.as_ref().filter(|time| time.calendar).and_then(|time| time.step);
        Ok(Watch { rules, period: period.unwrap_or(0.0) as f32, threshold, channels })
    }
}

/// What values may be: `range`, or what was seen and as much on both sides; what reads differences has
/// no levels that it couldn't stand.
fn limits(values: &[f32], range: Option<[f32; 2]>, mode: Mode) -> Limits {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max));
    let span = high - low;
    let [low, high] = match (range, mode) {
        (Some(range), _) => range,
        (None, Mode::Raw | Mode::Residual) if span > 0.0 && span.is_finite() => {
            [(low - span).max(f32::MIN), (high + span).min(f32::MAX)]
        }
        _ => [Limits::NONE.low, Limits::NONE.high],
    };
    let longest = values.chunk_by(|a, b| a == b).map(<[f32]>::len).max().unwrap_or(0);
    // What rests most of the time can't be told from what is stuck.
    let rests = 4 * longest > values.len();
    let stuck = if rests { 0 } else { (3 * longest).max(PATIENCE) as u32 };
    Limits { low, high, stuck }
}

/// What is usual of a channel, from its values and the errors of their predictions; those from `unseen`
/// on are errors of values that the weights haven't seen.
fn usual(scale: &Channel, values: &[f32], errors: &[f32], unseen: usize, threshold: f32) -> Usual {
    let Channel { level_mean: mean, level_deviation: deviation, .. } = *scale;
    let least = LEAST * deviation;
    let sound = |error: &&f32| error.is_finite();
    let average = |errors: &[f32]| {
        let n = errors.iter().filter(sound).count();
        let sum: f64 = errors.iter().filter(sound).map(|&error| f64::from(error)).sum();
        (n > 0).then(|| (sum / n as f64) as f32)
    };
    let residual = average(&errors[unseen.min(errors.len())..]).or_else(|| average(errors));
    let residual = residual.unwrap_or(least).max(least);

    // All values in turn: how far the means are apart, and the ratios, where that is usually `level`.
    let run = |level: f32| {
        let usual = Usual { mean, deviation, residual, residual_tail: 1.0, level, level_tail: 1.0 };
        let mut scales = Scales::new(&usual);
        let pairs = values.iter().zip(errors).filter(|(value, _)| value.is_finite());
        let all = pairs.map(|(&value, &error)| {
            let ratios = scales.ratios(&usual, value, value - error);
            (scales.apart(), ratios)
        });
        let all: Vec<(f32, Ratios)> = all.collect();
        // In the first quarter the slow mean isn't one yet.
        all[all.len() / 4..].to_vec()
    };
    let late = run(1.0);
    let sum: f64 = late.iter().map(|(apart, _)| f64::from(*apart)).sum();
    let level = ((sum / late.len().max(1) as f64) as f32).max(LEAST);

    let late = run(level);
    let tail = |mut ratios: Vec<f32>, least: f32| {
        ratios.sort_by(f32::total_cmp);
        let rare = ratios.len() / RARE;
        let largest = ratios.iter().rev().nth(rare).copied().unwrap_or(0.0);
        (largest / (USUAL_SHARE * threshold)).max(least)
    };
    Usual {
        mean,
        deviation,
        residual,
        residual_tail: tail(late.iter().map(|(_, ratios)| ratios.residual).collect(), TAILS[0]),
        level,
        level_tail: tail(late.iter().map(|(_, ratios)| ratios.level).collect(), TAILS[1]),
    }
}

/// Between which times a sample comes after the one before, in periods.
fn times(time: Option<&TimeColumn>, rows: usize) -> [f32; 2] {
    let mut elapsed: Vec<f64> = time
        .into_iter()
        .flat_map(|time| (1..rows).map(|t| time.elapsed(t)))
        .filter(|elapsed| *elapsed > 0.0)
        .collect();
    elapsed.sort_by(f64::total_cmp);
    let at = |share: f64| elapsed.get((share * elapsed.len() as f64) as usize).copied();
    let (early, late) = (at(0.01).unwrap_or(1.0), at(0.99).unwrap_or(1.0));
    [(early / LEEWAY / LEEWAY).min(0.5) as f32, (late * LEEWAY).max(LEEWAY) as f32]
}

/// What a sensor has sent in row `t` of a log, and when.
pub fn sent(table: &Table, t: usize) -> Sent {
    let values = table.rows().row(t).iter().map(|&value| as_sent(value));
    let elapsed = table.time.as_ref().map_or(f64::NAN, |time| time.elapsed(t));
    Sent { values: Some(values.collect()), elapsed: elapsed as f32 }
}
