//! The machine of the story, which exists here alone: the temperature of its bearing, how its fan clogs, and what
//! befalls it.
//!
//! A sample every 5 minutes; n is a random number with mean 0 and deviation 1, another one each time:
//!
//! ```text
//! ambient  a = 20 + 4 sin(2 pi (hour - 9) / 24) + a',            a' = 0.998 a' + 0.05 n
//! load     l = (1 by day, 0.35 by night) (1 in a batch, 0.15 in the pause after it) (1 + g),
//!                                                                g = 0.95 g + 0.02 n
//! bearing  T = T + 5 min / tau (a + level + rise l + heat - T)
//! reading    = T + 0.12 n, to hundredths
//! ```
//!
//! Day is from 6 to 22 hours; after a batch there is a pause of 25 minutes. As the fan clogs, rise, tau and level go from
//! those of [`CLEAN`] to those of [`CLOGGED`], and the machine, which runs slower when it is hot, takes longer for a batch.
//! `heat` is what a dry bearing makes of itself.

use rnn_core::random::SplitMix64;
use std::f64::consts::TAU;
use std::ops::Range;

/// Samples of a day.
pub(crate) const DAY: usize = 288;
/// From here on the fan clogs, and no further from there on.
pub(crate) const CLOGS: Range<usize> = 28 * DAY..42 * DAY;
/// The log's end.
pub(crate) const END: usize = 63 * DAY;

const MINUTES: f64 = 5.0;
/// Samples.
const PAUSE: usize = 5;
const SEED: u64 = 1;

/// How a machine warms up and cools down.
struct Behaviour {
    /// K at full load.
    rise: f64,
    /// Minutes.
    tau: f64,
    /// K.
    level: f64,
    /// Samples.
    batch: f64,
}

const CLEAN: Behaviour = Behaviour { rise: 26.0, tau: 50.0, level: 0.0, batch: 10.0 };
const CLOGGED: Behaviour = Behaviour { rise: 40.0, tau: 75.0, level: 5.0, batch: 16.0 };

/// Something that is to be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// One reading is far off.
    Spike,
    /// The sensor repeats a reading.
    Stuck,
    /// The sensor sends what isn't a number.
    NotANumber,
    /// The bearing runs dry and heats itself: the one that is no fault of the sensor.
    DryBearing,
}

/// What befalls the machine, when, and for how many samples.
pub(crate) const TROUBLES: [(Trouble, usize, usize); 8] = [
    (Trouble::Spike, at(22, 10), 1),
    (Trouble::Stuck, at(23, 14), 48),
    (Trouble::NotANumber, at(24, 18), 24),
    (Trouble::DryBearing, at(26, 9), 6),
    (Trouble::Spike, at(57, 11), 1),
    (Trouble::Stuck, at(58, 15), 48),
    (Trouble::NotANumber, at(59, 8), 24),
    (Trouble::DryBearing, at(61, 13), 6),
];

/// K that a spike is off by.
const SPIKE: f64 = 25.0;
/// K that a dry bearing would end at above what is usual.
const FRICTION: f64 = 150.0;
/// How long the bearing takes to cool down; an alarm in that time is about what has happened.
const AFTERMATH: usize = DAY / 4;

const fn at(day: usize, hour: usize) -> usize {
    day * DAY + hour * DAY / 24
}

impl Trouble {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Stuck => "stuck",
            Self::NotANumber => "NaN",
            Self::DryBearing => "dry bearing",
        }
    }
}

/// The samples in which a trouble, number `i` of [`TROUBLES`], is to be noticed, its aftermath included.
pub(crate) fn window(i: usize) -> Range<usize> {
    let (_, start, samples) = TROUBLES[i];
    start..start + samples + AFTERMATH
}

/// Whether a sample is in one of those windows.
pub(crate) fn is_troubled(t: usize) -> bool {
    (0..TROUBLES.len()).any(|i| window(i).contains(&t))
}

/// All readings, from the first day to the last.
pub(crate) fn readings() -> Vec<f32> {
    let mut random = SplitMix64::new(SEED);
    // Three uniform numbers of (-1, 1) have together a variance of 1.
    let mut normal = || (0..3).map(|_| 2.0 * random.uniform() - 1.0).sum::<f64>();
    let (mut bearing, mut weather, mut goods) = (28.0, 0.0, 0.0);
    let (mut works, mut left) = (true, CLEAN.batch as usize);
    let mut readings: Vec<f32> = Vec::with_capacity(END);
    for t in 0..END {
        let hour = (t % DAY) as f64 * MINUTES / 60.0;
        let clogged = (t as f64 - CLOGS.start as f64) / CLOGS.len() as f64;
        let between = |clean: f64, dirty: f64| clean + clogged.clamp(0.0, 1.0) * (dirty - clean);
        let rise = between(CLEAN.rise, CLOGGED.rise);
        let tau = between(CLEAN.tau, CLOGGED.tau);
        let level = between(CLEAN.level, CLOGGED.level);
        let batch = between(CLEAN.batch, CLOGGED.batch);
        let trouble = TROUBLES.iter().find(|(_, start, n)| (*start..start + n).contains(&t));
        let trouble = trouble.map(|(trouble, ..)| *trouble);

        weather = 0.998 * weather + 0.05 * normal();
        let ambient = 20.0 + 4.0 * libm::sin(TAU * (hour - 9.0) / 24.0) + weather;
        goods = 0.95 * goods + 0.02 * normal();
        let shift = if (6.0..22.0).contains(&hour) { 1.0 } else { 0.35 };
        if left == 0 {
            works = !works;
            left = if works { libm::round(batch) as usize } else { PAUSE };
        }
        left -= 1;
        let load = shift * if works { 1.0 } else { 0.15 } * (1.0 + goods);
        let heat = if trouble == Some(Trouble::DryBearing) { FRICTION } else { 0.0 };
        bearing += MINUTES / tau * (ambient + level + rise * load + heat - bearing);

        let sound = bearing + 0.12 * normal();
        let reading = match trouble {
            Some(Trouble::Spike) => sound + SPIKE,
            Some(Trouble::NotANumber) => f64::NAN,
            Some(Trouble::Stuck) => readings.last().map_or(sound, |&last| last.into()),
            Some(Trouble::DryBearing) | None => sound,
        };
        readings.push((libm::round(100.0 * reading) / 100.0) as f32);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensor_fails_where_it_is_said_and_nowhere_else() {
        let readings = readings();
        assert_eq!(readings.len(), END);
        let of = |kind: Trouble, t: usize| {
            let mut those = TROUBLES.iter().filter(|(trouble, ..)| *trouble == kind);
            those.any(|(_, start, samples)| (*start..start + samples).contains(&t))
        };
        // Two readings may be equal by chance, so many in a row only where the sensor is stuck.
        const ROW: usize = 10;
        for (t, row) in readings.windows(ROW).enumerate() {
            assert_eq!(row[0].is_nan(), of(Trouble::NotANumber, t), "sample {t}");
            if row.iter().all(|reading| *reading == row[0]) {
                assert!(of(Trouble::Stuck, t + ROW - 1), "sample {t}");
            }
        }
        for (t, row) in readings.windows(2).enumerate() {
            let jump = row[1] - row[0] > 0.9 * SPIKE as f32;
            assert_eq!(jump, of(Trouble::Spike, t + 1), "sample {}", t + 1);
        }
    }

    #[test]
    fn a_log_keeps_every_bit() {
        for reading in readings().into_iter().filter(|reading| !reading.is_nan()) {
            assert_eq!(format!("{reading:.2}").parse(), Ok(reading));
        }
    }
}
