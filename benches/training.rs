//! The trainer's work on one batch, in multiply-adds per second (criterion's elements per second):
//! the gradient by the trainer's engine for every kind of cell, the forward pass alone, the same
//! Elman forward pass in nalgebra's products and the system's tanh; a plain product of matrices in
//! the cache, the most that the kernels give here; and the device's back-propagation through time.

use std::hint::black_box;
use std::time::Duration;

use benches::{forward_multiply_adds, gradient_multiply_adds, uniform};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use nalgebra::{SMatrix, SVector};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::{Cell, Sequence};
use rnn_core::elman::Elman;
use rnn_core::gru::Reset;
use rnn_core::kernel::{Arithmetic, Columns, Product, Training};
use rnn_core::layers::{Kind, LayerRef, Layers};
use rnn_core::network::{ElmanNetwork, NetworkRef, Shape, Workspace};
use rnn_train_host::train::gradient::{Engine, Plan};

const BATCH: usize = 32;
const STEPS: usize = 20;
const HIDDEN: usize = 32;
const ELMAN: Kind = Kind::Elman(Activation::Tanh);
const CELLS: [(&str, Kind); 4] = [
    ("Elman", ELMAN),
    ("GRU, reset after", Kind::Gru(Reset::After)),
    ("GRU, reset before", Kind::Gru(Reset::Before)),
    ("LSTM", Kind::Lstm),
];

/// Rows, inputs and columns of the plain product: 3 x 16 KB.
const PRODUCT: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut group = criterion.benchmark_group("batch of 32, 20 steps, 32 hidden units, f32");
    for (name, kind) in CELLS {
        gradient(&mut group, name, kind);
        forward(&mut group, name, kind);
    }
    nalgebra_forward(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("one sample, 20 steps, 32 hidden units, f32");
    bptt(&mut group);
    group.finish();
    let mut group = criterion.benchmark_group("plain product, 64 x 64 x 64, f32");
    product(&mut group);
    group.finish();
    criterion.final_summary();
}

fn shape(kind: Kind) -> Shape {
    Shape { inputs: 1, layers: Layers::one(kind, HIDDEN), outputs: 1 }
}

/// Forward, loss at every step, backward through all of them, by the engine.
fn gradient(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, kind: Kind) {
    let shape = shape(kind);
    let parameters = uniform(1, 0.2, shape.parameters());
    let (x, targets) = (uniform(2, 1.0, BATCH * STEPS), uniform(3, 1.0, BATCH * STEPS));
    let mut engine = Engine::new(Plan::new(shape, BATCH, STEPS), 1);
    for (column, (x, target)) in x.chunks(STEPS).zip(targets.chunks(STEPS)).enumerate() {
        engine.set_values(column, x);
        engine.set_targets(column, target);
    }
    group.throughput(Throughput::Elements(gradient_multiply_adds(shape, STEPS, BATCH)));
    group.bench_function(format!("{name}: gradient"), |bencher| {
        bencher.iter(|| black_box(engine.run(black_box(&parameters), 0)));
    });
}

/// Inputs, states and outputs of a forward pass.
struct Pass {
    shape: Shape,
    parameters: Vec<f32>,
    x: Vec<f32>,
    start: Vec<f32>,
    cache: Vec<f32>,
    y: Vec<f32>,
}

impl Pass {
    fn new(kind: Kind) -> Self {
        let shape = shape(kind);
        Pass {
            shape,
            parameters: uniform(1, 0.2, shape.parameters()),
            x: uniform(2, 1.0, BATCH * STEPS),
            start: vec![0.0; shape.state() * BATCH],
            cache: vec![0.0; shape.cache() * BATCH * STEPS],
            y: vec![0.0; BATCH * STEPS],
        }
    }

    fn network(&self) -> NetworkRef<'_, f32> {
        NetworkRef::new(self.shape, &self.parameters).expect("as many as the shape says")
    }

    fn run(&mut self) {
        let Pass { shape, parameters, x, start, cache, y } = self;
        let network = NetworkRef::new(*shape, parameters).expect("as many as the shape says");
        let sequence = Sequence { batch: BATCH, x: Columns::Values(x), start };
        network.forward::<Training>(sequence, Workspace { cache, masks: &[], masked: &mut [] }, y);
    }
}

fn forward(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, kind: Kind) {
    let mut pass = Pass::new(kind);
    group.throughput(Throughput::Elements(forward_multiply_adds(pass.shape, STEPS * BATCH)));
    group.bench_function(format!("{name}: forward"), |bencher| {
        bencher.iter(|| {
            black_box(&mut pass).run();
            black_box(&pass.y);
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

fn nalgebra_forward(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mut pass = Pass::new(ELMAN);
    let Some(LayerRef::Elman(cell)) = pass.network().layer(0) else { unreachable!("it is one") };
    let readout = pass.network().readout();
    let peer: Peer = (
        SVector::from_column_slice(cell.w_xh),
        SMatrix::from_column_slice(cell.w_hh),
        SVector::from_column_slice(cell.b),
        SMatrix::from_column_slice(readout.w),
        readout.b[0],
    );
    let steps: Vec<SMatrix<f32, 1, BATCH>> =
        pass.x.chunks_exact(BATCH).map(SMatrix::from_column_slice).collect();
    let mut peer_y = vec![SMatrix::zeros(); STEPS];
    pass.run();
    peer_forward(&peer, &steps, &mut peer_y);
    for (&ours, peer) in pass.y.iter().zip(peer_y.iter().flat_map(|y| y.iter())) {
        assert!((ours - peer).abs() < 1e-4, "not the same network: {ours} and {peer}");
    }
    group.throughput(Throughput::Elements(forward_multiply_adds(pass.shape, STEPS * BATCH)));
    group.bench_function("Elman: forward, nalgebra", |bencher| {
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

/// What a device does when it learns, on the host.
fn bptt(group: &mut BenchmarkGroup<'_, WallTime>) {
    type OnDevice = Elman<f32, 1, HIDDEN>;
    let network = ElmanNetwork::<f32, 1, HIDDEN, 1>::random(1);
    let mut gradient = ElmanNetwork::zeros();
    let mut bptt = Bptt::<f32, OnDevice, 1, HIDDEN, 1, STEPS>::new();
    let (mut x, mut targets) = ([[0.0]; STEPS], [[0.0]; STEPS]);
    x.as_flattened_mut().copy_from_slice(&uniform(2, 1.0, STEPS));
    targets.as_flattened_mut().copy_from_slice(&uniform(3, 1.0, STEPS));
    let rest = OnDevice::rest();
    group.throughput(Throughput::Elements(gradient_multiply_adds(shape(ELMAN), STEPS, 1)));
    group.bench_function("Elman: gradient in memory of fixed size", |bencher| {
        bencher.iter(|| {
            let network = black_box(&network);
            bptt.gradient(network, &x, &rest, &targets, Labels::Every, STEPS, &mut gradient)
        });
    });
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
