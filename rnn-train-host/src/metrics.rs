//! Errors of a forecast, in double precision.

/// Sums up errors; a missing truth (NaN) is not scored.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Errors {
    n: usize,
    squares: f64,
    absolutes: f64,
}

impl Errors {
    /// Scores one prediction, in the unit of the truth.
    pub fn add(&mut self, truth: f32, prediction: f64) {
        if truth.is_nan() {
            return;
        }
        let error = prediction - f64::from(truth);
        self.n += 1;
        self.squares += error * error;
        self.absolutes += error.abs();
    }

    /// The number of scored predictions.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Root of the mean square error; `None` if nothing was scored.
    pub fn rmse(&self) -> Option<f64> {
        (self.n > 0).then(|| (self.squares / self.n as f64).sqrt())
    }

    /// Mean absolute error; `None` if nothing was scored.
    pub fn mae(&self) -> Option<f64> {
        (self.n > 0).then(|| self.absolutes / self.n as f64)
    }
}

impl FromIterator<(f32, f64)> for Errors {
    /// From pairs of truth and prediction.
    fn from_iter<T: IntoIterator<Item = (f32, f64)>>(pairs: T) -> Self {
        let mut errors = Self::default();
        for (truth, prediction) in pairs {
            errors.add(truth, prediction);
        }
        errors
    }
}

/// What MASE divides a mean absolute error by: the mean absolute difference of neighbouring
/// targets of the training part, where both are present (NaN = missing). `None` where there is no
/// such pair, or all are equal.
pub fn mase_scale(training_target: impl Iterator<Item = f32> + Clone) -> Option<f64> {
    let next = training_target.clone().skip(1).map(f64::from);
    let steps: Errors = training_target.zip(next).filter(|(_, b)| !b.is_nan()).collect();
    steps.mae().filter(|scale| *scale > 0.0)
}
