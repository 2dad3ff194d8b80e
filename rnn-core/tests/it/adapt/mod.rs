//! Learning from the stream: what changed is learnt, what didn't is left alone, and neither noise nor
//! bad samples teach anything.

mod guarded;
mod series;

use rnn_core::adapt::{Adapter, Event, Frozen, Learner, Readout, Whole};
use rnn_core::cell::Cell;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::Gru;
use rnn_core::lstm::Lstm;
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::Mode;
use rnn_core::stream::Predictor;
use series::{Shape, USUAL, noise, trained, wave};

const H: usize = 16;
const T: usize = 16;
type Model<C> = Forecaster<C, 1, H>;
type ElmanCell = Elman<f32, 1, H>;
type GruCell = Gru<f32, 1, H>;

/// Model, shadow, gradients, optimiser, everything.
const _: () = assert!(size_of::<Adapter<Whole<ElmanCell, 1, H, T>>>() <= 12 * 1024);
const _: () = assert!(size_of::<Adapter<Whole<GruCell, 1, H, T>>>() <= 24 * 1024);
const _: () = assert!(size_of::<Adapter<Readout<ElmanCell, 1, H, T>>>() <= 3 * 1024);
const _: () = assert!(size_of::<Adapter<Readout<GruCell, 1, H, T>>>() <= 3 * 1024);

/// Root mean squared errors over the rows from `from` on, and the events with their rows.
#[derive(Debug)]
struct Told {
    adapted: f64,
    frozen: f64,
    events: Vec<(usize, Event)>,
}

impl Told {
    fn ratio(&self) -> f64 {
        self.adapted / self.frozen
    }

    fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|(_, e)| *e == event).count()
    }
}

fn run<'m, C: Cell<f32, 1, H>, L: Learner<Sample = [f32; 1]> + 'm>(
    adapter: &mut Adapter<L>,
    model: &'m Model<C>,
    series: &[f32],
    from: usize,
) -> Told
where
    &'m Model<C>: Into<Frozen<'m, L>>,
{
    let mut frozen = Predictor::<C, 1, H, 0>::new(model);
    let mut sums = [0.0f64; 2];
    let mut predictions = [series[0]; 2];
    let mut events = vec![];
    for (row, &x) in series.iter().enumerate() {
        if row >= from {
            let errors = predictions.map(|p| f64::from(x - p).powi(2));
            sums.iter_mut().zip(errors).for_each(|(sum, e)| *sum += e);
        }
        events.extend(adapter.step(model, &[x], false).map(|event| (row, event)));
        predictions = [adapter.prediction()[0], frozen.step(&[x])[0]];
    }
    let [adapted, frozen] = sums.map(|sum| (sum / (series.len() - from) as f64).sqrt());
    Told { adapted, frozen, events }
}

fn whole<C: Cell<f32, 1, H>>(model: &Model<C>, series: &[f32], from: usize) -> Told {
    run(&mut Adapter::<Whole<C, 1, H, T>>::new(model), model, series, from)
}

const HALF: usize = 3000;

fn check_changes<C: Cell<f32, 1, H>>(mode: Mode) {
    let model: Model<C> = trained(&wave(1, &[(2000, USUAL)]), mode, 400);
    for (what, changed) in [
        ("level up", Shape { level: 1.5, ..USUAL }),
        ("level down", Shape { level: -1.5, ..USUAL }),
        ("gain up", Shape { gain: 2.0, ..USUAL }),
        ("gain down", Shape { gain: 0.4, ..USUAL }),
        ("slower", Shape { period: 40.0, ..USUAL }),
        ("faster", Shape { period: 15.0, ..USUAL }),
    ] {
        let told = whole(&model, &wave(2, &[(HALF, USUAL), (HALF, changed)]), HALF);
        assert!(told.ratio() <= 0.8, "{what}, {mode:?}: {:.3} {told:?}", told.ratio());
        assert!(told.events.iter().all(|(row, e)| *row >= HALF || *e == Event::Restarted));
    }
    let told = whole(&model, &wave(2, &[(2 * HALF, USUAL)]), 100);
    assert!(told.ratio() <= 1.01, "unchanged, {mode:?}: {told:?}");
}

#[test]
fn what_changes_is_learnt_and_what_does_not_is_left_alone() {
    check_changes::<ElmanCell>(Mode::Raw);
    check_changes::<ElmanCell>(Mode::Residual);
}

#[test]
fn what_changes_is_learnt_by_gated_cells() {
    check_changes::<GruCell>(Mode::Raw);
    check_changes::<Lstm<f32, 1, H>>(Mode::Residual);
}

#[test]
fn a_readout_learns_a_change_of_level() {
    let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), Mode::Raw, 400);
    let changed = Shape { level: 1.0, ..USUAL };
    let series = wave(2, &[(HALF, USUAL), (2 * HALF, changed)]);
    let mut adapter = Adapter::<Readout<_, 1, H, T>>::of_readout(&model);
    let told = run(&mut adapter, &model, &series, HALF);
    assert!(told.ratio() <= 0.8, "{:.3} {told:?}", told.ratio());
    let unchanged = wave(2, &[(2 * HALF, USUAL)]);
    let mut adapter = Adapter::<Readout<_, 1, H, T>>::of_readout(&model);
    let told = run(&mut adapter, &model, &unchanged, 100);
    assert!(told.ratio() <= 1.01, "{told:?}");
}

#[test]
fn noise_teaches_nothing() {
    let mut taken = 0;
    for seed in 0..100 {
        let mode = [Mode::Raw, Mode::Residual][seed as usize % 2];
        let model: Model<ElmanCell> = trained(&noise(1000 + seed, 1500), mode, 100);
        let told = whole(&model, &noise(seed, 5000), 100);
        taken += usize::from(told.count(Event::TakenOver) > 0);
        assert!(told.ratio() <= 1.01, "seed {seed}: {told:?}");
    }
    assert!(taken <= 1, "{taken} of 100 seeds");
}

#[test]
fn what_was_learnt_is_taken_back_when_the_change_is_over() {
    let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), Mode::Residual, 400);
    let changed = Shape { period: 15.0, ..USUAL };
    let series = wave(2, &[(1000, USUAL), (3000, changed), (3000, USUAL)]);
    let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
    // Scored from where the way back must have been found.
    let told = run(&mut adapter, &model, &series, 4200);
    let rows = |event| {
        let rows = told.events.iter().filter(move |(_, e)| *e == event).map(|(row, _)| *row);
        rows.collect::<Vec<usize>>()
    };
    assert!(rows(Event::TakenOver).iter().any(|row| (1000..4000).contains(row)), "{told:?}");
    let back = rows(Event::RolledBack);
    assert!(back.iter().any(|row| (4000..4200).contains(row)), "{told:?}");
    assert!(told.ratio() <= 1.01, "{told:?}");
    // Then it predicts what a network that was never touched predicts.
    if !adapter.is_adapted() {
        assert_eq!(adapter.weights(), &model.network);
    }
}

fn shadow_bits<C: Cell<f32, 1, H>>(adapter: &Adapter<Whole<C, 1, H, T>>) -> Vec<u32> {
    adapter.shadow().tensors().flatten().map(|w| w.to_bits()).collect()
}

#[test]
fn flagged_samples_teach_nothing() {
    let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), Mode::Difference, 100);
    let series = wave(2, &[(2000, Shape { gain: 3.0, ..USUAL })]);
    let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
    let untouched = shadow_bits(&adapter);
    // All of them, and one in so many that no block of good ones comes together.
    for (t, &x) in series.iter().enumerate() {
        assert_eq!(adapter.step(&model, &[x], t < 1000 || t % (T + 2) == 0), None);
        assert_eq!(shadow_bits(&adapter), untouched, "sample {t}");
        assert_eq!(adapter.errors().persistence == 0.0, t < 1000 + 2, "sample {t}");
    }
    // One sample more between them is a block.
    for (t, &x) in series.iter().enumerate().take(T + 3) {
        adapter.step(&model, &[x], t == 0);
    }
    assert_ne!(shadow_bits(&adapter), untouched);
}

#[test]
fn a_flagged_sample_reaches_no_label() {
    let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), Mode::Difference, 100);
    let series = wave(2, &[(4 * T, USUAL)]);
    // Whatever stands in for it: what is learnt of the block before is the same.
    let learnt = [0.0, 500.0].map(|wrong: f32| {
        let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
        for (t, &x) in series.iter().enumerate() {
            let flagged = t == 2 * T;
            adapter.step(&model, &[if flagged { wrong } else { x }], flagged);
            if t == 2 * T + 2 {
                return shadow_bits(&adapter);
            }
        }
        unreachable!("the series is longer")
    });
    assert_eq!(learnt[0], learnt[1]);
}

#[test]
fn values_that_are_no_numbers_stay_outside() {
    for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
        let model: Model<GruCell> = trained(&wave(1, &[(2000, USUAL)]), mode, 100);
        let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
        let mut random = SplitMix64::new(4);
        let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-40];
        let mut series = wave(2, &[(6000, USUAL)]);
        series[0] = f32::NAN;
        for x in &mut series {
            if random.uniform() < 0.01 {
                *x = wild[random.below(wild.len())];
            }
            adapter.step(&model, &[*x], false);
            assert!(adapter.prediction()[0].is_finite());
        }
        let weights = adapter.weights().tensors().chain(adapter.shadow().tensors());
        let bound = adapter.bound();
        assert!(weights.flatten().all(|w| w.abs() <= bound));
        let errors = adapter.errors();
        assert!(errors.active.is_finite() && errors.shadow.is_finite());
    }
}

#[test]
fn until_something_is_taken_over_it_is_the_plain_predictor() {
    for mode in [Mode::Raw, Mode::Residual, Mode::Difference] {
        let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), mode, 200);
        let mut plain = Predictor::<_, 1, H, 0>::new(&model);
        let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
        let mut readout = Adapter::<Readout<_, 1, H, T>>::of_readout(&model);
        for &x in &wave(3, &[(500, USUAL)]) {
            adapter.step(&model, &[x], false);
            readout.step(&model, &[x], false);
            let expected = plain.step(&[x])[0].to_bits();
            assert!(!adapter.is_adapted() && !readout.is_adapted());
            assert_eq!(adapter.prediction()[0].to_bits(), expected);
            assert_eq!(readout.prediction()[0].to_bits(), expected);
        }
    }
}

/// The series changes over and over; weights and errors stay bounded, and the last stretch is
/// predicted as well as the first.
fn soak(rounds: usize) {
    let model: Model<ElmanCell> = trained(&wave(1, &[(2000, USUAL)]), Mode::Residual, 400);
    let mut adapter = Adapter::<Whole<_, 1, H, T>>::new(&model);
    let bound = adapter.bound();
    let mut ratios = vec![];
    for round in 0..rounds {
        let changed = match round % 4 {
            0 => USUAL,
            1 => Shape { level: 1.5, ..USUAL },
            2 => Shape { gain: 2.0, ..USUAL },
            _ => Shape { period: 15.0, ..USUAL },
        };
        let series = wave(round as u64, &[(5000, changed)]);
        let told = run(&mut adapter, &model, &series, 0);
        ratios.push(told.ratio());
        let weights = adapter.weights().tensors().chain(adapter.shadow().tensors());
        assert!(weights.flatten().all(|w| w.abs() <= bound), "round {round}");
    }
    let usual: Vec<f64> = ratios.iter().copied().step_by(4).collect();
    let worst = usual.iter().copied().fold(0.0, f64::max);
    assert!(worst <= 1.1, "the usual series after others: {usual:?}");
    let changed = ratios.iter().skip(1).step_by(4).chain(ratios.iter().skip(3).step_by(4));
    assert!(changed.clone().all(|ratio| *ratio <= 1.01), "{ratios:?}");
}

#[test]
fn learning_goes_on_without_drifting_away() {
    soak(12);
}

/// 2 x 10^7 samples: `cargo test --release -p rnn-core --test it adapt:: -- --ignored`.
#[test]
#[ignore = "minutes"]
fn learning_goes_on_for_ever() {
    soak(4000);
}
