//! Whether a log's levels keep coming back to where they were.
//!
//! A network on raw levels has only learnt those of the training part, so it must not be left alone
//! with levels that wander off for good. That they do is the null hypothesis of a test for a unit root
//! (D. Dickey, W. Fuller, JASA 74, 1979):
//!
//! Δy_t = a + ρ y_{t-1} + Σ_k φ_k Δy_{t-k} + e_t, rejected where ρ lies far enough below 0.

use nalgebra::DMatrix;

use crate::train::data::Data;

/// Differences before the present one, fewer for a short log.
const LAGS: usize = 20;
/// Rows per lag at least.
const ROWS_PER_LAG: usize = 4;
/// ρ over its standard error, below which a wandering level comes once in a hundred times (W. Fuller,
/// "Introduction to Statistical Time Series", 1976, table 8.5.2, with a constant, many rows).
const SURE: f64 = -3.43;
/// Keeps columns apart that depend on one another, as those of a ramp or of a pure sine.
const RIDGE: f64 = 1e-9;

/// Whether those of every channel do, as far as the rows before the test part tell.
pub(super) fn come_back(data: &Data<'_>) -> bool {
    let rows = data.filled.rows().before(data.split.validation.end);
    (0..data.channels.len()).all(|channel| {
        let values: Vec<f64> = (0..rows.len()).map(|t| f64::from(rows.get(t, channel))).collect();
        let known = values.iter().position(|value| value.is_finite());
        known.is_none_or(|first| {
            let values = &values[first..];
            let lags = LAGS.min(values.len() / ROWS_PER_LAG);
            statistic(values, lags).is_none_or(|t| t < SURE)
        })
    })
}

/// ρ over its standard error; `None` for a constant, or too few values to tell.
fn statistic(values: &[f64], lags: usize) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let root_mean_square = |values: &[f64]| {
        (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
    };
    let scaled = |values: Vec<f64>| -> Vec<f64> {
        let scale = root_mean_square(&values);
        values.into_iter().map(|value| value / scale).collect()
    };
    let changes: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if changes.iter().all(|&change| change == 0.0) {
        return None;
    }
    let levels = scaled(values.iter().map(|value| value - mean).collect());
    let changes = scaled(changes);
    // Row t explains the change that follows it: 1, level, changes up to it.
    let rows = changes.len().checked_sub(lags)?;
    let freedom = rows.checked_sub(2 + lags).filter(|&freedom| freedom > 0)?;
    let x = DMatrix::from_fn(rows, 2 + lags, |t, column| match column {
        0 => 1.0,
        1 => levels[t + lags],
        _ => changes[t + lags + 1 - column],
    });
    let y = DMatrix::from_column_slice(rows, 1, &changes[lags..]);
    let mut squares = x.tr_mul(&x);
    (0..2 + lags).for_each(|i| squares[(i, i)] += RIDGE * rows as f64);
    let inverse = squares.cholesky()?.inverse();
    let weights = &inverse * x.tr_mul(&y);
    let rest = (y - x * &weights).norm_squared() / freedom as f64;
    Some(weights[1] / (rest * inverse[(1, 1)]).sqrt())
}

#[cfg(test)]
mod tests {
    use super::{LAGS, SURE, statistic};
    use rnn_core::random::SplitMix64;

    fn noise(seed: u64, rows: usize) -> Vec<f64> {
        let mut random = SplitMix64::new(seed);
        (0..rows).map(|_| random.uniform() - 0.5).collect()
    }

    fn sum(noise: &[f64], kept: f64) -> Vec<f64> {
        let next = |x: &mut f64, noise: &f64| {
            *x = kept * *x + noise;
            Some(*x)
        };
        noise.iter().scan(0.0, next).collect()
    }

    #[test]
    fn walks_and_ramps_wander_off_and_what_forgets_comes_back() {
        let t = |values: &[f64]| statistic(values, LAGS).unwrap();
        for seed in 1..=10 {
            let noise = noise(seed, 1000);
            assert!(t(&noise) < SURE && t(&sum(&noise, 0.9)) < SURE, "{seed}");
            assert!(t(&sum(&noise, 1.0)) > SURE, "{seed}");
        }
        let ramp: Vec<f64> = (0..500).map(f64::from).collect();
        assert!(t(&ramp) > SURE);
        let sine: Vec<f64> = (0..500).map(|t| libm::sin(0.1 * f64::from(t))).collect();
        assert!(t(&sine) < SURE, "{}", t(&sine));
        assert_eq!(statistic(&[3.0; 100], LAGS), None);
        assert!((0..6).all(|count| statistic(&ramp[..count], 1).is_none()));
    }

    #[test]
    fn it_is_the_coefficient_in_its_standard_errors() {
        // Changes 1, -1, 2 on levels 0, 1, 0: slope -5/2, residuals with squares 1/2 in all and one
        // degree of freedom, levels with squares 2/3 about their mean.
        let t = statistic(&[0.0, 1.0, 0.0, 2.0], 0).unwrap();
        assert!((t + 2.5 / (0.5f64 / (2.0 / 3.0)).sqrt()).abs() < 1e-6, "{t}");
    }
}
