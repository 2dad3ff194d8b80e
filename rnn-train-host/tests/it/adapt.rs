//! Learning on the host: the same bits as in memory of fixed size, and what it says of a log.

use std::io::Cursor;
use std::path::Path;

use rnn_core::activation::Activation;
use rnn_core::adapt::{Adapter, Event, Frozen, Guarded, Learner, Readout, Whole};
use rnn_core::cell::{Cell, Stack};
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{Gru, Reset, ResetBefore};
use rnn_core::layers::{Kind, Layers};
use rnn_core::lstm::Lstm;
use rnn_core::model_file::{Header, ModelFile, Task};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::watch::guard::{Limits, MISSING, Rules};
use rnn_core::watch::score::Usual;
use rnn_core::watch::{self, Watched};
use rnn_train_host::adapt::{self, Adapting, BLOCK, Options, adapt};
use rnn_train_host::data::{Table, csv};
use rnn_train_host::device::stream::Sent;
use rnn_train_host::model::Model;
use rnn_train_host::watch::Watch;

/// I, H, T of the networks whose bits are compared.
const I: usize = 2;
const H: usize = 5;
const T: usize = 7;

/// A forecaster with random weights.
fn model(layers: Layers, inputs: usize, mode: Mode) -> Model {
    let task = Task::Forecast { mode, target: 0 };
    let header = Header { watched: true, ..Header::new(task, inputs, layers) };
    let mut parameters = vec![0.0; header.shape().parameters()];
    SplitMix64::new(8).fill_uniform(0.4, &mut parameters);
    let limits = Limits { low: -25.0, high: 25.0, stuck: 4 };
    let usual = Usual {
        mean: 1.0,
        deviation: 3.0,
        residual: 2.0,
        residual_tail: 3.0,
        level: 0.5,
        level_tail: 1.0,
    };
    Model {
        header,
        names: (0..inputs).map(|i| format!("c{i}")).collect(),
        channels: vec![
            Channel { level_mean: 1.0, level_deviation: 3.0, ..Channel::IDENTITY };
            inputs
        ],
        parameters: parameters.into(),
        integers: vec![].into(),
        modules: Default::default(),
        biases: vec![],
        samples: vec![],
        watch: Some(Watch {
            rules: Rules { earliest: 0.5, latest: 1.5, hold: 8, warm_up: 12 },
            period: 0.0,
            threshold: 1.5,
            channels: vec![Watched { limits, usual }; inputs],
        }),
    }
}

/// A wave whose level and gain change, with what a sensor shouldn't send, and for a while nothing.
fn stream() -> Vec<Sent> {
    let mut random = SplitMix64::new(2);
    let odd = [f32::NAN, MISSING, f32::INFINITY, 1e9];
    let sent = |t: usize| {
        let gain = if t < 1500 { 2.0 } else { 6.0 };
        let wave = |phase: f32| gain * (t as f32 * 1.3 + phase).sin();
        let mut values: Vec<f32> = (0..I).map(|i| wave(i as f32)).collect();
        values.iter_mut().for_each(|x| *x += random.uniform() as f32 - 0.5);
        if random.below(40) == 0 || (700..730).contains(&t) {
            values[random.below(I)] = odd[random.below(odd.len())];
        }
        let nothing = random.below(100) == 0;
        let elapsed = if random.below(50) == 0 { 0.25 } else { 1.0 };
        Sent { values: (!nothing).then_some(values), elapsed }
    };
    (0..4000).map(sent).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs both, and compares every bit.
fn check_learner<'m, C, L, P>(
    model: &'m Forecaster<C, I, H>,
    mut fixed: Guarded<L, I>,
    mut host: Adapting<'_, P>,
    stream: &[Sent],
) -> Vec<Event>
where
    L: Learner<Sample = [f32; I]> + 'm,
    &'m Forecaster<C, I, H>: Into<Frozen<'m, L>>,
    P: adapt::Part,
{
    let mut events = vec![];
    for (t, sent) in stream.iter().enumerate() {
        let sample = sent.values.as_ref().map(|values| [values[0], values[1]]);
        let (verdict, event) = fixed.step(model, sample.as_ref(), sent.elapsed);
        assert_eq!(host.step(sent), (verdict, event), "sample {t}");
        assert_eq!(bits(host.expected()), bits(fixed.prediction()), "sample {t}");
        events.extend(event);
        if event.is_some() || t % 500 == 499 {
            let flat =
                |weights: &L::Weights| weights.tensors().flatten().copied().collect::<Vec<f32>>();
            let (fixed, host) = (fixed.adapter(), host.adapter());
            assert_eq!(bits(host.weights()), bits(&flat(fixed.weights())), "sample {t}");
            assert_eq!(bits(host.shadow()), bits(&flat(fixed.shadow())), "sample {t}");
            assert_eq!(host.errors(), fixed.errors(), "sample {t}");
        }
    }
    events
}

fn check<C: Cell<f32, I, H> + Copy>(layers: Layers, cell: impl Fn(&ModelFile<'_>) -> C) {
    for mode in [Mode::Raw, Mode::Difference] {
        let model = model(layers, I, mode);
        let bytes = model.to_bytes().unwrap();
        let file = ModelFile::parse(&bytes).unwrap();
        let fixed: Forecaster<C, I, H> = file.forecaster(cell(&file)).unwrap();
        let watch: watch::Watch<I> = file.watch().unwrap();
        let stream = stream();

        let whole = Adapting::<adapt::Whole>::new(&model, T);
        let own = Guarded::new(Adapter::<Whole<C, I, H, T>>::new(&fixed), &watch);
        let events = check_learner(&fixed, own, whole, &stream);
        assert!(events.contains(&Event::TakenOver), "{layers:?} {mode:?}: {events:?}");

        let readout = Adapting::<adapt::Readout>::new(&model, T);
        let own = Guarded::new(Adapter::<Readout<C, I, H, T>>::of_readout(&fixed), &watch);
        check_learner(&fixed, own, readout, &stream);
    }
}

const TANH: Kind = Kind::Elman(Activation::Tanh);

#[test]
fn elman_and_lstm_learn_the_same_bits_as_in_memory_of_fixed_size() {
    check(Layers::one(TANH, H), |file| file.elman::<I, H>(0).unwrap());
    check(Layers::one(Kind::Lstm, H), |file| file.lstm::<I, H>(0).unwrap());
}

#[test]
fn grus_and_stacks_do_too() {
    check(Layers::one(Kind::Gru(Reset::After), H), |file| file.gru_reset_after::<I, H>(0).unwrap());
    let layers = Layers::one(Kind::Lstm, 3).with(Kind::Gru(Reset::Before), H).unwrap();
    check(layers, |file| -> Stack<Lstm<f32, I, 3>, Gru<f32, 3, H, ResetBefore>, 3> {
        Stack { lower: file.lstm(0).unwrap(), upper: file.gru_reset_before(1).unwrap() }
    });
}

/// A log of one channel whose level changes at `change`.
fn log(rows: usize, change: usize) -> Table {
    let mut text = String::from("t,c0\n");
    let mut random = SplitMix64::new(3);
    for t in 0..rows {
        let level = if t < change { 0.0 } else { 4.0 };
        let x = level + 3.0 * (t as f64 * 1.3).sin() + 0.2 * random.uniform();
        text += &format!("{t},{x}\n");
    }
    let options = csv::Options { target: "c0".into(), features: vec!["c0".into()], time: None };
    csv::read_from(Cursor::new(text), Path::new("log.csv"), &options).unwrap()
}

fn options(readout_only: bool) -> Options {
    Options { block: BLOCK, readout_only, skip: 0 }
}

#[test]
fn a_log_is_learnt_and_the_model_with_it() {
    let model = model(Layers::one(TANH, 8), 1, Mode::Raw);
    let table = log(4000, 2000);
    for readout_only in [false, true] {
        let learnt = adapt(&model, &table, &options(readout_only)).unwrap();
        let [frozen, adapted] =
            [learnt.frozen, learnt.adapted].map(|errors| errors.rmse().unwrap());
        // The network is random, so that much is to be learnt.
        assert!(adapted < 0.8 * frozen, "{adapted} {frozen}");
        assert!(learnt.changed && learnt.events().any(|(_, event)| event == Event::TakenOver));
        let from = model.parameters.len() - if readout_only { 9 } else { model.parameters.len() };
        assert_eq!(learnt.model.parameters[..from], model.parameters[..from]);
        assert_ne!(learnt.model.parameters[from..], model.parameters[from..]);
        // What was learnt stays learnt: on the end of the log the new model is the better one, frozen.
        let again = |model| {
            adapt(model, &table, &Options { skip: 3500, ..options(readout_only) }).unwrap().frozen
        };
        let (before, after) = (again(&model), again(&learnt.model));
        assert_eq!((before.n(), after.n()), (500, 500));
        assert!(after.rmse() < before.rmse(), "{after:?} {before:?}");
    }
}

#[test]
fn the_error_of_the_frozen_network_and_of_persistence_is_that_of_the_rows() {
    let model = model(Layers::one(TANH, 8), 1, Mode::Raw);
    let table = log(300, 300);
    let learnt = adapt(&model, &table, &Options { skip: 100, ..options(false) }).unwrap();
    let mut predictor = model.predictor();
    let mut expected = [rnn_train_host::metrics::Errors::default(); 2];
    for t in 0..300 {
        let truth = table.rows().get(t, 0);
        if t >= 100 {
            expected[0].add(truth, predictor.prediction()[0].into());
            expected[1].add(truth, table.rows().get(t - 1, 0).into());
        }
        predictor.step(&[truth]);
    }
    assert_eq!([learnt.frozen, learnt.persistence], expected);
    assert_eq!(learnt.rows.iter().filter(|row| row.frozen_error.is_finite()).count(), 200);
}

#[test]
fn what_cannot_learn_says_so() {
    let table = log(50, 50);
    let mut windowed = model(Layers::one(TANH, 4), 1, Mode::Raw);
    windowed.header.window = 5;
    let error = adapt(&windowed, &table, &options(false)).unwrap_err().to_string();
    assert!(error.contains("--windowed"), "{error}");
    let model = model(Layers::one(TANH, 4), 1, Mode::Raw);
    let width = rnn_core::quant::block::Width::Eight;
    let layout = rnn_core::quant::block::Layout::Panels;
    let integers =
        rnn_train_host::quantize::quantize_with(&model, vec![4096.0], width, layout).unwrap();
    let error = adapt(&integers, &table, &options(false)).unwrap_err().to_string();
    assert!(error.contains("integers"), "{error}");
    assert!(adapt(&model, &table, &Options { block: 0, ..options(false) }).is_err());
}
