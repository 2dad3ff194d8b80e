//! One step at a time is the same as all at once, bit for bit; what a predictor adds (scales, missing
//! values, windows, forecasts) against the plain network.

use crate::reference::{Known, Real, Rnn, bits, shape};
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::Stack;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{Gru, ResetAfter, ResetBefore};
use rnn_core::kernel::{Columns, Inference};
use rnn_core::lstm::Lstm;
use rnn_core::network::{ElmanNetwork, Network, NetworkRef};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;

const MODES: [Mode; 3] = [Mode::Raw, Mode::Residual, Mode::Difference];

fn inputs<T: Real, const I: usize, const N: usize>() -> [[T; I]; N] {
    let mut x = [[T::ZERO; I]; N];
    SplitMix64::new(11).fill_uniform(T::from_f64(2.0), x.as_flattened_mut());
    x
}

/// N one-step calls, one N-step call, 10-step calls with the state carried, a run resumed from a
/// saved state, the same network on flat parameters, and the naive reference.
fn check_steps<T, C, const I: usize, const H: usize, const O: usize, const N: usize>()
where
    T: Real,
    C: Known<T, I, H>,
{
    let network = Network::<T, C, I, H, O>::random(12);
    let x = inputs::<T, I, N>();
    let mut memory = C::rest();
    let mut saved = C::rest();
    let (mut states, mut outputs) = (vec![], vec![]);
    for (t, x) in x.iter().enumerate() {
        if t == N / 2 {
            saved = memory.clone();
        }
        outputs.push(network.step(x, &mut memory));
        states.push(*C::h(&memory));
    }
    let (states, outputs) = (bits(states.as_flattened()), bits(outputs.as_flattened()));

    let mut whole = Bptt::<T, C, I, H, O, N>::new();
    let y = bits(whole.forward(&network, &x, &C::rest()).as_flattened());
    assert!(y == outputs && bits(whole.states().as_flattened()) == states, "one call, N {N}");

    let mut chunk = Bptt::<T, C, I, H, O, 10>::new();
    let mut carried = C::rest();
    let (whole_chunks, _) = x.as_chunks::<10>();
    for (c, x) in whole_chunks.iter().enumerate() {
        let y = bits(chunk.forward(&network, x, &carried).as_flattened());
        chunk.last_state(&mut carried);
        assert_eq!(y, outputs[c * 10 * O..][..10 * O], "chunk {c}");
    }

    // From half of the way on, starting with the state that was saved there.
    let tail: Vec<[T; O]> = x[N / 2..].iter().map(|x| network.step(x, &mut saved)).collect();
    assert_eq!(bits(tail.as_flattened()), outputs[N / 2 * O..], "resumed");

    let shape = shape(&network.cell.layers(), O);
    let flat: Vec<T> = network.tensors().flatten().copied().collect();
    let flat = NetworkRef::new(shape, &flat).expect("as many as the shape needs");
    let naive = Rnn::of(&network);
    let mut memory = vec![T::ZERO; shape.memory()];
    let mut naive_states = naive.rest();
    for (t, x) in x.iter().enumerate() {
        let h = flat.step::<Inference>(Columns::Values(x), &mut memory);
        assert_eq!(bits(h), states[t * H..][..H], "state {t} on flat parameters");
        assert_eq!(bits(flat.h(&memory)), states[t * H..][..H]);
        naive.step(x, &mut naive_states, &[]);
        assert_eq!(bits(naive.h(&naive_states)), states[t * H..][..H], "naive state {t}");
        let y = naive.output(&naive_states);
        assert_eq!(bits(&y), outputs[t * O..][..O], "naive output {t}");
    }
}

#[test]
fn many_steps_are_one_call() {
    check_steps::<f32, Elman<_, 1, 32>, 1, 32, 1, 500>();
    check_steps::<f32, Elman<_, 3, 37>, 3, 37, 3, 120>();
    check_steps::<f32, Elman<_, 2, 20>, 2, 20, 7, 50>();
    check_steps::<f32, Elman<_, 2, 20>, 2, 20, 8, 50>();
    check_steps::<f32, Elman<_, 1, 1>, 1, 1, 1, 1>();
    check_steps::<f64, Elman<_, 1, 32>, 1, 32, 1, 500>();
    check_steps::<f64, Elman<_, 3, 17>, 3, 17, 8, 30>();
    check_steps::<f64, Elman<_, 2, 3>, 2, 3, 2, 2>();
}

#[test]
fn many_steps_of_gated_cells_are_one_call() {
    check_steps::<f32, Gru<_, 2, 32, ResetAfter>, 2, 32, 1, 500>();
    check_steps::<f32, Gru<_, 3, 13, ResetBefore>, 3, 13, 3, 120>();
    check_steps::<f64, Gru<_, 1, 5, ResetAfter>, 1, 5, 9, 30>();
    check_steps::<f64, Gru<_, 1, 5, ResetBefore>, 1, 5, 2, 30>();
    check_steps::<f32, Lstm<_, 1, 32>, 1, 32, 1, 500>();
    check_steps::<f32, Lstm<_, 3, 13>, 3, 13, 3, 120>();
    check_steps::<f64, Lstm<_, 1, 1>, 1, 1, 1, 1>();
}

#[test]
fn many_steps_of_stacks_are_one_call() {
    check_steps::<f32, Stack<Elman<_, 2, 9>, Gru<_, 9, 6, ResetAfter>, 9>, 2, 6, 2, 120>();
    check_steps::<f32, Stack<Lstm<_, 1, 12>, Gru<_, 12, 7, ResetBefore>, 12>, 1, 7, 1, 120>();
    type Three<T> = Stack<Stack<Lstm<T, 1, 4>, Lstm<T, 4, 8>, 4>, Elman<T, 8, 3>, 8>;
    check_steps::<f32, Three<f32>, 1, 3, 1, 60>();
    check_steps::<f64, Three<f64>, 1, 3, 1, 60>();
}

/// A backward pass uses its trace up, but not the state that the next sequence starts from.
fn check_state_after_backward<C: Known<f32, 2, 6>>() {
    let network = Network::<f32, C, 2, 6, 2>::random(12);
    let x = inputs::<f32, 2, 8>();
    let mut bptt = Bptt::<f32, C, 2, 6, 2, 8>::new();
    bptt.forward(&network, &x, &C::rest());
    let [mut before, mut after] = [C::rest(), C::rest()];
    bptt.last_state(&mut before);
    let mut gradient = network.clone();
    bptt.gradient(&network, &x, &C::rest(), &x, Labels::Every, 8, &mut gradient);
    bptt.last_state(&mut after);
    assert_ne!(before, C::rest());
    assert_eq!(before, after);
}

#[test]
fn a_gradient_leaves_the_state_for_the_next_sequence() {
    check_state_after_backward::<Elman<_, 2, 6>>();
    check_state_after_backward::<Gru<_, 2, 6, ResetBefore>>();
    check_state_after_backward::<Stack<Lstm<_, 2, 5>, Lstm<_, 5, 6>, 5>>();
}

type Model = Forecaster<Elman<f32, 2, 9>, 2, 9>;
type Stream<'m, const W: usize> = Predictor<'m, Elman<f32, 2, 9>, 2, 9, W>;

/// Two channels with scales of their own.
fn model(mode: Mode) -> Model {
    let scales = |level_mean, level_deviation, difference_mean, difference_deviation| Channel {
        level_mean,
        level_deviation,
        difference_mean,
        difference_deviation,
    };
    let channels = [scales(20.0, 2.5, 0.01, 0.4), scales(-3.0, 0.5, 0.0, 0.2)];
    Forecaster { network: Network::random(13), channels, mode }
}

fn samples(n: usize) -> Vec<[f32; 2]> {
    let mut random = SplitMix64::new(14);
    let mut noise = || (random.uniform() - 0.5) as f32;
    (0..n).map(|t| [20.0 + (t as f32 * 0.2).sin() + noise(), -3.0 + noise()]).collect()
}

/// The network's input and the prediction by the formulas of the scaling.
fn scaled(model: &Model, sample: [f32; 2], before: [f32; 2]) -> [f32; 2] {
    core::array::from_fn(|i| {
        let c = &model.channels[i];
        match model.mode {
            Mode::Raw | Mode::Residual => (sample[i] - c.level_mean) / c.level_deviation,
            Mode::Difference => {
                (sample[i] - before[i] - c.difference_mean) / c.difference_deviation
            }
        }
    })
}

fn unscaled(model: &Model, o: [f32; 2], sample: [f32; 2]) -> [f32; 2] {
    core::array::from_fn(|i| {
        let c = &model.channels[i];
        match model.mode {
            Mode::Raw => c.level_mean + o[i] * c.level_deviation,
            Mode::Residual | Mode::Difference => {
                sample[i] + (c.difference_mean + o[i] * c.difference_deviation)
            }
        }
    })
}

/// What the network itself gives for scaled inputs, carried on (window 0) or afresh over a window.
fn by_the_network(model: &Model, samples: &[[f32; 2]], window: usize) -> Vec<[f32; 2]> {
    let before = |t: usize| samples[t.saturating_sub(1)];
    let u: Vec<_> = (0..samples.len()).map(|t| scaled(model, samples[t], before(t))).collect();
    (0..samples.len())
        .map(|t| {
            let first = if window == 0 { 0 } else { (t + 1).saturating_sub(window) };
            let mut memory = model.network.rest();
            let mut o = [0.0; 2];
            for u in &u[first..=t] {
                o = model.network.step(u, &mut memory);
            }
            unscaled(model, o, samples[t])
        })
        .collect()
}

#[test]
fn a_predictor_is_the_network_on_scaled_samples() {
    let samples = samples(60);
    for mode in MODES {
        let model = model(mode);
        let mut stream = Stream::<0>::new(&model);
        let predictions: Vec<_> = samples.iter().map(|s| stream.step(s)).collect();
        assert_eq!(predictions, by_the_network(&model, &samples, 0), "{mode:?}");
    }
}

fn check_windows<const W: usize>() {
    let samples = samples(40);
    for mode in MODES {
        let model = model(mode);
        let mut windowed = Stream::<W>::new(&model);
        let predictions: Vec<_> = samples.iter().map(|s| windowed.step(s)).collect();
        assert_eq!(predictions, by_the_network(&model, &samples, W), "{mode:?}, W {W}");
    }
}

/// Every prediction runs from h = 0 over the last W samples, fewer while there are fewer.
#[test]
fn a_windowed_predictor_starts_afresh() {
    check_windows::<1>();
    check_windows::<2>();
    check_windows::<7>();
    check_windows::<40>();
    check_windows::<64>();
}

fn run<const W: usize>(model: &Model, samples: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut predictor = Stream::<W>::new(model);
    samples.iter().map(|s| predictor.step(s)).collect()
}

/// A missing value, whatever kind of not finite, is its channel's last valid one.
#[test]
fn missing_values_are_carried_forward() {
    let mut gaps = samples(30);
    let mut filled = gaps.clone();
    for (t, channel, missing) in [
        (5, 0, f32::NAN),
        (6, 0, f32::INFINITY),
        (6, 1, f32::NEG_INFINITY),
        (7, 0, f32::NAN),
        (20, 1, f32::NAN),
    ] {
        gaps[t][channel] = missing;
        filled[t][channel] = filled[t - 1][channel];
    }
    for mode in MODES {
        let model = model(mode);
        assert_eq!(run::<0>(&model, &gaps), run::<0>(&model, &filled), "{mode:?}");
        assert_eq!(run::<4>(&model, &gaps), run::<4>(&model, &filled), "{mode:?}, windowed");
    }
}

/// Before the first valid value stands the mean level; the first valid one has no difference yet.
#[test]
fn leading_missing_values() {
    let mut gaps = samples(12);
    gaps[..4].fill([f32::NAN; 2]);
    for mode in MODES {
        let model = model(mode);
        let mean = model.channels.map(|c| c.level_mean);
        let mut u = [scaled(&model, mean, mean); 12];
        for t in 4..12 {
            u[t] = scaled(&model, gaps[t], if t == 4 { gaps[4] } else { gaps[t - 1] });
        }
        let mut memory = model.network.rest();
        let wanted: Vec<[f32; 2]> = (0..12)
            .map(|t| {
                let o = model.network.step(&u[t], &mut memory);
                unscaled(&model, o, if t < 4 { mean } else { gaps[t] })
            })
            .collect();
        assert_eq!(run::<0>(&model, &gaps), wanted, "{mode:?}");
    }
}

fn check_forecast<const W: usize>() {
    for mode in MODES {
        let model = model(mode);
        let mut predictor = Stream::<W>::new(&model);
        let last = samples(25).iter().map(|s| predictor.step(s)).last().expect("25 samples");
        let before = predictor.clone();
        let forecast: Vec<_> = predictor.forecast(last).take(10).collect();
        assert_eq!(predictor, before, "a forecast must leave the predictor where it is");

        let mut next = last;
        for (steps, forecast) in forecast.into_iter().enumerate() {
            assert_eq!(forecast, next, "{mode:?}, {steps} steps ahead");
            next = predictor.step(&next);
        }
    }
}

#[test]
fn a_forecast_feeds_its_own_predictions() {
    check_forecast::<0>();
    check_forecast::<5>();
}

/// Whatever finite values a sensor sends, predictions stay finite, and so does the state.
#[test]
fn extremes_give_finite_predictions() {
    let extremes = [1e30, -1e30, f32::MIN_POSITIVE, 1e-45, -0.0, 1e38, 20.0];
    for mode in MODES {
        let model = model(mode);
        let mut predictor = Stream::<0>::new(&model);
        for (&a, &b) in extremes.iter().flat_map(|a| extremes.iter().map(move |b| (a, b))) {
            let prediction = predictor.step(&[a, b]);
            assert!(prediction.iter().all(|p| p.is_finite()), "{mode:?} {a} {b}: {prediction:?}");
            assert!(predictor.state().iter().all(|h| h.abs() <= 1.0));
        }
    }
}

/// Beyond 1000 standard deviations an input is held where it is: 20 + 1000 x 2.5 is as far as 1e30.
#[test]
fn inputs_are_held_within_their_limit() {
    let mut model = model(Mode::Raw);
    // Weak enough that 1000 does not drive tanh to its end.
    model.network.cell.w_xh *= 1e-3;
    let first = |level: f32| Stream::<0>::new(&model).step(&[level, -3.0]);
    assert_eq!(first(1e30), first(2520.0));
    assert_eq!(first(-1e30), first(-2480.0));
    assert_ne!(first(2520.0), first(2500.0));
}

/// NaN and infinities past the boundary, straight into the cell, are gone from the state at once.
#[test]
fn what_is_not_finite_is_contained() {
    let network = ElmanNetwork::<f32, 2, 9, 2>::random(15);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut h = [[0.2; 9]; 2];
        network.step(&[bad, 0.5], &mut h);
        assert!(h.as_flattened().iter().all(|h| h.abs() <= 1.0), "{bad}: {h:?}");
        let y = network.step(&[0.1, 0.5], &mut h);
        assert!(y.iter().chain(h.as_flattened()).all(|v| v.is_finite()));
    }
}
