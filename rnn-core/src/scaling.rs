//! Between the sensor's units and the network's: raw levels, residuals or differences, per channel.
//!
//! | mode | the network reads | the network's output o means |
//! |---|---|---|
//! | raw | the level | the next level |
//! | residual | the level | the next level minus this one |
//! | difference | this level minus the last one | the next level minus this one |
//!
//! all of them standardised by the training part. Outside the levels that it was trained on, a
//! network on raw levels fails; one on differences doesn't notice.

use crate::scalar::Scalar;

/// What a network reads and what it predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Levels in, level out.
    Raw,
    /// Levels in, difference out.
    Residual,
    /// Differences in, difference out.
    Difference,
}

/// A standardised input is held within +-this, so that whatever a sensor says stays finite inside.
pub const INPUT_LIMIT: f32 = 1000.0;

/// The scales of one channel, in its own unit: mean and standard deviation of the level, and of the
/// difference between neighbouring samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// Mean level.
    pub level_mean: f32,
    /// Standard deviation of the level, above 0.
    pub level_deviation: f32,
    /// Mean difference.
    pub difference_mean: f32,
    /// Standard deviation of the difference, above 0.
    pub difference_deviation: f32,
}

impl Channel {
    /// Levels and differences as they are.
    pub const IDENTITY: Channel = Channel {
        level_mean: 0.0,
        level_deviation: 1.0,
        difference_mean: 0.0,
        difference_deviation: 1.0,
    };

    /// Fits the scales to a channel's training part. Missing values (not finite) are passed over,
    /// and a difference needs two neighbours. What doesn't vary gets the deviation 1.
    pub fn fit(values: impl Iterator<Item = f32> + Clone) -> Channel {
        let next = values.clone().skip(1);
        let (level_mean, level_deviation) = moments(values.clone());
        let (difference_mean, difference_deviation) = moments(values.zip(next).map(|(a, b)| b - a));
        Channel { level_mean, level_deviation, difference_mean, difference_deviation }
    }

    /// The network's input for `sample`, `last` being the sample before.
    #[inline(always)]
    pub fn input(&self, mode: Mode, sample: f32, last: f32) -> f32 {
        let u = match mode {
            Mode::Raw | Mode::Residual => (sample - self.level_mean) / self.level_deviation,
            Mode::Difference => {
                ((sample - last) - self.difference_mean) / self.difference_deviation
            }
        };
        let u = if u > INPUT_LIMIT { INPUT_LIMIT } else { u };
        if u > -INPUT_LIMIT { u } else { -INPUT_LIMIT }
    }

    /// The prediction, in the channel's unit, from the network's output `o` and this sample.
    #[inline(always)]
    pub fn prediction(&self, mode: Mode, o: f32, sample: f32) -> f32 {
        match mode {
            Mode::Raw => self.level_mean + o * self.level_deviation,
            Mode::Residual | Mode::Difference => {
                sample + (self.difference_mean + o * self.difference_deviation)
            }
        }
    }

    /// The output that would predict `next` exactly: the label that training compares o with.
    #[inline(always)]
    pub fn target(&self, mode: Mode, next: f32, sample: f32) -> f32 {
        match mode {
            Mode::Raw => (next - self.level_mean) / self.level_deviation,
            Mode::Residual | Mode::Difference => {
                ((next - sample) - self.difference_mean) / self.difference_deviation
            }
        }
    }
}

/// Mean and standard deviation of what is finite, in double precision; (0, 1) of nothing.
fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let finite = values.filter(|v| v.is_finite()).map(f64::from);
    let (n, sum) = finite.clone().fold((0.0, 0.0), |(n, s), v| (n + 1.0, s + v));
    if n == 0.0 {
        return (0.0, 1.0);
    }
    let mean = sum / n;
    let variance = finite.fold(0.0, |s, v| s + (v - mean) * (v - mean)) / n;
    let deviation = Scalar::sqrt(variance) as f32;
    // Below the resolution of a float at this level there is no variation, only rounding.
    let varies = deviation > f32::EPSILON * (mean as f32).abs() && deviation.is_normal();
    (mean as f32, if varies { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_comes_back_as_its_prediction() {
        let series = [3.0f32, 5.0, 4.0, 8.0, 6.5];
        let channel = Channel::fit(series.iter().copied());
        for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
            let o = channel.target(mode, 7.25, 6.5);
            assert!((channel.prediction(mode, o, 6.5) - 7.25).abs() < 1e-6, "{mode:?}");
        }
    }

    #[test]
    fn scales_pass_over_missing_values() {
        let with_gap = [1.0f32, 2.0, f32::NAN, 4.0, 5.0];
        let channel = Channel::fit(with_gap.iter().copied());
        assert_eq!(channel.level_mean, 3.0);
        assert_eq!((channel.difference_mean, channel.difference_deviation), (1.0, 1.0));
    }

    #[test]
    fn constant_and_empty_channels_have_a_usable_scale() {
        assert_eq!(Channel::fit([5.0f32; 9].into_iter()).level_deviation, 1.0);
        assert_eq!(Channel::fit([0.1f32; 9].into_iter()).level_deviation, 1.0);
        assert_eq!(Channel::fit([f32::NAN; 3].into_iter()), Channel::IDENTITY);
    }

    #[test]
    fn inputs_stay_finite_whatever_the_sensor_says() {
        for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
            for sample in [f32::MAX, f32::MIN, f32::INFINITY, f32::NAN] {
                let u = Channel::IDENTITY.input(mode, sample, f32::MAX);
                assert!(u.abs() <= INPUT_LIMIT, "{mode:?} {sample}: {u}");
            }
        }
    }
}
