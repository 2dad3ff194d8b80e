use super::{ELMAN, GRU, Part, as_one, merge};
use crate::model::Model;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Header, Task};
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};

fn random(kind: Kind, hidden: usize, seed: u64) -> Model {
    in_mode(Mode::Residual, kind, hidden, seed)
}

fn in_mode(mode: Mode, kind: Kind, hidden: usize, seed: u64) -> Model {
    let header = Header {
        seed,
        ..Header::new(Task::Forecast { mode, target: 0 }, 2, Layers::one(kind, hidden))
    };
    let mut parameters = vec![0.0; header.shape().parameters()];
    SplitMix64::new(seed).fill_uniform(0.5, &mut parameters);
    let channel = Channel {
        level_mean: 0.5,
        level_deviation: 0.8,
        difference_mean: 0.25,
        difference_deviation: 0.4,
    };
    let (names, channels) = (vec!["a".into(), "b".into()], vec![channel; 2]);
    let modules = Default::default();
    let parameters = parameters.into();
    Model {
        header,
        names,
        channels,
        parameters,
        integers: vec![].into(),
        modules,
        biases: vec![],
        samples: vec![],
        watch: None,
    }
}

/// Single precision; the gates of a lifted Elman cell are 2e-6 from open and shut.
const EXACT: f32 = 3e-5;
/// Beyond that the linear units' error, 3e-4 each, through weights up to 0.5.
const LINEAR: f32 = 3e-3;
/// Steps after which the start, where no last value is known, is forgotten.
const FADED: usize = 20;

/// The sum of the predictions' differences to the sample, weighted.
fn check(models: &[Model], weights: &[f64], tolerance: f32) {
    let parts: Vec<Part<'_>> =
        models.iter().zip(weights).map(|(model, &weight)| Part { model, weight }).collect();
    let merged = merge(&parts).expect("they fit");
    let mut predictors: Vec<_> = models.iter().map(Model::predictor).collect();
    let mut one = merged.predictor();
    for t in 0..70 {
        let sample = [(t as f32 * 0.3).sin(), (t as f32 * 0.17).cos()];
        let mut sum = sample;
        for (predictor, &weight) in predictors.iter_mut().zip(weights) {
            let change = predictor.step(&sample).iter().zip(sample).map(|(p, s)| p - s);
            sum.iter_mut().zip(change).for_each(|(sum, change)| *sum += change * weight as f32);
        }
        for (got, sum) in one.step(&sample).iter().zip(sum) {
            let right = (got - sum).abs() < tolerance || t < FADED;
            assert!(right, "{weights:?} {t}: {got} {sum}");
        }
    }
}

#[test]
fn the_merged_network_predicts_the_weighted_sum() {
    for kind in [ELMAN, GRU, Kind::Gru(Reset::Before), Kind::Lstm] {
        let models = [random(kind, 5, 1), random(kind, 3, 2), random(kind, 9, 3)];
        check(&models, &[1.0 / 3.0; 3], EXACT);
        check(&models, &[0.5, 0.2, 0.1], EXACT);
    }
}

#[test]
fn an_elman_cell_goes_into_a_gru() {
    check(&[random(ELMAN, 5, 1), random(GRU, 3, 2), random(ELMAN, 9, 3)], &[0.3, 0.4, 0.2], EXACT);
}

/// An Elman network whose units hold e u_t, e u_{t-1}, e u_{t-2} of both channels.
fn register(e: f32) -> Model {
    let mut model = random(ELMAN, 6, 4);
    let mut parameters = model.parameters.to_vec();
    let (w_xh, rest) = parameters.split_at_mut(6 * 2);
    let (w_hh, rest) = rest.split_at_mut(6 * 6);
    (0..12).for_each(|i| w_xh[i] = if i / 6 == i % 6 { e } else { 0.0 });
    (0..36).for_each(|i| w_hh[i] = if i % 6 == i / 6 + 2 { 1.0 } else { 0.0 });
    rest[..6].fill(0.0);
    model.parameters = parameters.into();
    model
}

#[test]
fn a_linear_network_goes_into_every_kind() {
    for kind in [GRU, Kind::Gru(Reset::Before), Kind::Lstm] {
        check(&[register(0.01), random(kind, 5, 1)], &[0.7, 0.3], EXACT);
        check(&[random(kind, 5, 1), register(0.03)], &[0.6, 0.3], EXACT);
    }
    let [bent, lstm] = [register(0.1), random(Kind::Lstm, 5, 1)];
    for models in [[&bent, &lstm], [&lstm, &bent]] {
        assert!(merge(&models.map(|model| Part { model, weight: 0.5 })).is_none());
    }
}

#[test]
fn modes_go_together() {
    for kind in [ELMAN, GRU, Kind::Gru(Reset::Before), Kind::Lstm] {
        let model = |mode, hidden| in_mode(mode, kind, hidden, hidden as u64);
        let models = [model(Mode::Raw, 4), model(Mode::Residual, 5), model(Mode::Difference, 6)];
        check(&models, &[0.3, 0.4, 0.2], LINEAR);
        check(&models[1..], &[0.4, 0.6], LINEAR);
    }
}

#[test]
fn what_does_not_fit_is_not_merged() {
    let part = |model| Part { model, weight: 0.5 };
    let (a, b) = (random(Kind::Lstm, 3, 1), random(GRU, 3, 1));
    assert!(merge(&[part(&a), part(&b)]).is_none());
    assert!(merge(&[]).is_none());
    let mut c = a.clone();
    c.channels[1].level_mean = 3.0;
    assert!(merge(&[part(&a), part(&c)]).is_none());
}

#[test]
fn one_network_is_scaled_whatever_its_layers() {
    for mode in [Mode::Residual, Mode::Difference] {
        let one = in_mode(mode, GRU, 5, 3);
        let part = Part { model: &one, weight: 0.75 };
        assert_eq!(as_one(&[part]), merge(&[part]), "{mode:?}");

        let mut stack = in_mode(mode, GRU, 5, 3);
        stack.header.layers = stack.header.layers.with(Kind::Lstm, 3).unwrap();
        let mut parameters = vec![0.0; stack.header.shape().parameters()];
        SplitMix64::new(9).fill_uniform(0.5, &mut parameters);
        stack.parameters = parameters.into();
        let scaled = as_one(&[Part { model: &stack, weight: 0.25 }]).unwrap();
        let (mut whole, mut part) = (stack.predictor(), scaled.predictor());
        for t in 0..40 {
            let sample = [(t as f32 * 0.3).sin(), (t as f32 * 0.17).cos()];
            let whole = whole.step(&sample).to_vec();
            for ((whole, part), sample) in whole.iter().zip(part.step(&sample)).zip(sample) {
                let expected = sample + 0.25 * (whole - sample);
                assert!((part - expected).abs() < EXACT, "{mode:?} {t}: {part} {expected}");
            }
        }
    }
}
