//! A stream that is watched: every sample is judged before it reaches the network.
//!
//! [`guard`] lets in what a sensor may say, [`score`] says how little a sample fits; [`judge`] does both,
//! and [`Watcher`] in memory of fixed size. Between two samples stands a step of the network:
//!
//! ```
//! # use rnn_core::watch::{Watch, Watcher, Watched};
//! # use rnn_core::watch::guard::{Limits, Rules, Sight};
//! # use rnn_core::watch::score::Usual;
//! static WATCH: Watch<1> = Watch {
//!     rules: Rules { earliest: 0.5, latest: 1.5, hold: 16, warm_up: 32 },
//!     threshold: 4.16,
//!     channels: [Watched {
//!         limits: Limits { low: -40.0, high: 125.0, stuck: 50 },
//!         usual: Usual {
//!             mean: 21.0, deviation: 2.0, residual: 0.1, residual_tail: 3.0, level: 0.2, level_tail: 1.0,
//!         },
//!     }],
//! };
//! let mut watcher = Watcher::new(&WATCH);
//! for sample in [[21.0], [21.1], [f32::NAN], [900.0], [21.2]] {
//!     let verdict = watcher.judge(Some(&sample), 1.0);
//!     if verdict.restart { /* the network starts from rest */ }
//!     if verdict.step {
//!         // A network would step on `admitted`; this one says "as now".
//!         let prediction = *watcher.admitted();
//!         watcher.expect(prediction);
//!     }
//!     println!("{:?} {:?} {}", watcher.faults(), verdict.sight, verdict.alarm);
//! }
//! assert_eq!(watcher.admitted(), &[21.2]);
//! ```

pub mod guard;
pub mod score;

use guard::{Admission, Clock, Fault, Limits, Rules, Sight, Track, admit};
use score::{Scales, Usual};

/// What is known of a channel beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watched {
    /// What its values may be.
    pub limits: Limits,
    /// What is usual there.
    pub usual: Usual,
}

impl Watched {
    /// All finite values are let in, and none is an anomaly.
    pub const NOT: Watched = Watched {
        limits: Limits::NONE,
        usual: Usual {
            mean: 0.0,
            deviation: 1.0,
            residual: f32::MAX,
            residual_tail: 1.0,
            level: f32::MAX,
            level_tail: 1.0,
        },
    };
}

/// What is known of a stream of I channels beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch<const I: usize> {
    /// Times.
    pub rules: Rules,
    /// The score above which a sample is an alarm.
    pub threshold: f32,
    /// The channels.
    pub channels: [Watched; I],
}

impl<const I: usize> Watch<I> {
    /// Nothing is known: what isn't a number is replaced, for as long as it takes.
    pub const NONE: Watch<I> = Watch {
        rules: Rules { earliest: 0.0, latest: f32::MAX, hold: u32::MAX, warm_up: 0 },
        threshold: f32::MAX,
        channels: [Watched::NOT; I],
    };
}

/// What a watch remembers of a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    track: Track,
    scales: Scales,
}

impl Memory {
    /// Before the first sample.
    pub const fn new(channel: &Watched) -> Self {
        Memory { track: Track::NEW, scales: Scales::new(&channel.usual) }
    }
}

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the network makes a step, on what was admitted. Not where the sample is passed over.
    pub step: bool,
    /// Whether it starts from rest.
    pub restart: bool,
    /// How far the prediction after this step is to be trusted.
    pub sight: Sight,
    /// How little the sample fits: the highest [`score`] of its values, as far as they came in time and
    /// are numbers that move; 0 where there is none.
    pub score: f32,
    /// Whether a value lies outside its channel's range.
    pub out_of_range: bool,
    /// Whether it is, or the score is above the threshold.
    pub alarm: bool,
}

impl Verdict {
    /// Of a sample that is let in, in a stream where anything fits.
    pub const FITS: Verdict = Verdict {
        step: true,
        restart: false,
        sight: Sight::Clear,
        score: 0.0,
        out_of_range: false,
        alarm: false,
    };

    /// Whether the sample was let in whole, by a stream that is seen clearly: something to learn from.
    pub fn is_sound(&self, faults: &[Option<Fault>]) -> bool {
        self.step && self.sight == Sight::Clear && faults.iter().all(Option::is_none)
    }
}

/// A sample, what was predicted for it, and what is made of it, as slices of I values.
#[derive(Debug)]
pub struct Sample<'a> {
    /// What came; `None` where nothing came when it was due.
    pub values: Option<&'a [f32]>,
    /// Sampling periods since the last call; NaN where there is no clock.
    pub elapsed: f32,
    /// The network's last prediction; NaN before the first.
    pub expected: &'a [f32],
    /// What the network reads.
    pub admitted: &'a mut [f32],
    /// Why a value isn't among it.
    pub faults: &'a mut [Option<Fault>],
}

/// Judges a sample: what of it reaches the network, and how little that fits.
pub fn judge(
    rules: &Rules,
    threshold: f32,
    channels: &[Watched],
    clock: &mut Clock,
    memory: &mut [Memory],
    sample: Sample<'_>,
) -> Verdict {
    let Sample { values, elapsed, expected, admitted, faults } = sample;
    let known = channels.iter().map(|channel| &channel.limits);
    let remembered = memory.iter_mut().map(|memory| &mut memory.track);
    let own = (&mut *admitted, &mut *faults);
    let admission = admit(rules, clock, known.zip(remembered), values, elapsed, expected, own);
    let Admission { step, restart, sight, comparable } = admission;
    let (mut score, mut out_of_range) = (0.0, false);
    let sent = values.unwrap_or_default().iter().zip(faults.iter()).zip(expected);
    for ((channel, memory), ((&value, fault), &expected)) in channels.iter().zip(memory).zip(sent) {
        let predicted = if comparable { expected } else { f32::NAN };
        let mut scales = memory.scales;
        let own = match fault {
            None | Some(Fault::OutOfRange) => scales.score(&channel.usual, value, predicted),
            Some(_) => 0.0,
        };
        // What is at fault doesn't fit, but it teaches nothing.
        if fault.is_none() {
            memory.scales = scales;
        }
        score = if own > score { own } else { score };
        out_of_range |= *fault == Some(Fault::OutOfRange);
    }
    let alarm = out_of_range || score > threshold;
    Verdict { step, restart, sight, score, out_of_range, alarm }
}

/// A [`Watch`] in the middle of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Watcher<const I: usize> {
    watch: Watch<I>,
    clock: Clock,
    memory: [Memory; I],
    expected: [f32; I],
    admitted: [f32; I],
    faults: [Option<Fault>; I],
}

impl<const I: usize> Watcher<I> {
    /// Before the first sample, with the network at rest.
    pub fn new(watch: &Watch<I>) -> Self {
        Watcher {
            watch: *watch,
            clock: Clock::new(&watch.rules),
            memory: watch.channels.each_ref().map(Memory::new),
            expected: [f32::NAN; I],
            admitted: [0.0; I],
            faults: [None; I],
        }
    }

    /// Judges a sample, or that none came when it was due, `elapsed` sampling periods after the last
    /// call (NaN: there is no clock).
    pub fn judge(&mut self, sample: Option<&[f32; I]>, elapsed: f32) -> Verdict {
        let Watcher { watch, clock, memory, expected, admitted, faults } = self;
        let values = sample.map(|sample| sample.as_slice());
        let sample = Sample { values, elapsed, expected, admitted, faults };
        judge(&watch.rules, watch.threshold, &watch.channels, clock, memory, sample)
    }

    /// Watches for something else from now on; what it remembers of the stream stays.
    pub fn watch_for(&mut self, watch: &Watch<I>) {
        self.watch = *watch;
    }

    /// What the network reads.
    pub fn admitted(&self) -> &[f32; I] {
        &self.admitted
    }

    /// Why a value isn't among it.
    pub fn faults(&self) -> &[Option<Fault>; I] {
        &self.faults
    }

    /// The network's last prediction; NaN before the first.
    pub fn expected(&self) -> &[f32; I] {
        &self.expected
    }

    /// Notes what the network has predicted.
    pub fn expect(&mut self, prediction: [f32; I]) {
        self.expected = prediction;
    }
}
