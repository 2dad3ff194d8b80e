//! Faults of a sensor, injected into a stream: none reaches the state, each is told in its step, and the
//! stream recovers within the stated number of steps.

use crate::made::scales;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::network::Network;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use rnn_core::stream::Predictor;
use rnn_core::watch::guard::{Clock, Fault, Limits, MISSING, Rules, Sight, Track, admit};

const RULES: Rules = Rules { earliest: 0.5, latest: 1.5, hold: 5, warm_up: 12 };
const LIMITS: [Limits; 2] =
    [Limits { low: -10.0, high: 50.0, stuck: 4 }, Limits { low: 300.0, high: 500.0, stuck: 4 }];
type Model = Forecaster<Elman<f32, 2, 8>, 2, 8>;

fn model() -> Model {
    let channels = [scales(20.0, 2.5, 0.01, 0.4), scales(401.0, 3.0, -0.25, 1.5)];
    Forecaster { network: Network::random(21), channels, mode: Mode::Difference }
}

/// A watched stream.
struct Stream<'m> {
    model: &'m Model,
    predictor: Predictor<'m, Elman<f32, 2, 8>, 2, 8, 0>,
    clock: Clock,
    tracks: [Track; 2],
    expected: [f32; 2],
    admitted: [f32; 2],
    faults: [Option<Fault>; 2],
}

impl<'m> Stream<'m> {
    fn new(model: &'m Model) -> Self {
        Stream {
            model,
            predictor: Predictor::new(model),
            clock: Clock::new(&RULES),
            tracks: [Track::NEW; 2],
            expected: [f32::NAN; 2],
            admitted: [0.0; 2],
            faults: [None; 2],
        }
    }

    /// Takes a sample that comes so many periods after the last call, or none.
    fn step(&mut self, sample: Option<[f32; 2]>, elapsed: f32) -> Sight {
        let sample = sample.as_ref().map(|sample| sample.as_slice());
        let channels = LIMITS.iter().zip(&mut self.tracks);
        let own = (&mut self.admitted[..], &mut self.faults[..]);
        let admission =
            admit(&RULES, &mut self.clock, channels, sample, elapsed, &self.expected, own);
        if admission.restart {
            self.predictor = Predictor::new(self.model);
        }
        if admission.step {
            self.expected = self.predictor.step(&self.admitted);
            assert!(self.expected.iter().all(|value| value.is_finite()));
            assert!(self.predictor.state().iter().all(|h| h.abs() <= 1.0));
        }
        admission.sight
    }
}

/// What a healthy sensor sends at time t.
fn healthy(t: usize) -> [f32; 2] {
    let t = t as f32;
    [20.0 + 3.0 * (t / 7.0).sin() + 0.01 * t.sin(), 400.0 + 5.0 * (t / 11.0).cos() + 0.02 * t.cos()]
}

/// A stream after so many healthy samples.
fn warmed_up(model: &Model, samples: usize) -> Stream<'_> {
    let mut stream = Stream::new(model);
    for t in 0..samples {
        let sight = stream.step(Some(healthy(t)), 1.0);
        let expected =
            if t + 1 < RULES.warm_up as usize { Sight::Recovering } else { Sight::Clear };
        assert_eq!((sight, stream.faults), (expected, [None; 2]), "{t}");
    }
    stream
}

/// Values that are wrong by themselves, and why.
const WRONG: [(f32, Fault); 8] = [
    (MISSING, Fault::Missing),
    (f32::NAN, Fault::NotANumber),
    (-f32::NAN, Fault::NotANumber),
    (f32::INFINITY, Fault::Infinite),
    (f32::NEG_INFINITY, Fault::Infinite),
    (-10.000001, Fault::OutOfRange),
    (500.0001, Fault::OutOfRange),
    (f32::MAX, Fault::OutOfRange),
];

#[test]
fn wrong_values_are_told_and_replaced_by_the_prediction() {
    let model = model();
    for (wrong, fault) in WRONG {
        for channels in [[true, false], [false, true], [true, true]] {
            for length in [1, RULES.hold as usize] {
                let mut stream = warmed_up(&model, 40);
                for t in 40..40 + length {
                    let mut told = stream.predictor.clone();
                    let (mut sample, expected) = (healthy(t), stream.expected);
                    let mut reads = sample;
                    for i in (0..2).filter(|&i| channels[i]) {
                        (sample[i], reads[i]) = (wrong, expected[i]);
                    }
                    let sight = stream.step(Some(sample), 1.0);
                    assert_eq!(stream.faults, channels.map(|wrong| wrong.then_some(fault)));
                    assert_eq!(sight, Sight::Clear, "{wrong} for {length}");
                    // The network has read its own prediction instead.
                    told.step(&reads);
                    assert_eq!(stream.predictor, told, "{wrong}");
                }
                let sight = stream.step(Some(healthy(40 + length)), 1.0);
                assert_eq!((sight, stream.faults), (Sight::Clear, [None; 2]));
            }
        }
    }
}

#[test]
fn a_stuck_channel_is_told_with_the_value_that_proves_it() {
    let model = model();
    let stuck = LIMITS[0].stuck as usize;
    let mut stream = warmed_up(&model, 40);
    for t in 40..60 {
        stream.step(Some([21.5, healthy(t)[1]]), 1.0);
        let fault = (t + 1 >= 40 + stuck).then_some(Fault::Stuck);
        assert_eq!(stream.faults, [fault, None], "{t}");
    }
    // Another value ends it.
    stream.step(Some(healthy(60)), 1.0);
    assert_eq!(stream.faults, [None; 2]);
}

#[test]
fn samples_out_of_time_are_told() {
    let model = model();
    let mut stream = warmed_up(&model, 40);
    let before = stream.predictor.clone();
    // In a flood, what comes before its time makes no step.
    for elapsed in [0.2, 0.2, 0.0] {
        stream.step(Some(healthy(40)), elapsed);
        assert_eq!(stream.faults, [Some(Fault::TooEarly); 2]);
        assert_eq!(stream.predictor, before);
    }
    stream.step(Some(healthy(40)), 0.6);
    assert_eq!(stream.faults, [None; 2], "1.0 since the last step");
    // Too late: a step on the prediction; the next one counts from here.
    let (mut told, expected) = (stream.predictor.clone(), stream.expected);
    stream.step(Some(healthy(42)), 1.6);
    told.step(&expected);
    assert_eq!((stream.faults, &stream.predictor), ([Some(Fault::TooLate); 2], &told));
    stream.step(Some(healthy(43)), 1.0);
    assert_eq!(stream.faults, [None; 2]);
    // Not at all, and then after its slot was given up.
    stream.step(None, 1.5);
    assert_eq!(stream.faults, [Some(Fault::Missing); 2]);
    stream.step(Some(healthy(44)), 0.1);
    assert_eq!(stream.faults, [Some(Fault::TooLate); 2]);
    stream.step(Some(healthy(45)), 0.9);
    assert_eq!(stream.faults, [None; 2]);
}

#[test]
fn time_stamps_that_go_back_are_passed_over_until_they_are_new() {
    let model = model();
    let mut stream = warmed_up(&model, 40);
    let before = stream.predictor.clone();
    stream.step(Some(healthy(37)), -3.0);
    for t in 38..40 {
        stream.step(Some(healthy(t)), 1.0);
        assert_eq!(stream.faults, [Some(Fault::TooLate); 2]);
        assert_eq!(stream.predictor, before);
    }
    // -3 + 3: as old as the last one.
    stream.step(Some(healthy(40)), 1.0);
    assert_eq!(stream.faults, [Some(Fault::TooEarly); 2]);
    stream.step(Some(healthy(41)), 1.0);
    assert_eq!(stream.faults, [None; 2]);

    // A clock that was put back for good is followed after as many samples as predictions hold.
    stream.step(Some(healthy(42)), -1e9);
    for _ in 1..RULES.hold {
        stream.step(Some(healthy(43)), 1.0);
        assert_eq!(stream.faults, [Some(Fault::TooLate); 2]);
    }
    stream.step(Some(healthy(44)), 1.0);
    assert_eq!(stream.faults, [Some(Fault::TooLate); 2]);
    stream.step(Some(healthy(45)), 1.0);
    assert_eq!(stream.faults, [None; 2]);
}

#[test]
fn without_a_clock_times_are_not_judged() {
    let model = model();
    let mut stream = Stream::new(&model);
    for t in 0..40 {
        stream.step(Some(healthy(t)), f32::NAN);
        assert_eq!(stream.faults, [None; 2]);
    }
}

#[test]
fn a_dead_sensor_times_out_and_the_stream_recovers_in_time() {
    let model = model();
    let (hold, warm_up) = (RULES.hold as usize, RULES.warm_up as usize);
    for (dead, of) in [[true, false], [false, true], [true, true]].iter().zip([0, 1, 2]) {
        for (wrong, _) in WRONG {
            let mut stream = warmed_up(&model, 40);
            for n in 1..=1000 {
                let mut sample = healthy(40 + n);
                (0..2).filter(|&i| dead[i]).for_each(|i| sample[i] = wrong);
                let sight = stream.step(Some(sample), 1.0);
                let expected = if n > hold { Sight::Blind } else { Sight::Clear };
                assert_eq!(sight, expected, "{of} {wrong} after {n}");
            }
            // From rest, the same as a stream that starts.
            let mut fresh = Stream::new(&model);
            for n in 1..=warm_up {
                let sample = Some(healthy(2000 + n));
                let sight = stream.step(sample, 1.0);
                fresh.step(sample, 1.0);
                let expected = if n < warm_up { Sight::Recovering } else { Sight::Clear };
                assert_eq!((sight, stream.faults), (expected, [None; 2]), "after {n}");
                assert_eq!(stream.predictor, fresh.predictor);
            }
        }
    }
}

#[test]
fn silence_makes_blind() {
    let model = model();
    let mut stream = warmed_up(&model, 40);
    for n in 1..=20 {
        let sight = stream.step(None, 1.0);
        assert_eq!(stream.faults, [Some(Fault::Missing); 2]);
        assert_eq!(sight == Sight::Blind, n > RULES.hold);
    }
}

#[test]
fn denormal_numbers_are_zero() {
    let model = model();
    let mut stream = warmed_up(&model, 40);
    stream.step(Some([1e-40, 400.0]), 1.0);
    assert_eq!((stream.faults, stream.admitted), ([None; 2], [0.0, 400.0]));
}

/// All kinds at once, at random: the state is that of a network that was given what was admitted, and
/// what was admitted is what was sent and sound, or what was expected.
#[test]
fn no_fault_reaches_the_state() {
    let model = model();
    let random = &mut SplitMix64::new(4);
    let mut stream = warmed_up(&model, 40);
    let mut seen = [0; 8];
    for t in 40..20_000 {
        let mut sample = healthy(t);
        let mut wrong = [false; 2];
        for i in 0..2 {
            if random.below(5) == 0 {
                (sample[i], wrong[i]) = (WRONG[random.below(WRONG.len())].0, true);
            }
        }
        let elapsed = [1.0, 1.0, 1.0, 0.1, 3.0, -0.5][random.below(6)];
        let (expected, before) = (stream.expected, stream.predictor.clone());
        let sent = (random.below(10) > 0).then_some(sample);
        stream.step(sent, elapsed);
        for i in 0..2 {
            seen[stream.faults[i].map_or(0, |fault| fault as usize)] += 1;
            let sound = sent.is_some() && !wrong[i] && stream.faults[i].is_none();
            let reads = if sound { sample[i] } else { expected[i] };
            assert_eq!(stream.admitted[i].to_bits(), reads.to_bits(), "{t} {i}");
            assert!(stream.faults[i].is_some() || sound, "{t} {i}: let in");
        }
        assert!(stream.predictor == before || stream.admitted.iter().all(|v| v.is_finite()));
    }
    // Nothing repeats a value here.
    assert!((0..8).all(|kind| (seen[kind] > 100) == (kind != Fault::Stuck as usize)), "{seen:?}");
}
