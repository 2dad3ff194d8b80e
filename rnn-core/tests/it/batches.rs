//! Networks on flat parameters. A batch is its columns: what a batch of B gives is what its samples
//! give one by one, the sum of their gradients included, in both arithmetics. Beside it: networks of
//! fixed size bit for bit, symbols as one-hot columns, masks between layers.

use crate::reference::{Known, Real, Rnn, bits, derivative, shape};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::{Sequence, Stack};
use rnn_core::elman::Elman;
use rnn_core::gru::{Gru, Reset, ResetAfter, ResetBefore};
use rnn_core::kernel::{Arithmetic, Columns, Inference};
use rnn_core::layers::{Kind, Layers};
use rnn_core::loss::{mse_gradient, softmax_cross_entropy_gradient};
use rnn_core::lstm::Lstm;
use rnn_core::network::{BackwardSpace, Head, Network, NetworkRef, Shape, Workspace};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;

const INPUTS: usize = 2;
const OUTPUTS: usize = 3;
const BATCH: usize = 5;
const STEPS: usize = 12;
const SCORED: usize = 9;

/// Each cell alone, and stacks.
fn shapes() -> [Shape; 6] {
    let elman = Layers::one(Kind::Elman(Activation::Tanh), 19);
    let stack = Layers::one(Kind::Lstm, 7).with(Kind::Gru(Reset::Before), 5);
    let three = elman.with(Kind::Gru(Reset::After), 6).and_then(|two| two.with(Kind::Lstm, 18));
    [
        elman,
        Layers::one(Kind::Gru(Reset::After), 17),
        Layers::one(Kind::Gru(Reset::Before), 17),
        Layers::one(Kind::Lstm, 17),
        stack.expect("room for two"),
        three.expect("room for three"),
    ]
    .map(|layers| Shape { inputs: INPUTS, layers, outputs: OUTPUTS })
}

/// One block per step, a column per sample in each; masks and start layer after layer.
struct Batch<T> {
    size: usize,
    x: Vec<T>,
    start: Vec<T>,
    masks: Vec<T>,
    d_o: Vec<T>,
}

fn random<T: Real>(seed: u64, n: usize) -> Vec<T> {
    let mut values = vec![T::ZERO; n];
    SplitMix64::new(seed).fill_uniform(T::from_f64(0.7), &mut values);
    values
}

/// Units of the layers that have a mask.
fn masked(shape: &Shape) -> usize {
    shape.units() - shape.layers.hidden()
}

impl<T: Real> Batch<T> {
    /// Every unit below the uppermost layer is dropped with probability 1/4, where `dropout` says so.
    fn random(shape: &Shape, dropout: bool) -> Self {
        let mut draws = SplitMix64::new(8);
        let masks = if dropout { STEPS * masked(shape) * BATCH } else { 0 };
        let mut mask =
            || if draws.below(4) == 0 { T::ZERO } else { T::from_f64(1.0 / (1.0 - 0.25)) };
        Batch {
            size: BATCH,
            x: random(1, STEPS * INPUTS * BATCH),
            start: random(2, shape.state() * BATCH),
            masks: (0..masks).map(|_| mask()).collect(),
            d_o: random(3, SCORED * OUTPUTS * BATCH),
        }
    }

    /// Sample `n` alone.
    fn sample(&self, shape: &Shape, n: usize) -> Self {
        let below = shape.layers().take(shape.layers.count() - 1);
        let sizes = below.map(|layer| layer.hidden * STEPS * BATCH).collect::<Vec<_>>();
        let masks = if self.masks.is_empty() { vec![] } else { parts(&self.masks, &sizes) };
        let sizes: Vec<usize> = shape.layers().map(|layer| layer.state() * BATCH).collect();
        // A state's blocks, an LSTM's h and c, are of H rows each.
        let starts = parts(&self.start, &sizes).into_iter().zip(shape.layers());
        let hidden = shape.layers().map(|layer| layer.hidden);
        Batch {
            size: 1,
            x: of_sample(&self.x, INPUTS, n),
            start: starts.flat_map(|(part, layer)| of_sample(part, layer.hidden, n)).collect(),
            masks: masks
                .into_iter()
                .zip(hidden)
                .flat_map(|(part, rows)| of_sample(part, rows, n))
                .collect(),
            d_o: of_sample(&self.d_o, OUTPUTS, n),
        }
    }
}

/// Consecutive parts of those sizes.
fn parts<'a, T>(mut values: &'a [T], sizes: &[usize]) -> Vec<&'a [T]> {
    let mut next = |size: &usize| {
        let (part, rest) = values.split_at(*size);
        values = rest;
        part
    };
    let parts = sizes.iter().map(&mut next).collect();
    assert!(values.is_empty(), "sizes that don't add up");
    parts
}

/// The columns of sample `n` in blocks of `rows` x BATCH.
fn of_sample<T: Copy>(blocks: &[T], rows: usize, n: usize) -> Vec<T> {
    blocks.chunks_exact(rows).skip(n).step_by(BATCH).flatten().copied().collect()
}

/// What a pass over a batch gives.
struct Results<T> {
    /// h of the uppermost layer.
    h: Vec<T>,
    o: Vec<T>,
    last_state: Vec<T>,
    gradient: Vec<T>,
}

/// Outputs o and the gradient for dL/do = `d_o` (or what it makes of o).
fn pass<T: Real, A: Arithmetic<T>>(
    network: NetworkRef<'_, T>,
    sequence: Sequence<'_, T>,
    steps: usize,
    masks: &[T],
    truncation: usize,
    outputs: usize,
    d_o: impl FnOnce(&[T]) -> Vec<T>,
) -> Results<T> {
    let (shape, n) = (network.shape(), steps * sequence.batch);
    let mut cache = vec![T::ZERO; shape.cache() * n];
    let mut room = vec![T::ZERO; masks.len()];
    let mut o = vec![T::ZERO; outputs * shape.outputs * sequence.batch];
    let workspace = Workspace { cache: &mut cache, masks, masked: &mut room };
    network.forward::<A>(sequence, workspace, &mut o);
    let below: usize = shape.layers().take(shape.layers.count() - 1).map(|l| l.cache() * n).sum();
    let h = cache[below..][..shape.layers.hidden() * n].to_vec();

    let mut d = vec![T::ZERO; shape.units() * n];
    let mut space = vec![T::ZERO; network.space::<A>()];
    let mut gradient = vec![T::ZERO; shape.parameters()];
    let workspace = Workspace { cache: &mut cache, masks, masked: &mut room };
    let space = BackwardSpace { d: &mut d, space: &mut space };
    network.backward::<A>(sequence, workspace, truncation, &d_o(&o), space, &mut gradient);
    let mut last_state = vec![T::ZERO; shape.state() * sequence.batch];
    network.last_state(sequence.batch, &cache, &mut last_state);
    Results { h, o, last_state, gradient }
}

/// States, outputs and gradient of a batch on the same random network.
fn run<T: Real, A: Arithmetic<T>>(shape: Shape, batch: &Batch<T>, truncation: usize) -> Results<T> {
    let parameters = random::<T>(4, shape.parameters());
    let network = NetworkRef::new(shape, &parameters).expect("as many as the shape needs");
    let Batch { size, x, start, masks, d_o } = batch;
    let sequence = Sequence { batch: *size, x: Columns::Values(x), start };
    pass::<T, A>(network, sequence, STEPS, masks, truncation, SCORED, |_| d_o.clone())
}

/// States and outputs: the same bits. Gradients: the sum over the samples, to `tolerance` of the
/// largest entry (the batch sums over samples and steps in another order).
fn assert_batch_is_its_samples<T: Real, A: Arithmetic<T>>(tolerance: f64) {
    for (shape, dropout) in shapes().into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let batch = Batch::<T>::random(&shape, dropout);
        for truncation in [STEPS, 5, usize::MAX] {
            let all = run::<T, A>(shape, &batch, truncation);
            let mut sum = vec![0.0; all.gradient.len()];
            for n in 0..BATCH {
                let one = run::<T, A>(shape, &batch.sample(&shape, n), truncation);
                let h = of_sample(&all.h, shape.layers.hidden(), n);
                assert_eq!(bits(&h), bits(&one.h), "{shape:?}: states of sample {n}");
                let o = of_sample(&all.o, OUTPUTS, n);
                assert_eq!(bits(&o), bits(&one.o), "{shape:?}: outputs of sample {n}");
                sum.iter_mut().zip(one.gradient).for_each(|(s, g)| *s += g.to_f64());
            }
            let largest = sum.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
            assert!(largest > 0.1);
            for (g, sum) in all.gradient.iter().zip(sum) {
                let close = (g.to_f64() - sum).abs() <= tolerance * largest;
                assert!(close, "{shape:?} k {truncation}: {g:?}, sum {sum:e}");
            }
        }
    }
}

#[test]
fn inference() {
    assert_batch_is_its_samples::<f64, Inference>(1e-12);
    assert_batch_is_its_samples::<f32, Inference>(1e-5);
}

#[test]
#[cfg(feature = "std")]
fn training() {
    use rnn_core::kernel::Training;
    assert_batch_is_its_samples::<f64, Training>(1e-12);
    assert_batch_is_its_samples::<f32, Training>(1e-5);
}

/// Both arithmetics compute the same function: gradients that differ only in rounding.
#[test]
#[cfg(feature = "std")]
fn training_agrees_with_inference() {
    use rnn_core::kernel::Training;
    for shape in shapes() {
        let batch = Batch::<f64>::random(&shape, true);
        let rounded = run::<f64, Inference>(shape, &batch, STEPS).gradient;
        let fused = run::<f64, Training>(shape, &batch, STEPS).gradient;
        assert_ne!(rounded, fused);
        for (a, b) in rounded.iter().zip(fused) {
            assert!((a - b).abs() <= 1e-13 * a.abs().max(1.0), "{shape:?}: {a:e} {b:e}");
        }
    }
}

/// The sum of d_o o over a batch with masks, by the reference.
fn naive_loss(shape: Shape, flat: &[f64], batch: &Batch<f64>) -> f64 {
    let rnn = Rnn::flat(shape, Head::Linear, flat);
    (0..batch.size)
        .map(|n| {
            let one = batch.sample(&shape, n);
            let sizes: Vec<usize> = shape.layers().map(|layer| layer.state()).collect();
            let mut states = parts(&one.start, &sizes).into_iter().map(<[f64]>::to_vec).collect();
            let mut sum = 0.0;
            for (t, x) in one.x.chunks_exact(INPUTS).enumerate() {
                let mut rest = &one.masks[..];
                let masks = shape.layers().map(|layer| {
                    let of_layer;
                    (of_layer, rest) = rest.split_at_checked(STEPS * layer.hidden)?;
                    Some(of_layer[t * layer.hidden..][..layer.hidden].to_vec())
                });
                let masks: Vec<Vec<f64>> = masks.map_while(|mask| mask).collect();
                rnn.step(x, &mut states, &masks);
                if let Some(scored) = t.checked_sub(STEPS - SCORED) {
                    let d_o = &one.d_o[scored * OUTPUTS..][..OUTPUTS];
                    sum += rnn.output(&states).iter().zip(d_o).map(|(o, d)| o * d).sum::<f64>();
                }
            }
            sum
        })
        .sum()
}

/// With what dropout leaves of the layers below: outputs and gradients of a batch against the
/// reference, every parameter, relative 1e-6 beside what rounding of a sum of size 10 leaves.
#[test]
fn masks_between_layers() {
    let layers = Layers::one(Kind::Lstm, 4).with(Kind::Gru(Reset::After), 3);
    let layers = layers.and_then(|two| two.with(Kind::Elman(Activation::Sigmoid), 3));
    let layers = layers.expect("room for three");
    let shape = Shape { inputs: INPUTS, layers, outputs: OUTPUTS };
    let batch = Batch::<f64>::random(&shape, true);
    let flat = random::<f64>(4, shape.parameters());
    let Results { o, gradient, .. } = run::<f64, Inference>(shape, &batch, STEPS);
    let loss: f64 = o.iter().zip(&batch.d_o).map(|(o, d)| o * d).sum();
    assert!((loss - naive_loss(shape, &flat, &batch)).abs() <= 1e-13 * loss.abs().max(1.0));
    let without = Batch { masks: vec![], ..Batch::random(&shape, true) };
    assert!((loss - naive_loss(shape, &flat, &without)).abs() > 1e-3, "masks that do nothing");
    for k in 0..flat.len() {
        let numeric = derivative(1e-3, |delta| {
            let mut flat = flat.clone();
            flat[k] += delta;
            naive_loss(shape, &flat, &batch)
        });
        let tolerance = 1e-6 * numeric.abs() + 20.0 * f64::EPSILON * 10.0 / 1e-3;
        assert!((gradient[k] - numeric).abs() <= tolerance, "{k}: {} {numeric}", gradient[k]);
    }
}

/// The flat form of a network is its tensors one after the other: the same bits of states, outputs
/// and gradient as of fixed size.
fn check_flat<C: Known<f32, 2, 7>>(head: Head) {
    const T: usize = 11;
    let mut network = Network::<f32, C, 2, 7, 2>::random(5);
    network.head = head;
    let mut x = [[0.0; 2]; T];
    SplitMix64::new(6).fill_uniform(1.0, x.as_flattened_mut());
    let targets: [[f32; 2]; T] = core::array::from_fn(|t| [(t % 2) as f32, ((t + 1) % 2) as f32]);
    let flat: Vec<f32> = network.tensors().flatten().copied().collect();
    let shape = shape(&network.cell.layers(), 2);
    let view = NetworkRef::new(shape, &flat).expect("as many as the shape needs");
    assert_eq!(view.shape(), shape);

    let mut bptt = Bptt::<f32, C, 2, 7, 2, T>::new();
    let mut gradient = network.clone();
    for (truncation, warm_up) in [(T, 0), (4, 3), (1, T - 1)] {
        let labels = Labels::After(warm_up);
        let start = network.rest();
        bptt.gradient(&network, &x, &start, &targets, labels, truncation, &mut gradient);

        let (scored, start) = (T - warm_up, vec![0.0; shape.state()]);
        let sequence = Sequence { batch: 1, x: Columns::Values(x.as_flattened()), start: &start };
        let results = pass::<f32, Inference>(view, sequence, T, &[], truncation, scored, |o| {
            let mut y = o.to_vec();
            head.apply(&mut y, 2);
            let mut d_o = vec![0.0; o.len()];
            let columns = y.chunks_exact(2).zip(&targets[warm_up..]);
            for ((y, target), d_o) in columns.zip(d_o.chunks_exact_mut(2)) {
                match head {
                    Head::Linear => mse_gradient(y, target, d_o),
                    Head::Softmax => softmax_cross_entropy_gradient(y, target, d_o),
                }
                d_o.iter_mut().for_each(|d| *d *= 1.0 / scored as f32);
            }
            d_o
        });
        assert_eq!(bits(&results.h), bits(bptt.states().as_flattened()), "{shape:?}");
        let of_fixed_size: Vec<f32> = gradient.tensors().flatten().copied().collect();
        assert_eq!(bits(&results.gradient), bits(&of_fixed_size), "{shape:?} k {truncation}");
        // The uppermost layer's part comes last, its h first.
        let top: Vec<f32> = bptt.states()[T - 1].to_vec();
        let at = shape.state() - shape.layers().last().map_or(0, |layer| layer.state());
        assert_eq!(bits(&results.last_state[at..at + 7]), bits(&top));
    }
}

#[test]
fn flat_parameters_are_the_tensors_in_order() {
    for head in [Head::Linear, Head::Softmax] {
        check_flat::<Elman<_, 2, 7>>(head);
        check_flat::<Gru<_, 2, 7, ResetAfter>>(head);
        check_flat::<Gru<_, 2, 7, ResetBefore>>(head);
        check_flat::<Lstm<_, 2, 7>>(head);
        check_flat::<Stack<Gru<_, 2, 4>, Lstm<_, 4, 7>, 4>>(head);
        check_flat::<Stack<Stack<Lstm<_, 2, 3>, Lstm<_, 3, 5>, 3>, Elman<_, 5, 7>, 5>>(head);
    }
}

/// Symbols are one-hot columns, and a symbol beyond the inputs is a column of zeros: the same bits
/// forward and backward.
fn check_symbols<A: Arithmetic<f32>>() {
    let symbols: Vec<u16> = (0..STEPS * BATCH).map(|n| (n * 5 % 13) as u16).collect();
    let one_hot: Vec<f32> =
        symbols.iter().flat_map(|&s| (0..11).map(move |i| f32::from(u8::from(s == i)))).collect();
    assert!(symbols.contains(&11) && symbols.contains(&12));
    for shape in shapes().map(|shape| Shape { inputs: 11, ..shape }) {
        let parameters = random::<f32>(4, shape.parameters());
        let network = NetworkRef::new(shape, &parameters).expect("as many as the shape needs");
        let start = random::<f32>(2, shape.state() * BATCH);
        let [a, b] = [Columns::Symbols(&symbols), Columns::Values(&one_hot)].map(|x| {
            let sequence = Sequence { batch: BATCH, x, start: &start };
            let d_o = |o: &[f32]| o.to_vec();
            pass::<f32, A>(network, sequence, STEPS, &[], 5, STEPS, d_o)
        });
        assert_eq!(bits(&a.h), bits(&b.h), "{shape:?}");
        assert_eq!(bits(&a.o), bits(&b.o), "{shape:?}");
        assert_eq!(bits(&a.gradient), bits(&b.gradient), "{shape:?}");
    }
}

#[test]
fn symbols_are_one_hot_columns() {
    check_symbols::<Inference>();
    #[cfg(feature = "std")]
    check_symbols::<rnn_core::kernel::Training>();
}

#[test]
fn a_wrong_number_of_parameters_is_refused() {
    for shape in shapes() {
        for n in [0, shape.parameters() - 1, shape.parameters() + 1] {
            assert!(NetworkRef::new(shape, &vec![0.0f32; n]).is_none());
        }
    }
}
