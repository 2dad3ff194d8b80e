//! One sample in, one prediction out: nanoseconds per step on the host, of the function that the chip
//! runs; Elman cells beside the same network in nalgebra's products and the system's tanh.

use std::hint::black_box;
use std::time::Duration;

use benches::uniform;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use nalgebra::{SVector, Vector1};
use rnn_core::cell::Cell;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::gru::Gru;
use rnn_core::lstm::Lstm;
use rnn_core::network::{ElmanNetwork, Network};
use rnn_core::scaling::{Channel, Mode};
use rnn_core::stream::Predictor;

/// Samples in a round; their number doesn't matter, only that they differ.
const SAMPLES: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    streaming::<8>(&mut criterion);
    streaming::<32>(&mut criterion);
    let mut group = criterion.benchmark_group("step, 1 channel, 32 hidden units, f32");
    step::<Gru<f32, 1, 32>, 32>(&mut group, "GRU");
    step::<Lstm<f32, 1, 32>, 32>(&mut group, "LSTM");
    group.finish();
    criterion.final_summary();
}

/// A step of a cell with a linear readout.
fn step<C: Cell<f32, 1, H>, const H: usize>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let network = Network::<f32, C, 1, H, 1>::random(1);
    let model = Forecaster { network, channels: [Channel::IDENTITY], mode: Mode::Raw };
    let samples = uniform(2, 1.0, SAMPLES);
    let mut sample = samples.iter().cycle().copied();
    group.bench_function(name, |bencher| {
        let mut predictor = Predictor::<C, 1, H, 0>::new(black_box(&model));
        bencher.iter(|| predictor.step(&[sample.next().unwrap_or_default()]));
    });
}

fn streaming<const H: usize>(criterion: &mut Criterion) {
    let network = ElmanNetwork::<f32, 1, H, 1>::random(1);
    let model = Forecaster { network, channels: [Channel::IDENTITY], mode: Mode::Raw };
    let samples = uniform(2, 1.0, SAMPLES);

    let mut ours = Predictor::<Elman<f32, 1, H>, 1, H, 0>::new(&model);
    let mut peer = SVector::zeros();
    for &sample in &samples {
        let (ours, peer) = (ours.step(&[sample])[0], peer_step(&network, sample, &mut peer));
        assert!((ours - peer).abs() < 1e-4, "not the same network: {ours} and {peer}");
    }

    let mut group = criterion.benchmark_group(format!("step, 1 channel, {H} hidden units, f32"));
    step::<Elman<f32, 1, H>, H>(&mut group, "Elman");
    let mut sample = samples.iter().cycle().copied();
    group.bench_function("Elman, nalgebra", |bencher| {
        let (network, mut h) = (black_box(&network), SVector::zeros());
        bencher.iter(|| peer_step(network, sample.next().unwrap_or_default(), &mut h));
    });
    group.finish();
}

/// h = tanh(W_xh x + W_hh h + b), y = W_hy h + b_y.
fn peer_step<const H: usize>(
    network: &ElmanNetwork<f32, 1, H, 1>,
    sample: f32,
    h: &mut SVector<f32, H>,
) -> f32 {
    let Network { cell, readout, .. } = network;
    let b = cell.b.unwrap_or_else(SVector::zeros);
    *h = (cell.w_xh * Vector1::new(sample) + cell.w_hh * *h + b).map(f32::tanh);
    (readout.w * *h + readout.b)[0]
}
