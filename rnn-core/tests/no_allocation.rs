//! Nothing in a step, a forecast, a gradient or an update touches the heap.

use std::hint::black_box;

use allocation_counter::measure;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::{Cell, Stack};
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::{Gru, ResetBefore};
use rnn_core::lstm::Lstm;
use rnn_core::model_file::ModelFile;
use rnn_core::network::Network;
use rnn_core::optimizer::{Adam, Momentum, clip_norm};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;

fn assert_no_allocation(what: &str, work: impl FnOnce()) {
    assert_eq!(measure(work).count_total, 0, "{what}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(vec![1u8; 100]))).count_total, 1);
}

type Three<T> = Stack<Lstm<T, 3, 20>, Gru<T, 20, 32, ResetBefore>, 20>;
type Two<T> = Stack<Gru<T, 2, 9>, Lstm<T, 9, 16>, 9>;

fn stream<C: Cell<f32, 3, 32>>() {
    let model = Forecaster {
        network: Network::<f32, C, 3, 32, 3>::random(1),
        channels: [Channel::IDENTITY; 3],
        mode: Mode::Residual,
    };
    let mut stream = Predictor::<C, 3, 32, 0>::new(&model);
    let mut windowed = Predictor::<C, 3, 32, 20>::new(&model);
    assert_no_allocation("steps and forecast", || {
        for t in 0..100 {
            let sample = [t as f32 * 0.01, f32::NAN, -0.5];
            black_box(windowed.step(&sample));
            let prediction = stream.step(&sample);
            assert!(stream.forecast(prediction).take(5).flatten().all(f32::is_finite));
        }
    });
}

#[test]
fn streaming() {
    stream::<Elman<f32, 3, 32>>();
    stream::<Three<f32>>();
}

fn train<C: Cell<f32, 2, 16>>() {
    let mut network = Network::<f32, C, 2, 16, 2>::random(2);
    assert_no_allocation("gradients and updates", || {
        let mut gradient = Network::zeros();
        let mut bptt = Bptt::<f32, C, 2, 16, 2, 20>::new();
        let mut adam = Adam::new(Network::zeros());
        let mut momentum = Momentum::new(0.9, Network::zeros());
        let (x, targets) = ([[0.3, -0.2]; 20], [[0.1, 0.4]; 20]);
        let mut start = network.rest();
        for truncation in [20, 5] {
            let labels = Labels::After(3);
            bptt.gradient(&network, &x, &start, &targets, labels, truncation, &mut gradient);
            clip_norm(&mut gradient, 0.1);
            adam.update(&mut network, &gradient, 0.01);
            momentum.update(&mut network, &gradient, 0.01);
            bptt.last_state(&mut start);
            black_box(&network);
        }
    });
}

#[test]
fn training() {
    train::<Elman<f32, 2, 16>>();
    train::<Two<f32>>();
}

#[test]
fn reading_a_model_file() {
    static TINY: &[u8] = include_bytes!("golden/tiny.rnn");
    assert_no_allocation("parsing, building and self-testing", || {
        let file = ModelFile::parse(TINY);
        let wrong = file.map(|file| {
            let model = file.elman::<2, 3>(0).and_then(|cell| file.forecaster(cell));
            model.map(|model| model.self_test::<0>(&file))
        });
        assert_eq!(wrong, Ok(Ok(0)));
        assert!(ModelFile::parse(&TINY[1..]).is_err());
    });
}
