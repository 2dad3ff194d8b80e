//! A batch is its columns: what a batch of B gives is what its samples give one by one, the sum of
//! their gradients included, in both arithmetics.

mod reference;

use reference::{Real, bits};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::kernel::{Arithmetic, Inference};
use rnn_core::network::{Head, Network, NetworkMut, NetworkRef, Shape};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;

const SHAPE: Shape = Shape { inputs: 2, hidden: 19, outputs: 3 };
const BATCH: usize = 5;
const STEPS: usize = 12;
const SCORED: usize = 9;

/// One block per step, a column per sample in each.
struct Batch<T> {
    size: usize,
    x: Vec<T>,
    h_0: Vec<T>,
    d_o: Vec<T>,
}

fn random<T: Real>(seed: u64, n: usize) -> Vec<T> {
    let mut values = vec![T::ZERO; n];
    SplitMix64::new(seed).fill_uniform(T::from_f64(0.7), &mut values);
    values
}

impl<T: Real> Batch<T> {
    fn random() -> Self {
        Batch {
            size: BATCH,
            x: random(1, STEPS * SHAPE.inputs * BATCH),
            h_0: random(2, SHAPE.hidden * BATCH),
            d_o: random(3, SCORED * SHAPE.outputs * BATCH),
        }
    }

    /// Sample `n` alone.
    fn sample(&self, n: usize) -> Self {
        let pick = |blocks: &[T], rows: usize| -> Vec<T> {
            let columns = blocks.chunks_exact(rows).skip(n).step_by(BATCH);
            columns.flatten().copied().collect()
        };
        Batch {
            size: 1,
            x: pick(&self.x, SHAPE.inputs),
            h_0: pick(&self.h_0, SHAPE.hidden),
            d_o: pick(&self.d_o, SHAPE.outputs),
        }
    }
}

/// States, outputs and gradient of a batch.
fn run<T: Real, A: Arithmetic<T>>(batch: &Batch<T>, truncation: usize) -> [Vec<T>; 3] {
    let parameters = random::<T>(4, SHAPE.parameters());
    let network = NetworkRef::from_flat(SHAPE, &parameters).expect("as many as the shape needs");
    let mut h = vec![T::ZERO; STEPS * SHAPE.hidden * batch.size];
    let mut y = vec![T::ZERO; SCORED * SHAPE.outputs * batch.size];
    network.forward::<A>(batch.size, &batch.x, &batch.h_0, &mut h, &mut y);
    let mut gradient = vec![T::ZERO; SHAPE.parameters()];
    let view = NetworkMut::from_flat(SHAPE, &mut gradient).expect("as above");
    let mut d = vec![T::ZERO; h.len()];
    let Batch { size, x, h_0, d_o } = batch;
    network.backward::<A>(*size, truncation, x, h_0, &h, d_o, &mut d, view);
    [h, y, gradient]
}

/// States and outputs: the same bits. Gradients: the sum over the samples, to `tolerance` of the
/// largest entry (the batch sums over samples and steps in another order).
fn assert_batch_is_its_samples<T: Real, A: Arithmetic<T>>(tolerance: f64) {
    let batch = Batch::<T>::random();
    for truncation in [STEPS, 5] {
        let [h, y, gradient] = run::<T, A>(&batch, truncation);
        let mut sum = vec![0.0; gradient.len()];
        for n in 0..BATCH {
            let [h_n, y_n, gradient_n] = run::<T, A>(&batch.sample(n), truncation);
            let of_sample = |blocks: &[T], rows: usize| -> Vec<T> {
                blocks.chunks_exact(rows).skip(n).step_by(BATCH).flatten().copied().collect()
            };
            assert_eq!(bits(&of_sample(&h, SHAPE.hidden)), bits(&h_n), "states of sample {n}");
            assert_eq!(bits(&of_sample(&y, SHAPE.outputs)), bits(&y_n), "outputs of sample {n}");
            sum.iter_mut().zip(gradient_n).for_each(|(s, g)| *s += g.to_f64());
        }
        let largest = sum.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
        assert!(largest > 0.1);
        for (g, sum) in gradient.iter().zip(sum) {
            assert!((g.to_f64() - sum).abs() <= tolerance * largest, "{g:?}, sum {sum:e}");
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
    let batch = Batch::<f64>::random();
    let [_, _, rounded] = run::<f64, Inference>(&batch, STEPS);
    let [_, _, fused] = run::<f64, Training>(&batch, STEPS);
    assert_ne!(rounded, fused);
    for (a, b) in rounded.iter().zip(fused) {
        assert!((a - b).abs() <= 1e-13 * a.abs().max(1.0), "{a:e} {b:e}");
    }
}

/// The flat form of a network is its tensors one after the other.
#[test]
fn flat_parameters_are_the_tensors_in_order() {
    let mut network = Network::<f64, 2, 19, 3>::random(5);
    (network.cell.activation, network.head) = (Activation::Tanh, Head::Linear);
    let flat: Vec<f64> = network.tensors().flatten().copied().collect();
    assert_eq!(flat.len(), SHAPE.parameters());
    let view = NetworkRef::from_flat(SHAPE, &flat).expect("as many as the shape needs");

    let x: [[f64; 2]; 4] = [[0.3, -0.2], [0.1, 0.9], [-0.4, 0.5], [0.8, -0.7]];
    let targets = [[0.1, 0.2, 0.3]; 4];
    let mut bptt = Bptt::<f64, 19, 3, 4>::new();
    let mut gradient = Network::zeros();
    bptt.gradient(&network, &x, &[0.0; 19], &targets, Labels::Every, 4, &mut gradient);

    let (mut h, mut y) = (vec![0.0; 4 * 19], vec![0.0; 4 * 3]);
    view.forward::<Inference>(1, x.as_flattened(), &[0.0; 19], &mut h, &mut y);
    assert_eq!(h, bptt.states().as_flattened());
    // dL/do of the mean over 4 steps of the mean over 3 outputs.
    let d_o: Vec<f64> =
        y.iter().zip(targets.as_flattened()).map(|(y, t)| 2.0 * (y - t) / 12.0).collect();
    let mut flat_gradient = vec![0.0; flat.len()];
    let into = NetworkMut::from_flat(SHAPE, &mut flat_gradient).expect("as above");
    let mut d = vec![0.0; h.len()];
    view.backward::<Inference>(1, 4, x.as_flattened(), &[0.0; 19], &h, &d_o, &mut d, into);
    for (a, b) in gradient.tensors().flatten().zip(&flat_gradient) {
        assert!((a - b).abs() <= 1e-14, "{a} {b}");
    }
}

#[test]
fn a_wrong_number_of_parameters_is_refused() {
    for n in [0, SHAPE.parameters() - 1, SHAPE.parameters() + 1] {
        let mut flat = vec![0.0f32; n];
        assert!(NetworkRef::from_flat(SHAPE, &flat).is_none());
        assert!(NetworkMut::from_flat(SHAPE, &mut flat).is_none());
    }
}
