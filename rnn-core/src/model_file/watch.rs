//! What is watched for.

use super::read::{f32_at, u32_at};
use super::{Error, Header, ModelFile, WATCH};
use crate::scaling::Channel;
use crate::watch::guard::{Limits, Rules};
use crate::watch::score::Usual;
use crate::watch::{Watch, Watched};

/// The offset of the first number of the part that can't be: not finite, an empty range or time, a scale
/// that isn't above 0, a tail below 1.
pub(super) const fn unusable(header: &Header, bytes: &[u8]) -> Option<usize> {
    if !header.watched {
        return None;
    }
    let [all, each] = WATCH;
    let at = header.watch_at();
    let (earliest, latest) = (f32_at(bytes, at), f32_at(bytes, at + 4));
    let (period, threshold) = (f32_at(bytes, at + 16), f32_at(bytes, at + 20));
    if !(earliest >= 0.0 && earliest.is_finite()) {
        return Some(at);
    }
    if !(latest > earliest && latest.is_finite()) {
        return Some(at + 4);
    }
    if !(period >= 0.0 && period.is_finite()) {
        return Some(at + 16);
    }
    if !(threshold > 0.0 && threshold.is_finite()) {
        return Some(at + 20);
    }
    let mut i = 0;
    while i < header.inputs {
        let at = at + 4 * (all + each * i);
        let (low, high) = (f32_at(bytes, at), f32_at(bytes, at + 4));
        if !low.is_finite() {
            return Some(at);
        }
        if !(high > low && high.is_finite()) {
            return Some(at + 4);
        }
        let mut k = 3;
        while k < each {
            let value = f32_at(bytes, at + 4 * k);
            // Scales and tails in turn.
            let least = if k % 2 == 1 { f32::MIN_POSITIVE } else { 1.0 };
            if !(value >= least && value.is_finite()) {
                return Some(at + 4 * k);
            }
            k += 1;
        }
        i += 1;
    }
    None
}

impl ModelFile<'_> {
    /// Times, and the score above which a sample is an alarm; those of [`Watch::NONE`] where the file
    /// doesn't say what is watched for.
    pub const fn watch_rules(&self) -> (Rules, f32) {
        if !self.header.watched {
            return (Watch::<0>::NONE.rules, Watch::<0>::NONE.threshold);
        }
        let at = self.header.watch_at();
        let rules = Rules {
            earliest: f32_at(self.bytes, at),
            latest: f32_at(self.bytes, at + 4),
            hold: u32_at(self.bytes, at + 8),
            warm_up: u32_at(self.bytes, at + 12),
        };
        (rules, f32_at(self.bytes, at + 20))
    }

    /// The sampling period in seconds; 0: unknown.
    pub const fn period(&self) -> f32 {
        if self.header.watched { f32_at(self.bytes, self.header.watch_at() + 16) } else { 0.0 }
    }

    /// What is watched for in channel `i`; nothing where the file doesn't say.
    pub const fn watched(&self, i: usize) -> Watched {
        if !self.header.watched || i >= self.header.inputs {
            return Watched::NOT;
        }
        let [all, each] = WATCH;
        let at = self.header.watch_at() + 4 * (all + each * i);
        let Channel { level_mean: mean, level_deviation: deviation, .. } = self.channel(i);
        Watched {
            limits: Limits {
                low: f32_at(self.bytes, at),
                high: f32_at(self.bytes, at + 4),
                stuck: u32_at(self.bytes, at + 8),
            },
            usual: Usual {
                mean,
                deviation,
                residual: f32_at(self.bytes, at + 12),
                residual_tail: f32_at(self.bytes, at + 16),
                level: f32_at(self.bytes, at + 20),
                level_tail: f32_at(self.bytes, at + 24),
            },
        }
    }

    /// What is watched for, for a `static` in flash. [`Error::Shape`] when there are not I channels.
    pub const fn watch<const I: usize>(&self) -> Result<Watch<I>, Error> {
        let Header { inputs, layers, .. } = self.header;
        if inputs != I {
            return Err(Error::Shape { inputs, hidden: layers.hidden() });
        }
        let (rules, threshold) = self.watch_rules();
        let mut channels = [Watched::NOT; I];
        let mut i = 0;
        while i < I {
            channels[i] = self.watched(i);
            i += 1;
        }
        Ok(Watch { rules, threshold, channels })
    }
}
