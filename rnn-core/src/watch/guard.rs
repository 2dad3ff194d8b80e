//! What may reach a network's state. A value that isn't let in is replaced by the network's own
//! prediction, and the reason is told in the same step.
//!
//! A channel whose values have not been let in for more than [`Rules::hold`] steps is blind: the network
//! reads nothing but itself there. When the last blind channel sees again, the network starts from
//! rest, and after [`Rules::warm_up`] steps it is as good as ever.

/// The value of a channel for which nothing was sent, where others of the sample were: one of the many
/// NaNs, told from the others by its bits.
pub const MISSING: f32 = f32::from_bits(0x7fc0_4e41);

/// Why a value wasn't let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// No value came in time.
    Missing = 1,
    /// Not a number.
    NotANumber = 2,
    /// Infinite.
    Infinite = 3,
    /// Outside the channel's range.
    OutOfRange = 4,
    /// The same bits for too many samples in a row.
    Stuck = 5,
    /// Too soon after the last sample; the whole sample is passed over.
    TooEarly = 6,
    /// Too long after the last sample, or older than it.
    TooLate = 7,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 7] = [
        Fault::Missing,
        Fault::NotANumber,
        Fault::Infinite,
        Fault::OutOfRange,
        Fault::Stuck,
        Fault::TooEarly,
        Fault::TooLate,
    ];

    /// The fault of this number.
    pub fn of(number: u8) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| *fault as u8 == number)
    }
}

/// What a channel's values may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lowest value of the range.
    pub low: f32,
    /// The highest.
    pub high: f32,
    /// Equal values in a row from which on the channel is stuck; 0: never.
    pub stuck: u32,
}

impl Limits {
    /// All finite values, and no end to equal ones.
    pub const NONE: Limits = Limits { low: f32::MIN, high: f32::MAX, stuck: 0 };
}

/// When samples may come, and how long a network goes on without them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The least time between two samples, in sampling periods.
    pub earliest: f32,
    /// The longest.
    pub latest: f32,
    /// Steps in a row for which a channel may be replaced by predictions.
    pub hold: u32,
    /// Steps from rest after which predictions are to be trusted.
    pub warm_up: u32,
}

/// What a guard remembers of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// The last value that came.
    bits: u32,
    /// Values with these bits in a row.
    equal: u32,
    /// Steps in a row whose value wasn't let in.
    faulty: u32,
}

impl Track {
    /// Nothing has come so far.
    pub const NEW: Track = Track { bits: MISSING.to_bits(), equal: 0, faulty: 0 };

    /// Steps in a row whose value wasn't let in.
    pub fn faulty(&self) -> u32 {
        self.faulty
    }

    /// What is wrong with a value that came in time.
    fn judge(&mut self, limits: &Limits, value: f32) -> Option<Fault> {
        let bits = value.to_bits();
        self.equal = if bits == self.bits { self.equal.saturating_add(1) } else { 1 };
        self.bits = bits;
        if bits == MISSING.to_bits() {
            Some(Fault::Missing)
        } else if value.is_nan() {
            Some(Fault::NotANumber)
        } else if value.is_infinite() {
            Some(Fault::Infinite)
        } else if value < limits.low || value > limits.high {
            Some(Fault::OutOfRange)
        } else if limits.stuck > 0 && self.equal >= limits.stuck {
            Some(Fault::Stuck)
        } else {
            None
        }
    }
}

/// What a guard remembers beside its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Time since the last step, in periods; below 0 where the time stamps went back.
    since: f32,
    /// Samples passed over since the last step.
    passed_over: u32,
    /// Whether the last step was made without a sample.
    missed: bool,
    /// Whether a channel is blind.
    blind: bool,
    /// Whether the last prediction rests on samples alone.
    sound: bool,
    /// Steps until predictions are to be trusted.
    recovering: u32,
}

impl Clock {
    /// Before the first sample, with the network at rest.
    pub const fn new(rules: &Rules) -> Self {
        // Whenever the first sample comes, it isn't too late.
        Clock {
            since: f32::NAN,
            passed_over: 0,
            missed: false,
            blind: false,
            sound: false,
            recovering: rules.warm_up,
        }
    }

    /// What is wrong with a sample `elapsed` periods after the last call, and whether it makes a step.
    fn judge(&mut self, rules: &Rules, elapsed: f32) -> (Option<Fault>, bool) {
        self.since += elapsed;
        let early = self.since < rules.earliest;
        // A clock that was put back is followed in the end.
        if early && self.passed_over < rules.hold {
            self.passed_over += 1;
            let stale = self.missed || self.since < 0.0;
            return (Some(if stale { Fault::TooLate } else { Fault::TooEarly }), false);
        }
        let late = early || self.since > rules.latest;
        self.step(false);
        (late.then_some(Fault::TooLate), true)
    }

    /// A step is made, with a sample or without.
    fn step(&mut self, missed: bool) {
        (self.since, self.passed_over, self.missed) = (0.0, 0, missed);
    }
}

/// How far a prediction is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sight {
    /// It rests on samples.
    Clear = 0,
    /// The network has not seen enough samples yet, at the start or after blindness.
    Recovering = 1,
    /// A channel is blind: the prediction rests on predictions.
    Blind = 2,
}

impl Sight {
    /// The one of this number.
    pub fn of(number: u8) -> Option<Sight> {
        [Sight::Clear, Sight::Recovering, Sight::Blind].into_iter().find(|s| *s as u8 == number)
    }
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether the network makes a step. Not where a sample is passed over: it came too early, or it is
    /// older than the last one.
    pub step: bool,
    /// Whether the network starts from rest.
    pub restart: bool,
    /// How far the prediction after this step is to be trusted.
    pub sight: Sight,
    /// Whether the prediction of this sample rests on samples alone, so that it can be compared.
    pub comparable: bool,
}

/// Decides what of a sample reaches the network.
///
/// `channels`: what is fixed and what is remembered of each. `sample`: `None` where none came when one
/// was due. `elapsed`: sampling periods since the last call; NaN where there is no clock, and times
/// aren't judged. `expected`: the network's last prediction. Written are what the network reads, and
/// why a value isn't among it, I values each.
pub fn admit<'a>(
    rules: &Rules,
    clock: &mut Clock,
    channels: impl Iterator<Item = (&'a Limits, &'a mut Track)>,
    sample: Option<&[f32]>,
    elapsed: f32,
    expected: &[f32],
    (admitted, faults): (&mut [f32], &mut [Option<Fault>]),
) -> Admission {
    let (fault, step) = match sample {
        Some(_) => clock.judge(rules, elapsed),
        None => {
            clock.step(true);
            (Some(Fault::Missing), true)
        }
    };
    let comparable = clock.sound;
    let (mut blind, mut sound) = (false, true);
    let mut sent = sample.unwrap_or_default().iter();
    let results = admitted.iter_mut().zip(faults).zip(expected);
    for ((limits, track), ((admitted, result), &expected)) in channels.zip(results) {
        let value = sent.next().copied().unwrap_or(MISSING);
        // What came too early isn't the channel's next value.
        let own = if step { track.judge(limits, value) } else { None };
        *result = fault.or(own);
        let valid = result.is_none();
        *admitted = if valid { flushed(value) } else { expected };
        if step {
            track.faulty = if valid { 0 } else { track.faulty.saturating_add(1) };
        }
        blind |= track.faulty > rules.hold;
        sound &= valid;
    }
    let restart = clock.blind && !blind;
    clock.blind = blind;
    if restart {
        clock.recovering = rules.warm_up;
    }
    if step {
        clock.recovering = clock.recovering.saturating_sub(1);
    }
    let sight = match (blind, clock.recovering) {
        (true, _) => Sight::Blind,
        (false, 0) => Sight::Clear,
        (false, _) => Sight::Recovering,
    };
    if step {
        clock.sound = sound && sight == Sight::Clear;
    }
    Admission { step, restart, sight, comparable }
}

/// Denormal numbers, which some chips take for 0, become 0 everywhere.
fn flushed(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0.0 } else { value }
}
