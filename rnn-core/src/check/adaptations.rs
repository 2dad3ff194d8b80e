//! Learning from a stream that changes: predictions, decisions and weights, digested. A chip and a host
//! must arrive at the same digests.

use super::Digest;
use crate::adapt::{Adapter, Event, Frozen, Guarded, Learner, Readout, Whole};
use crate::cell::Cell;
use crate::elman::Elman;
use crate::forecast::Forecaster;
use crate::gru::{Gru, ResetAfter};
use crate::lstm::Lstm;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::random::SplitMix64;
use crate::scaling::{Channel, Mode};
use crate::watch::guard::{Limits, Rules};
use crate::watch::{Watch, Watched};

/// A run, and the digest that it must have.
#[derive(Clone, Copy, Debug)]
pub struct Adaptation {
    /// What learns.
    pub name: &'static str,
    /// Learns from so many samples and digests.
    pub run: fn(usize) -> u32,
    /// The digest of [`SAMPLES`] samples on every machine.
    pub expected: u32,
    /// Stack that a run may take, in bytes: the adapter is made where it isn't kept.
    pub stack: usize,
}

/// See [`Adaptation::stack`].
const fn stack<L: Learner<Sample = [f32; 1]>>() -> usize {
    4 * size_of::<Guarded<L, 1>>() + 2048
}

/// Samples of a run.
pub const SAMPLES: usize = 2000;

/// All runs, in small networks.
pub const ADAPTATIONS: [Adaptation; 4] = [
    of_whole::<Elman<f32, 1, 6>, 6, 8>("elman", 0x3C9C_25F6),
    of_whole::<Gru<f32, 1, 6, ResetAfter>, 6, 8>("gru", 0x4E3C_3834),
    of_whole::<Lstm<f32, 1, 5>, 5, 8>("lstm", 0x62EB_4E10),
    Adaptation {
        name: "readout of a gru",
        run: readout::<Gru<f32, 1, 6>, 6, 8>,
        expected: 0x171D_2CD7,
        stack: stack::<Readout<Gru<f32, 1, 6>, 1, 6, 8>>(),
    },
];

/// Samples of a [`soak`].
pub const SOAK_SAMPLES: usize = 1_000_000;
/// The digest of a [`soak`] on every machine.
pub const SOAK_EXPECTED: u32 = 0x0A20_8AC1;

/// A million samples for an Elman cell of 16 units over blocks of 16: minutes on an emulated chip. `run` is
/// to run every step, and may time it. Returns the digest.
pub fn soak(run: impl FnMut(&mut dyn FnMut())) -> u32 {
    whole_with::<Elman<f32, 1, 16>, 16, 16>(SOAK_SAMPLES, run)
}

const fn of_whole<C: Cell<f32, 1, H>, const H: usize, const T: usize>(
    name: &'static str,
    expected: u32,
) -> Adaptation {
    Adaptation { name, run: whole::<C, H, T>, expected, stack: stack::<Whole<C, 1, H, T>>() }
}

/// Model, shadow, gradient and the state of learning, with 16 units and blocks of 16.
const _: () = {
    const H: usize = 16;
    assert!(size_of::<Adapter<Whole<Elman<f32, 1, H>, 1, H, 16>>>() <= 12 * 1024);
    assert!(size_of::<Adapter<Whole<Gru<f32, 1, H>, 1, H, 16>>>() <= 24 * 1024);
    assert!(size_of::<Adapter<Readout<Gru<f32, 1, H>, 1, H, 16>>>() <= 3 * 1024);
};

const WATCH: Watch<1> = Watch {
    rules: Rules { hold: 8, warm_up: 12, ..Watch::<1>::NONE.rules },
    channels: [Watched { limits: Limits { low: -100.0, high: 100.0, stuck: 4 }, ..Watched::NOT }],
    ..Watch::NONE
};

/// Samples until the series changes.
const STRETCH: usize = 700;
/// Cosine and sine of 2 pi / 25, and of 2 pi / 15.
const TURNS: [(f32, f32); 2] = [(0.968_583_17, 0.248_689_89), (0.913_545_5, 0.406_736_64)];

/// A noisy wave whose level, gain and period change, with a sample that is wrong now and then.
struct Series {
    random: SplitMix64,
    wave: (f32, f32),
    t: usize,
}

impl Series {
    fn next(&mut self) -> [f32; 1] {
        let stretch = self.t / STRETCH;
        self.t += 1;
        let (x, y) = self.wave;
        let (cos, sin) = if stretch % 4 == 3 { TURNS[1] } else { TURNS[0] };
        // A turn, and back to the circle where rounding has left it.
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        let length = 1.5 - 0.5 * (x * x + y * y);
        self.wave = (x * length, y * length);
        let gain = if stretch % 4 == 2 { 4.0 } else { 2.0 };
        let level = if stretch % 4 == 1 { 14.0 } else { 10.0 };
        let noise = self.random.uniform() as f32 - 0.5;
        let wrong = self.random.below(100) == 0;
        [if wrong { f32::NAN } else { level + gain * x + 0.2 * noise }]
    }
}

/// Where the weights start, and the scales of the series' first stretch.
fn model<C: Cell<f32, 1, H>, const H: usize>() -> Forecaster<C, 1, H> {
    let channel = Channel { level_mean: 10.0, level_deviation: 1.5, ..Channel::IDENTITY };
    Forecaster { network: Network::random(31), channels: [channel], mode: Mode::Raw }
}

fn whole<C: Cell<f32, 1, H>, const H: usize, const T: usize>(samples: usize) -> u32 {
    whole_with::<C, H, T>(samples, |step| step())
}

/// `run` is to run every step, and may time it.
fn whole_with<C: Cell<f32, 1, H>, const H: usize, const T: usize>(
    samples: usize,
    mut run: impl FnMut(&mut dyn FnMut()),
) -> u32 {
    let model = model::<C, H>();
    let adapter = Adapter::<Whole<C, 1, H, T>>::new(&model);
    let mut learning = Guarded::new(adapter, &WATCH);
    let (digest, taken_over) = learn(samples, &mut learning, |learning, sample| {
        let mut event = None;
        run(&mut || event = adapt(learning, &model, sample));
        event
    });
    if taken_over { digest } else { 0 }
}

fn readout<C: Cell<f32, 1, H>, const H: usize, const T: usize>(samples: usize) -> u32 {
    let model = model::<C, H>();
    let adapter = Adapter::<Readout<C, 1, H, T>>::of_readout(&model);
    let mut learning = Guarded::new(adapter, &WATCH);
    learn(samples, &mut learning, |learning, sample| adapt(learning, &model, sample)).0
}

/// The digest, 0 where a weight got out of its bounds; and whether what was learnt was taken over.
fn learn<L: Learner<Sample = [f32; 1]>>(
    samples: usize,
    learning: &mut Guarded<L, 1>,
    mut step: impl FnMut(&mut Guarded<L, 1>, &[f32; 1]) -> Option<Event>,
) -> (u32, bool) {
    let mut series = Series { random: SplitMix64::new(32), wave: (1.0, 0.0), t: 0 };
    let mut digest = Digest::new();
    let bound = learning.adapter().bound();
    let mut taken_over = false;
    for t in 0..samples {
        let event = step(learning, &series.next());
        digest.add(learning.prediction());
        taken_over |= event == Some(Event::TakenOver);
        digest.add_bits(event.map_or(0, |event| 1 + event as i32));
        if event.is_some() || t % 100 == 99 {
            let adapter = learning.adapter();
            for tensor in adapter.weights().tensors().chain(adapter.shadow().tensors()) {
                if !tensor.iter().all(|w| w.abs() <= bound) {
                    return (0, taken_over);
                }
                digest.add(tensor);
            }
        }
    }
    (digest.finish(), taken_over)
}

/// A sample of a steady stream: a function of its own, whose calls are checked.
#[inline(never)]
pub fn adapt<'m, L: Learner<Sample = [f32; 1]> + 'm>(
    learning: &mut Guarded<L, 1>,
    frozen: impl Into<Frozen<'m, L>>,
    sample: &[f32; 1],
) -> Option<Event> {
    learning.step(frozen, Some(sample), 1.0).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_expected_ones() {
        let hexadecimal = |name, digest: u32| format!("{name}: {digest:#010x}");
        let digests = ADAPTATIONS.map(|a| hexadecimal(a.name, (a.run)(SAMPLES)));
        assert_eq!(digests, ADAPTATIONS.map(|a| hexadecimal(a.name, a.expected)));
    }

    /// `cargo test --release -p rnn-core --lib adaptations -- --ignored`
    #[test]
    #[ignore = "seconds to minutes"]
    fn a_million_samples_come_to_the_expected_digest() {
        let digest = soak(|step| step());
        assert_eq!(format!("{digest:#010x}"), format!("{SOAK_EXPECTED:#010x}"));
    }
}
