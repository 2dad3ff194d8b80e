//! Behind a watch nothing is learnt from what isn't let in.

use super::series::{Shape, USUAL, trained, wave};
use super::{ElmanCell, H, Model, T};
use rnn_core::adapt::{Adapter, Guarded, Whole};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use rnn_core::stream::Predictor;
use rnn_core::watch::guard::{Fault, Limits, MISSING, Rules};
use rnn_core::watch::{Watch, Watched, Watcher};

type Learning = Guarded<Whole<ElmanCell, 1, H, T>, 1>;

const WATCH: Watch<1> = Watch {
    rules: Rules { earliest: 0.5, latest: 1.5, hold: 8, warm_up: 12 },
    channels: [Watched { limits: Limits { low: -10.0, high: 30.0, stuck: 4 }, ..Watched::NOT }],
    ..Watch::NONE
};

fn model(mode: Mode) -> Model<ElmanCell> {
    trained(&wave(1, &[(2000, USUAL)]), mode, 200)
}

fn learning(model: &Model<ElmanCell>) -> Learning {
    Guarded::new(Adapter::new(model), &WATCH)
}

fn bits(learning: &Learning) -> Vec<u32> {
    let adapter = learning.adapter();
    let weights = adapter.weights().tensors().chain(adapter.shadow().tensors());
    weights.flatten().map(|w| w.to_bits()).collect()
}

/// A sample and the time since the last one.
type Sent = (Option<[f32; 1]>, f32);

/// A series in which now and then something is wrong, and for a while all; `wild` is what is sent then.
fn faulty(seed: u64, wild: [f32; 2]) -> Vec<Sent> {
    let mut random = SplitMix64::new(seed);
    let series = wave(2, &[(600, USUAL), (600, Shape { level: 1.5, ..USUAL })]);
    let sent = |(t, x): (usize, f32)| {
        // As many random numbers for every sample.
        let (which, what, now) = (random.below(5), random.below(2), random.below(40) == 0);
        if !now && !(300..330).contains(&t) {
            return (Some([x]), 1.0);
        }
        match which {
            0 => (None, 1.0),
            1 => (Some([wild[what]]), 2.0),
            2 => (Some([wild[what]]), 0.2),
            _ => (Some([[f32::NAN, f32::INFINITY, MISSING, 1e9][2 * what + which % 2]]), 1.0),
        }
    };
    series.into_iter().enumerate().map(sent).collect()
}

#[test]
fn what_is_not_let_in_teaches_nothing_whatever_it_is() {
    for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
        let model = model(mode);
        let [one, other] = [[9.0, -1e9], [f32::NAN, 11.0]].map(|wild| {
            let mut learning = learning(&model);
            let mut faults = 0;
            for (sample, elapsed) in faulty(3, wild) {
                let before = bits(&learning);
                let (verdict, event) = learning.step(&model, sample.as_ref(), elapsed);
                if !verdict.is_sound(learning.faults()) {
                    assert_eq!((event, bits(&learning)), (None, before));
                    faults += 1;
                }
            }
            assert!((50..300).contains(&faults), "{faults}");
            (bits(&learning), learning.prediction().map(f32::to_bits))
        });
        assert_eq!(one, other, "{mode:?}");
    }
}

#[test]
fn nothing_is_learnt_from_a_sensor_that_is_stuck_or_dead() {
    let model = model(Mode::Residual);
    let mut learning = learning(&model);
    for (t, &x) in wave(2, &[(200, USUAL)]).iter().enumerate() {
        learning.step(&model, Some(&[x]), 1.0);
        assert!(t < 12 || learning.faults() == &[None]);
    }
    // What comes before the channel is called stuck, and fills a block, may teach.
    for _ in 0..3 {
        learning.step(&model, Some(&[11.0]), 1.0);
    }
    let known = bits(&learning);
    for t in 0..1000 {
        let sample = if t < 500 { Some(&[11.0]) } else { None };
        learning.step(&model, sample, 1.0);
        let fault = if t < 500 { Fault::Stuck } else { Fault::Missing };
        assert_eq!(learning.faults(), &[Some(fault)]);
        assert_eq!(bits(&learning), known, "sample {t}");
    }
    // Then it goes on.
    for &x in &wave(2, &[(200, USUAL)]) {
        learning.step(&model, Some(&[x]), 1.0);
    }
    assert_ne!(bits(&learning), known);
}

#[test]
fn until_something_is_taken_over_it_is_the_plain_predictor_behind_a_watch() {
    for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
        let model = model(mode);
        let mut learning = learning(&model);
        let (mut watcher, mut plain) = (Watcher::new(&WATCH), Predictor::<_, 1, H, 0>::new(&model));
        let broken_from_the_start = (0..3).map(|_| (Some([f32::NAN]), 1.0));
        for (sample, elapsed) in broken_from_the_start.chain(faulty(4, [12.0, 1e9])).take(600) {
            let verdict = watcher.judge(sample.as_ref(), elapsed);
            if verdict.restart {
                plain.restart();
            }
            if verdict.step {
                let prediction = plain.step(watcher.admitted());
                watcher.expect(prediction);
            }
            assert_eq!(learning.step(&model, sample.as_ref(), elapsed).0, verdict);
            assert!(!learning.adapter().is_adapted());
            let [ours, theirs] = [learning.prediction(), watcher.expected()];
            assert_eq!(ours.map(f32::to_bits), theirs.map(f32::to_bits));
        }
    }
}
