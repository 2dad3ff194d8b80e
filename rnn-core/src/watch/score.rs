//! How little a sample fits: the anomaly score.
//!
//! Two checks for each channel, both as multiples of what is usual there:
//!
//! - the *residual*: r_t = |x_t - prediction of x_t| / s_t, s the running mean of |x - prediction|;
//! - the *level*: l_t = |f_t - g_t| / q_t, f and g a fast and a slow running mean of x, q the running
//!   mean of |f - g|. What drifts away little by little has small residuals, but not this.
//!
//! The score is the larger of r / [`residual_tail`](Usual::residual_tail) and
//! l / [`level_tail`](Usual::level_tail). The running scales follow a sensor that changes, but a value
//! beyond [`CLIP`] times the scale counts as so much, and no scale falls below half of what the
//! training part had: neither does an anomaly teach that it is usual, nor does a calm time make
//! everything strange.
//!
//! A score is above its own mean s with a probability of about e^-s, and the level has an independent
//! value every 2 / [`FAST`] samples or so: so the [`threshold`] for a wanted rate of false alarms.

/// Step of the fast mean of the level.
pub const FAST: f32 = 1.0 / 128.0;
/// Step of the slow mean of the level.
pub const SLOW: f32 = 1.0 / 1024.0;
/// Step of the residual's running scale.
const RESIDUAL_STEP: f32 = 1.0 / 512.0;
/// Step of the level's running scale.
const LEVEL_STEP: f32 = 1.0 / 2048.0;
/// A value counts in its scale as at most so many times the scale.
pub const CLIP: f32 = 3.0;
/// A scale is at least this share of the training part's.
const FLOOR: f32 = 0.5;
/// Samples after which the means are running ones: up to there they are those of all samples.
const FULL: u32 = 1024;

/// The score above which samples are alarms, for a wanted rate of false alarms per sample and channel:
/// -ln(2 rate / FAST), at least 1.
pub fn threshold(rate: f64) -> f32 {
    let threshold = -libm::log(2.0 * rate / f64::from(FAST));
    if threshold > 1.0 { threshold as f32 } else { 1.0 }
}

/// Levels are held within so many standard deviations, so that everything stays finite.
const LIMIT: f32 = 1e6;

/// What is usual of a channel, taken from the training part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Mean level, in the channel's unit.
    pub mean: f32,
    /// Standard deviation of the level, above 0.
    pub deviation: f32,
    /// Mean of |x - prediction|, in the channel's unit, above 0.
    pub residual: f32,
    /// What residuals are divided by on top of their scale, at least 1: how far the tail reaches that is
    /// still usual.
    pub residual_tail: f32,
    /// Mean of |f - g|, in standard deviations of the level, above 0.
    pub level: f32,
    /// The same for levels.
    pub level_tail: f32,
}

/// What the score of a channel remembers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    /// s
    residual: f32,
    /// f, in standard deviations.
    fast: f32,
    /// g
    slow: f32,
    /// q
    level: f32,
    /// Samples so far, [`FULL`] at most.
    samples: u32,
}

/// A sample's parts of the score, before the tails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratios {
    /// r
    pub residual: f32,
    /// l
    pub level: f32,
}

impl Scales {
    /// Before the first sample.
    pub const fn new(usual: &Usual) -> Self {
        Scales { residual: usual.residual, fast: 0.0, slow: 0.0, level: usual.level, samples: 0 }
    }

    /// |f - g|, in standard deviations of the level.
    pub fn apart(&self) -> f32 {
        (self.fast - self.slow).abs()
    }

    /// Takes a sound value and what was predicted for it; NaN where nothing was.
    #[inline]
    pub fn ratios(&mut self, usual: &Usual, value: f32, predicted: f32) -> Ratios {
        let error = (value - predicted).abs();
        let known = error.is_finite();
        let scale = larger(self.residual, FLOOR * usual.residual);
        let residual = if known { error / scale } else { 0.0 };
        let counted = if known { smaller(error, CLIP * self.residual) } else { self.residual };
        self.residual += RESIDUAL_STEP * (counted - self.residual);

        self.samples = if self.samples < FULL { self.samples + 1 } else { FULL };
        let all = 1.0 / self.samples as f32;
        let z = (value - usual.mean) / usual.deviation;
        let z = larger(smaller(z, LIMIT), -LIMIT);
        self.fast += larger(FAST, all) * (z - self.fast);
        self.slow += larger(SLOW, all) * (z - self.slow);
        let apart = self.apart();
        let level = apart / larger(self.level, FLOOR * usual.level);
        self.level += LEVEL_STEP * (smaller(apart, CLIP * self.level) - self.level);
        Ratios { residual, level }
    }

    /// The score of a sound value.
    #[inline]
    pub fn score(&mut self, usual: &Usual, value: f32, predicted: f32) -> f32 {
        let Ratios { residual, level } = self.ratios(usual, value, predicted);
        larger(residual / usual.residual_tail, level / usual.level_tail)
    }
}

// Not `max` and `min`, which are calls on some chips.

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Usual = Usual {
        mean: 20.0,
        deviation: 2.0,
        residual: 0.5,
        residual_tail: 3.0,
        level: 0.1,
        level_tail: 1.0,
    };

    #[test]
    fn a_threshold_follows_from_a_rate() {
        // One false alarm in 16384 samples: ln 64.
        assert!((threshold(1.0 / 16384.0) - 4.158_883).abs() < 1e-6);
        assert!(threshold(1e-6) > threshold(1e-4));
        assert_eq!(threshold(1.0), 1.0);
    }

    #[test]
    fn scores_are_multiples_of_what_is_usual() {
        let mut scales = Scales::new(&USUAL);
        let Ratios { residual, level } = scales.ratios(&USUAL, 20.0, 21.5);
        assert_eq!((residual, level), (3.0, 0.0));
        // 1.5 is counted whole: three times the scale.
        assert_eq!(scales.residual, 0.5 + 1.0 / 512.0);
        // Means of 20 and 24: both the same while they are those of all samples.
        assert_eq!(scales.ratios(&USUAL, 24.0, 24.0), Ratios { residual: 0.0, level: 0.0 });
        assert_eq!((scales.fast, scales.slow), (1.0, 1.0));
        assert_eq!(Scales::new(&USUAL).score(&USUAL, 20.0, 26.0), 4.0);
    }

    #[test]
    fn an_anomaly_teaches_little() {
        let mut scales = Scales::new(&USUAL);
        scales.ratios(&USUAL, 20.0, 1e30);
        assert_eq!(scales.residual, 0.5 + 1.0 / 512.0);
        scales.ratios(&USUAL, 20.0, f32::NAN);
        assert_eq!(scales.residual, 0.5 + 1.0 / 512.0);
    }

    #[test]
    fn calm_makes_nothing_strange() {
        let mut scales = Scales::new(&USUAL);
        (0..100_000).for_each(|_| {
            scales.ratios(&USUAL, 20.0, 20.0);
        });
        // Half of the usual: twice the score, and no more.
        assert_eq!(scales.ratios(&USUAL, 20.0, 20.5).residual, 2.0);
    }

    #[test]
    fn a_level_that_moves_shows_though_its_predictions_are_good() {
        let mut scales = Scales::new(&USUAL);
        let wave = |t: usize| 20.0 + (t as f32 * 0.3).sin();
        let mut highest = 0.0f32;
        for t in 0..4000 {
            highest = highest.max(scales.score(&USUAL, wave(t), wave(t)));
        }
        assert!(highest < 1.0, "{highest}");
        let drifted = |t: usize| wave(t) + 0.01 * t as f32;
        let alarm = (0..400).find(|&t| scales.score(&USUAL, drifted(t), drifted(t)) > 4.0);
        assert!(alarm.is_some());
    }

    #[test]
    fn scores_stay_finite() {
        let mut scales = Scales::new(&USUAL);
        let usual = Usual { deviation: 1e-3, ..USUAL };
        for value in [f32::MAX, f32::MIN, 0.0, f32::MIN_POSITIVE] {
            assert!(scales.score(&usual, value, -value).is_finite(), "{value}");
        }
        assert!(scales.fast.abs() <= LIMIT);
    }
}
