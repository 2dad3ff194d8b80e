//! The season of a series, from its autocorrelation.
//!
//! A season shows as a peak of the autocorrelation that stands clear of the dips on both sides
//! of it. It is looked for first in the series without its straight-line trend, where slow cycles
//! show; then in the differences, where a daily rhythm shows that rides on slow swings. Of several
//! peaks of similar height (a day, two days, a week) the shortest is the season.

use std::ops::RangeInclusive;

use rustfft::algorithm::Radix4;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection};

/// At least three seasons must fit into the series.
const SEASONS: usize = 3;
/// Below this many values nothing can be told.
const SHORTEST: usize = 12;
/// A white series exceeds this many of its standard errors, 1/sqrt(n), only by rare chance.
const STANDARD_ERRORS: f64 = 4.0;
/// A peak counts as the season if it rises at least this share of the most prominent one's rise.
const SIMILAR: f64 = 0.8;
/// So many multiples of a season at most locate it; a season needn't be a whole number of samples.
const REPETITIONS: usize = 4;

/// How high a peak must be, and how far above the dips beside it. The thresholds keep random
/// walks and first-order autoregressions from showing a season in 95 of 100 series.
struct Threshold {
    height: f64,
    rise: f64,
}

const DETRENDED: Threshold = Threshold { height: 0.25, rise: 0.3 };
const DIFFERENCES: Threshold = Threshold { height: 0.12, rise: 0.2 };

/// The season of `values` in samples, at least 2 and at most a third of the length; `None` if
/// none is clear. Values before the first measured one (NaN) are left out; the rest must have no
/// gaps (see [`Table::forward_fill`](super::Table::forward_fill)).
///
/// ```
/// # use rnn_train_host::data::season;
/// let daily: Vec<f32> = (0..480).map(|hour| (hour as f32 / 24.0 * std::f32::consts::TAU).sin()).collect();
/// assert_eq!(season::detect(&daily), Some(24));
/// ```
pub fn detect(values: &[f32]) -> Option<usize> {
    let values: Vec<f64> =
        values.iter().map(|v| f64::from(*v)).skip_while(|v| v.is_nan()).collect();
    if values.len() < SHORTEST || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let differences: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    strongest(detrended(&values), DETRENDED).or_else(|| strongest(differences, DIFFERENCES))
}

fn strongest(values: Vec<f64>, threshold: Threshold) -> Option<usize> {
    let n = values.len() as f64;
    let correlation = autocorrelation(&values)?;
    let smooth = smoothed(&correlation);
    let height = threshold.height.max(STANDARD_ERRORS / n.sqrt());
    let peaks: Vec<(usize, f64)> = (2..smooth.len() - 1)
        .filter(|&lag| smooth[lag] >= height)
        .filter_map(|lag| Some((lag, rise(&smooth, lag)?)))
        .filter(|(_, rise)| *rise >= threshold.rise)
        .collect();
    let most = peaks.iter().map(|(_, rise)| *rise).reduce(f64::max)?;
    let (lag, _) = *peaks.iter().find(|(_, rise)| *rise >= SIMILAR * most)?;
    // The sums at longer lags have fewer terms, which moves a broad peak to the left.
    let unbiased: Vec<f64> =
        correlation.iter().enumerate().map(|(lag, r)| r * n / (n - lag as f64)).collect();
    let unbiased = smoothed(&unbiased);
    Some(located(&smoothed(&unbiased), lag))
}

/// The lag within 5 % of `near` where the peak and its first repetitions are highest together:
/// each repetition multiplies the error of a wrong season.
fn located(correlation: &[f64], near: usize) -> usize {
    let last = correlation.len() - 1;
    let (low, high) = (near - near / 20, (near + near / 20).min(last));
    let repetitions = (last / high).clamp(1, REPETITIONS);
    let comb = |lag: usize| -> f64 { (1..=repetitions).map(|k| correlation[k * lag]).sum() };
    (low..=high).max_by(|a, b| comb(*a).total_cmp(&comb(*b))).unwrap_or(near)
}

/// How far a peak stands above the higher of the two dips beside it; `None` if a higher value
/// lies within a third of the lag.
fn rise(correlation: &[f64], lag: usize) -> Option<f64> {
    let last = correlation.len() - 1;
    let peak = correlation[lag];
    let reach = lag / 3 + 1;
    let neighbourhood = lag - reach..=(lag + reach).min(last);
    if correlation[neighbourhood].iter().any(|r| *r > peak) || correlation[lag + 1] >= peak {
        return None;
    }
    let lowest = |lags: RangeInclusive<usize>| {
        correlation[lags].iter().fold(f64::INFINITY, |a, b| a.min(*b))
    };
    let before = lowest(lag / 3..=lag);
    let after = lowest(lag..=(2 * lag - lag / 3).min(last));
    Some(peak - before.max(after))
}

/// Autocorrelation at the lags 0..=n/3, each sum divided by that of lag 0; `None` if constant.
fn autocorrelation(values: &[f64]) -> Option<Vec<f64>> {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let size = (2 * n).next_power_of_two();
    let mut spectrum: Vec<Complex<f64>> =
        values.iter().map(|v| Complex::new(v - mean, 0.0)).collect();
    spectrum.resize(size, Complex::ZERO);
    // By name: a planner has every size and every instruction set compiled, and its results depend on
    // the machine.
    Radix4::new(size, FftDirection::Forward).process(&mut spectrum);
    for bin in &mut spectrum {
        *bin = Complex::new(bin.norm_sqr(), 0.0);
    }
    Radix4::new(size, FftDirection::Inverse).process(&mut spectrum);
    let power = spectrum[0].re;
    let lags = spectrum[..=n / SEASONS].iter();
    (power > 0.0).then(|| lags.map(|bin| bin.re / power).collect())
}

/// A moving average that widens with the lag, so that noise on a broad peak doesn't move it.
fn smoothed(correlation: &[f64]) -> Vec<f64> {
    let last = correlation.len() - 1;
    (0..=last)
        .map(|lag| {
            let half = (lag / 32).min(last - lag);
            let around = &correlation[lag - half..=lag + half];
            around.iter().sum::<f64>() / around.len() as f64
        })
        .collect()
}

/// The values minus their least-squares line.
fn detrended(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let centred = |t: usize| t as f64 - middle;
    let products = values.iter().enumerate().map(|(t, v)| centred(t) * v);
    let slope = products.sum::<f64>() / (n * (n * n - 1.0) / 12.0);
    values.iter().enumerate().map(|(t, v)| v - mean - slope * centred(t)).collect()
}
