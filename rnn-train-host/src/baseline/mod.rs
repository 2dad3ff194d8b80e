//! The rivals that a network has to beat: yesterday's value, last season's, a linear model.

mod ar;
pub(crate) mod ridge;

pub use ar::{Ar, FitError};

use crate::data::Rows;

/// A forecast that a network is measured against.
pub trait Baseline {
    /// What to call it in a report.
    fn name(&self) -> String;

    /// Predicts the `steps` rows after `history`, all channels, row after row:
    /// steps x channels values. Its own predictions stand in for rows not yet seen.
    /// `history` has its missing values carried forward.
    fn forecast(&self, history: Rows<'_>, steps: usize) -> Vec<f64>;

    /// Predicts the row after `history`: one value per channel.
    fn one_step(&self, history: Rows<'_>) -> Vec<f64> {
        self.forecast(history, 1)
    }
}

/// The next value is the last one.
#[derive(Debug, Clone, Copy)]
pub struct Persistence;

impl Baseline for Persistence {
    fn name(&self) -> String {
        "persistence".into()
    }

    fn forecast(&self, history: Rows<'_>, steps: usize) -> Vec<f64> {
        SeasonalNaive { season: 1 }.forecast(history, steps)
    }
}

/// The next value is the one a season ago; within the first season, the last one.
#[derive(Debug, Clone, Copy)]
pub struct SeasonalNaive {
    /// Samples per season, at least 1.
    pub season: usize,
}

impl Baseline for SeasonalNaive {
    fn name(&self) -> String {
        format!("seasonal naive ({})", self.season)
    }

    fn forecast(&self, history: Rows<'_>, steps: usize) -> Vec<f64> {
        let season = if self.season <= history.len() { self.season.max(1) } else { 1 };
        let past = Past::new(history, steps);
        (0..steps)
            .fold(past, |mut past, _| {
                for channel in 0..history.channels() {
                    past.predicted.push(past.back(season, channel));
                }
                past
            })
            .predicted
    }
}

/// What has been measured, and after it what has been predicted.
struct Past<'a> {
    history: Rows<'a>,
    predicted: Vec<f64>,
}

impl<'a> Past<'a> {
    fn new(history: Rows<'a>, steps: usize) -> Self {
        let predicted = Vec::with_capacity(steps * history.channels());
        Self { history, predicted }
    }

    /// The value of `channel`, `lag` rows before the row being predicted (whose earlier channels
    /// may have been pushed already); NaN if that is before the first row.
    fn back(&self, lag: usize, channel: usize) -> f64 {
        let channels = self.history.channels();
        let now = self.history.len() + self.predicted.len() / channels;
        match now.checked_sub(lag) {
            Some(t) if t < self.history.len() => f64::from(self.history.get(t, channel)),
            Some(t) => self.predicted[(t - self.history.len()) * channels + channel],
            None => f64::NAN,
        }
    }
}
