//! The trainer's work on one batch, in multiply-adds per second (criterion's elements per second):
//! the gradient, the forward pass alone, the same forward pass in nalgebra's products and the
//! system's tanh; and a plain product of matrices in the cache, the most that the kernels give here.

use std::hint::black_box;
use std::time::Duration;

use benches::{forward_multiply_adds, gradient_multiply_adds, uniform};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use nalgebra::{SMatrix, SVector};
use rnn_core::kernel::{Arithmetic, Product, Training};
use rnn_core::network::{NetworkMut, NetworkRef, Shape};

const BATCH: usize = 32;
const STEPS: usize = 20;
const HIDDEN: usize = 32;
const SHAPE: Shape = Shape { inputs: 1, hidden: HIDDEN, outputs: 1 };

/// Rows, inputs and columns of the plain product: 3 x 16 KB.
const PRODUCT: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut group = criterion.benchmark_group("batch of 32, 20 steps, 32 hidden units, f32");
    let parameters = uniform(1, 0.2, SHAPE.parameters());
    let x = uniform(2, 1.0, BATCH * STEPS);
    gradient(&mut group, &parameters, &x);
    forward(&mut group, &parameters, &x);
    group.finish();
    let mut group = criterion.benchmark_group("plain product, 64 x 64 x 64, f32");
    product(&mut group);
    group.finish();
    criterion.final_summary();
}

fn view(parameters: &[f32]) -> NetworkRef<'_, f32> {
    NetworkRef::from_flat(SHAPE, parameters).expect("as many parameters as the shape says")
}

/// Forward, the squared error's derivative at every step, backward through all of them.
fn gradient(group: &mut BenchmarkGroup<'_, WallTime>, parameters: &[f32], x: &[f32]) {
    let target = uniform(3, 1.0, BATCH * STEPS);
    let h_0 = [0.0; HIDDEN * BATCH];
    let (mut h, mut d) = (vec![0.0; HIDDEN * BATCH * STEPS], vec![0.0; HIDDEN * BATCH * STEPS]);
    let mut y = vec![0.0; BATCH * STEPS];
    let mut gradient = vec![0.0; SHAPE.parameters()];
    group.throughput(Throughput::Elements(gradient_multiply_adds(SHAPE, STEPS, BATCH)));
    group.bench_function("gradient, rnn-core", |bencher| {
        bencher.iter(|| {
            let network = view(black_box(parameters));
            network.forward::<Training>(BATCH, x, &h_0, &mut h, &mut y);
            for (y, target) in y.iter_mut().zip(&target) {
                *y = 2.0 * (*y - target) / (BATCH * STEPS) as f32;
            }
            gradient.fill(0.0);
            let sum = NetworkMut::from_flat(SHAPE, &mut gradient).expect("made for the shape");
            network.backward::<Training>(BATCH, STEPS, x, &h_0, &h, &y, &mut d, sum);
            black_box(&gradient);
        });
    });
}

/// W_xh, W_hh, b, W_hy, b_y.
type Peer = (
    SVector<f32, HIDDEN>,
    SMatrix<f32, HIDDEN, HIDDEN>,
    SVector<f32, HIDDEN>,
    SMatrix<f32, 1, HIDDEN>,
    f32,
);

fn forward(group: &mut BenchmarkGroup<'_, WallTime>, parameters: &[f32], x: &[f32]) {
    let h_0 = [0.0; HIDDEN * BATCH];
    let (mut h, mut y) = (vec![0.0; HIDDEN * BATCH * STEPS], vec![0.0; BATCH * STEPS]);
    group.throughput(Throughput::Elements(forward_multiply_adds(SHAPE, STEPS * BATCH)));
    group.bench_function("forward, rnn-core", |bencher| {
        bencher.iter(|| {
            view(black_box(parameters)).forward::<Training>(BATCH, x, &h_0, &mut h, &mut y);
            black_box(&y);
        });
    });

    let network = view(parameters);
    let peer: Peer = (
        SVector::from_column_slice(network.cell.w_xh),
        SMatrix::from_column_slice(network.cell.w_hh),
        SVector::from_column_slice(network.cell.b),
        SMatrix::from_column_slice(network.readout.w),
        network.readout.b[0],
    );
    let steps: Vec<SMatrix<f32, 1, BATCH>> =
        x.chunks_exact(BATCH).map(SMatrix::from_column_slice).collect();
    let mut peer_y = vec![SMatrix::zeros(); STEPS];
    network.forward::<Training>(BATCH, x, &h_0, &mut h, &mut y);
    peer_forward(&peer, &steps, &mut peer_y);
    for (&ours, peer) in y.iter().zip(peer_y.iter().flat_map(|y| y.iter())) {
        assert!((ours - peer).abs() < 1e-4, "not the same network: {ours} and {peer}");
    }
    group.bench_function("forward, nalgebra", |bencher| {
        bencher.iter(|| {
            peer_forward(black_box(&peer), &steps, &mut peer_y);
            black_box(&peer_y);
        });
    });
}

/// h = tanh(W_xh x + W_hh h + b), y = W_hy h + b_y, a column per sample of the batch.
fn peer_forward(peer: &Peer, x: &[SMatrix<f32, 1, BATCH>], y: &mut [SMatrix<f32, 1, BATCH>]) {
    let (w_xh, w_hh, b, w_hy, b_y) = peer;
    let mut h = SMatrix::<f32, HIDDEN, BATCH>::zeros();
    let mut z = h;
    for (x, y) in x.iter().zip(y) {
        z.column_iter_mut().for_each(|mut column| column.copy_from(b));
        z.gemm(1.0, w_xh, x, 1.0);
        z.gemm(1.0, w_hh, &h, 1.0);
        h = z.map(f32::tanh);
        *y = (w_hy * h).add_scalar(*b_y);
    }
}

fn product(group: &mut BenchmarkGroup<'_, WallTime>) {
    let [w, x] = [4, 5].map(|seed| uniform(seed, 1.0, PRODUCT * PRODUCT));
    let mut out = vec![0.0; PRODUCT * PRODUCT];
    group.throughput(Throughput::Elements((PRODUCT * PRODUCT * PRODUCT) as u64));
    group.bench_function("rnn-core", |bencher| {
        bencher.iter(|| {
            let product = Product::new(black_box(&w), &x, PRODUCT);
            Training::affine(&mut out, PRODUCT, &[], product, Product::NONE);
            black_box(&out);
        });
    });
}
