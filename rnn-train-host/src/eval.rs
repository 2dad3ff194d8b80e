//! How good a model is, beside the baselines on the same rows.
//!
//! The stream is the truth: the model makes one step per row from the first row on, with its state
//! carried, as the device will; what precedes the part only warms it up.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::baseline::{Ar, Baseline, Persistence, SeasonalNaive};
use crate::data::{Part, Rows, Split, Table, season};
use crate::metrics::{Errors, mase_scale};
use crate::model::Model;

/// Forecasts of more than one step start from at most this many rows, evenly spread.
const ORIGINS: usize = 400;
/// Errors that differ by less than this share are called equal.
const TIE: f64 = 0.02;

/// What is to be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The rows that are scored.
    pub part: Part,
    /// Samples ahead, at least 1; from the second on the model reads its own predictions.
    pub steps: usize,
    /// Samples per season; `None`: found in the training part.
    pub season: Option<usize>,
}

/// The error of one forecaster, in the target's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Predictions that were scored.
    pub n: usize,
    /// Root mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// MAE divided by that of persistence on the training part; `None` where that is 0.
    pub mase: Option<f64>,
}

/// The network's RMSE against that of the best baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least 2 % lower.
    Beats,
    /// Within 2 %.
    Ties,
    /// At least 2 % higher.
    Loses,
}

/// A baseline with its name and its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// As a report calls it.
    pub name: String,
    /// Its error.
    pub score: Score,
}

/// A prediction beside what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The row that was predicted, from 0.
    pub row: usize,
    /// What came; NaN if it is missing.
    pub truth: f32,
    /// What was predicted, `steps` rows earlier.
    pub prediction: f32,
}

/// A model's errors, those of the baselines, and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The name of the channel that was scored.
    pub target: String,
    /// What was asked.
    pub question: Question,
    /// The network's error.
    pub network: Score,
    /// The next value is the last one.
    pub persistence: Rival,
    /// The next value is that of a season ago; `None` where there is no season.
    pub seasonal_naive: Option<Rival>,
    /// Linear autoregression; `None` where the series is too short for it.
    pub ar: Option<Rival>,
    /// Against the best of the baselines.
    pub verdict: Verdict,
    /// The predictions of the last step, in time order.
    pub points: Vec<Point>,
}

impl Evaluation {
    /// The baselines that there are.
    pub fn rivals(&self) -> impl Iterator<Item = &Rival> {
        [Some(&self.persistence), self.seasonal_naive.as_ref(), self.ar.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The baseline with the smallest RMSE.
    pub fn best_rival(&self) -> &Rival {
        self.rivals().fold(&self.persistence, |best, rival| {
            if rival.score.rmse < best.score.rmse { rival } else { best }
        })
    }

    /// The network's RMSE as a multiple of the best baseline's; 1 if both are 0.
    pub fn ratio(&self) -> f64 {
        ratio(self.network.rmse, self.best_rival().score.rmse)
    }
}

fn ratio(network: f64, rival: f64) -> f64 {
    if network == rival { 1.0 } else { network / rival }
}

/// A forecaster and its errors so far.
struct Contender<'a> {
    forecaster: &'a dyn Baseline,
    errors: Errors,
}

/// Runs `model` and the baselines over `table` and scores the target.
///
/// # Errors
/// When the part is too short for `steps`, or holds no measured target.
pub fn evaluate(model: &Model, table: &Table, question: Question) -> Result<Evaluation> {
    let filled = table.forward_fill();
    let (measured, rows) = (table.rows(), filled.rows());
    let split = Split::of(rows.len());
    let target = model.target();
    let steps = question.steps;
    let part = split.part(question.part);
    let origins = origins(part.clone(), steps)?;

    let training: Vec<f32> = rows.before(split.train.end).channel(target).collect();
    let season = question.season.or_else(|| season::detect(&training));
    let seasonal = season.map(|season| SeasonalNaive { season });
    let ar = Ar::fit(measured, rows, target, &split, season).ok();
    let contender = |forecaster| Contender { forecaster, errors: Errors::default() };
    let mut persistence = contender(&Persistence as &dyn Baseline);
    let mut seasonal = seasonal.as_ref().map(|s| contender(s as &dyn Baseline));
    let mut ar = ar.as_ref().map(|ar| contender(ar as &dyn Baseline));

    let mut network = Errors::default();
    let mut points = Vec::with_capacity(origins.len());
    let mut predictor = model.predictor();
    let mut next = origins.iter().peekable();
    for t in 0..part.end {
        if next.next_if(|&&origin| origin == t).is_some() {
            let mut rivals: Vec<&mut Contender<'_>> =
                [Some(&mut persistence), seasonal.as_mut(), ar.as_mut()]
                    .into_iter()
                    .flatten()
                    .collect();
            let forecasts: Vec<Vec<f64>> = rivals
                .iter()
                .map(|rival| {
                    channel(&rival.forecaster.forecast(rows.before(t), steps), rows, target)
                })
                .collect();
            // Before a channel's first value there is nothing to compare with.
            if forecasts.iter().flatten().all(|value| value.is_finite()) {
                let truth = |step: usize| measured.get(t + step, target);
                for (rival, forecast) in rivals.iter_mut().zip(&forecasts) {
                    forecast.iter().enumerate().for_each(|(i, &p)| rival.errors.add(truth(i), p));
                }
                predictor.forecast(steps, |step, prediction| {
                    network.add(truth(step), f64::from(prediction[target]));
                    if step + 1 == steps {
                        let (row, truth) = (t + step, truth(step));
                        points.push(Point { row, truth, prediction: prediction[target] });
                    }
                });
            }
        }
        predictor.step(rows.row(t));
    }

    let scale = mase_scale(measured.before(split.train.end).channel(target));
    let score = |errors: &Errors| score(errors, scale);
    let rival = |contender: &Contender<'_>| -> Option<Rival> {
        Some(Rival { name: contender.forecaster.name(), score: score(&contender.errors)? })
    };
    let nothing = || {
        format!(
            "there is nothing to score: rows {} to {} hold no value of '{}' with one before it",
            part.start + 1,
            part.end,
            table.channels[target]
        )
    };
    let mut evaluation = Evaluation {
        target: table.channels[target].clone(),
        question,
        network: score(&network).with_context(nothing)?,
        persistence: rival(&persistence).with_context(nothing)?,
        seasonal_naive: seasonal.as_ref().and_then(rival),
        ar: ar.as_ref().and_then(rival),
        verdict: Verdict::Ties,
        points,
    };
    evaluation.verdict = match evaluation.ratio() {
        ratio if ratio < 1.0 - TIE => Verdict::Beats,
        ratio if ratio <= 1.0 + TIE => Verdict::Ties,
        // Above, or not a number.
        _ => Verdict::Loses,
    };
    Ok(evaluation)
}

/// The rows that forecasts start at: those whose `steps` targets lie in `part`; all of them for one
/// step, else thinned.
fn origins(part: Range<usize>, steps: usize) -> Result<Vec<usize>> {
    ensure!(steps > 0, "--steps must be at least 1");
    let first = part.start.max(1);
    let count = (part.end + 1).saturating_sub(first + steps);
    ensure!(
        count > 0,
        "forecasts of {steps} steps don't fit into the {} rows of this part: ask for fewer with --steps, or for more rows with --part",
        part.len()
    );
    if steps == 1 || count <= ORIGINS {
        return Ok((first..first + count).collect());
    }
    Ok((0..ORIGINS).map(|i| first + i * (count - 1) / (ORIGINS - 1)).collect())
}

/// The values of one channel of row-major samples.
fn channel(forecast: &[f64], rows: Rows<'_>, channel: usize) -> Vec<f64> {
    forecast.chunks_exact(rows.channels()).map(|row| row[channel]).collect()
}

fn score(errors: &Errors, scale: Option<f64>) -> Option<Score> {
    let (rmse, mae) = (errors.rmse()?, errors.mae()?);
    Some(Score { n: errors.n(), rmse, mae, mase: scale.map(|scale| mae / scale) })
}

#[cfg(test)]
mod tests {
    use super::origins;

    #[test]
    fn origins_keep_their_targets_inside_the_part() {
        assert_eq!(origins(10..15, 1).unwrap(), [10, 11, 12, 13, 14]);
        assert_eq!(origins(10..15, 3).unwrap(), [10, 11, 12]);
        assert_eq!(origins(0..3, 1).unwrap(), [1, 2]);
        assert!(origins(10..15, 6).is_err());
        assert!(origins(10..15, 0).is_err());
        let thinned = origins(100..2000, 10).unwrap();
        assert_eq!((thinned.len(), thinned[0], thinned[399]), (400, 100, 1990));
        assert_eq!(origins(100..2000, 1).unwrap().len(), 1900);
    }
}
