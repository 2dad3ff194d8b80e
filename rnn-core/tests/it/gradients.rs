//! Every gradient against central differences of the naive reference's loss, in f64, for every
//! parameter. Relative tolerance 1e-6; beside it stands what rounding of the loss L itself leaves in
//! a difference with step s, about 20 epsilon L / s, which is 1e-11 or less here.

#![allow(clippy::needless_range_loop)] // t is the step of the equations.

use crate::reference::{Known, Rnn, States, derivative, matrix};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::Stack;
use rnn_core::elman::Elman;
use rnn_core::feed_forward::FeedForward;
use rnn_core::gru::{Gru, ResetAfter, ResetBefore};
use rnn_core::kernel::{Columns, Inference};
use rnn_core::loss::{mse_gradient, softmax_cross_entropy_gradient};
use rnn_core::lstm::Lstm;
use rnn_core::network::{ElmanNetwork, Head, Network};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;

const STEP: f64 = 1e-3;

fn assert_close(got: f64, numeric: f64, loss: f64, what: &str) {
    let rounding = 20.0 * f64::EPSILON * loss.abs().max(1.0) / STEP;
    let tolerance = 1e-6 * got.abs().max(numeric.abs()) + rounding;
    assert!((got - numeric).abs() <= tolerance, "{what}: {got:e}, numerically {numeric:e}");
}

/// A sequence with its labels, and the inputs of the steps before it, whose state it starts from.
struct Sequence<const I: usize, const O: usize, const STEPS: usize> {
    before: [[f64; I]; 2],
    x: [[f64; I]; STEPS],
    targets: [[f64; O]; STEPS],
}

impl<const I: usize, const O: usize, const STEPS: usize> Sequence<I, O, STEPS> {
    /// Targets are numbers in +-1 for a linear head, one-hot for softmax.
    fn random(random: &mut SplitMix64, head: Head) -> Self {
        let mut sequence =
            Sequence { before: [[0.0; I]; 2], x: [[0.0; I]; STEPS], targets: [[0.0; O]; STEPS] };
        random.fill_uniform(1.0, sequence.before.as_flattened_mut());
        random.fill_uniform(1.0, sequence.x.as_flattened_mut());
        for target in &mut sequence.targets {
            match head {
                Head::Linear => random.fill_uniform(1.0, target),
                Head::Softmax => target[random.below(O)] = 1.0,
            }
        }
        sequence
    }

    /// The state that the sequence starts from.
    fn start<C: Known<f64, I, H>, const H: usize>(&self, cell: &C) -> C::Memory {
        let mut memory = C::rest();
        self.before.iter().for_each(|x| cell.step::<Inference>(Columns::Values(x), &mut memory));
        memory
    }

    /// The same state as the reference computes it.
    fn naive_start(&self, rnn: &Rnn<f64>) -> States<f64> {
        let mut states = rnn.rest();
        self.before.iter().for_each(|x| rnn.step(x, &mut states, &[]));
        states
    }
}

/// The states before each step of a sequence.
fn states_before<const I: usize, const STEPS: usize>(
    rnn: &Rnn<f64>,
    x: &[[f64; I]; STEPS],
    start: &States<f64>,
) -> Vec<States<f64>> {
    let mut states = start.clone();
    x.iter()
        .map(|x| {
            let before = states.clone();
            rnn.step(x, &mut states, &[]);
            before
        })
        .collect()
}

/// What a truncated gradient holds fast: the states where a block of `truncation` steps, counted from
/// the end, begins.
fn held<const I: usize, const STEPS: usize>(
    rnn: &Rnn<f64>,
    x: &[[f64; I]; STEPS],
    start: &States<f64>,
    truncation: usize,
) -> Vec<Option<States<f64>>> {
    let begins = |t: usize| t > 0 && (STEPS - t).is_multiple_of(truncation);
    let before = states_before(rnn, x, start).into_iter().enumerate();
    before.map(|(t, states)| begins(t).then_some(states)).collect()
}

/// The loss by its definition; the states before step t are `held[t]` where that is given.
fn loss<const I: usize, const O: usize, const STEPS: usize>(
    rnn: &Rnn<f64>,
    head: Head,
    sequence: &Sequence<I, O, STEPS>,
    start: &States<f64>,
    first_label: usize,
    held: &[Option<States<f64>>],
) -> f64 {
    let mut states = start.clone();
    let mut sum = 0.0;
    for t in 0..STEPS {
        states = held[t].clone().unwrap_or(states);
        rnn.step(&sequence.x[t], &mut states, &[]);
        if t >= first_label {
            let targets = sequence.targets[t];
            let pairs = rnn.output(&states).into_iter().zip(targets);
            sum += match head {
                Head::Linear => {
                    pairs.map(|(y, target)| (y - target).powi(2)).sum::<f64>() / O as f64
                }
                Head::Softmax => pairs.map(|(p, target)| -target * p.ln()).sum(),
            };
        }
    }
    sum / (STEPS - first_label) as f64
}

/// Smallest |z| over all units and steps: the distance to relu's kink.
fn distance_to_kink<const I: usize, const STEPS: usize>(
    rnn: &Rnn<f64>,
    x: &[[f64; I]; STEPS],
    start: &States<f64>,
) -> f64 {
    let states = states_before(rnn, x, start);
    let z = x.iter().zip(&states).flat_map(|(x, states)| rnn.z(x, rnn.h(states)));
    z.fold(f64::INFINITY, |smallest, z| smallest.min(z.abs()))
}

/// A random Elman network of that kind; for relu one with no unit near its kink anywhere in the
/// sequence.
#[allow(clippy::type_complexity)]
fn elman<const I: usize, const H: usize, const O: usize, const STEPS: usize>(
    activation: Activation,
    bias: bool,
    head: Head,
) -> (ElmanNetwork<f64, I, H, O>, Sequence<I, O, STEPS>) {
    for seed in 0..10_000 {
        let mut network = ElmanNetwork::random(seed);
        network.cell.activation = activation;
        network.head = head;
        if !bias {
            network.cell.b = None;
        }
        let sequence = Sequence::random(&mut SplitMix64::new(1000 + seed), head);
        let rnn = Rnn::of(&network);
        let near = distance_to_kink(&rnn, &sequence.x, &sequence.naive_start(&rnn)) < 0.01;
        if activation != Activation::Relu || !near {
            return (network, sequence);
        }
    }
    panic!("no seed keeps relu away from its kinks");
}

/// Changes parameter `k` of tensor `tensor` by `delta`.
fn changed<P: Parameters<f64> + Clone>(network: &P, tensor: usize, k: usize, delta: f64) -> P {
    let mut network = network.clone();
    if let Some(values) = network.tensors_mut().nth(tensor) {
        values[k] += delta;
    }
    network
}

/// Loss and gradient of every parameter.
fn check<C, const I: usize, const H: usize, const O: usize, const STEPS: usize>(
    network: &Network<f64, C, I, H, O>,
    sequence: &Sequence<I, O, STEPS>,
    labels: Labels,
    truncation: usize,
) where
    C: Known<f64, I, H>,
{
    let rnn = Rnn::of(network);
    let naive_start = sequence.naive_start(&rnn);
    let held = held(&rnn, &sequence.x, &naive_start, truncation);
    let first_label = match labels {
        Labels::Last => STEPS - 1,
        Labels::Every => 0,
        Labels::After(warm_up) => warm_up,
    };
    let loss = |network: &Network<f64, C, I, H, O>| {
        loss(&Rnn::of(network), network.head, sequence, &naive_start, first_label, &held)
    };

    let Sequence { x, targets, .. } = sequence;
    let start = sequence.start(&network.cell);
    let mut gradient = network.clone();
    let mut bptt = Bptt::<f64, C, I, H, O, STEPS>::new();
    let got = bptt.gradient(network, x, &start, targets, labels, truncation, &mut gradient);
    let wanted = loss(network);
    assert!((got - wanted).abs() <= 1e-13 * wanted.abs().max(1.0), "loss {got}, naively {wanted}");

    let of = format!(
        "{:?} {:?} {labels:?} T {STEPS} k {truncation}",
        network.cell.layers(),
        network.head
    );
    let mut largest = 0.0f64;
    for (tensor, values) in gradient.tensors().enumerate() {
        for (k, &got) in values.iter().enumerate() {
            let numeric = derivative(STEP, |delta| loss(&changed(network, tensor, k, delta)));
            assert_close(got, numeric, wanted, &format!("{of}: tensor {tensor}, {k}"));
            largest = largest.max(got.abs());
        }
    }
    assert!(largest > 1e-3, "{of}: nothing to compare, all gradients are below {largest:e}");
}

/// dL/dx of every input, for L = sum over t and units of d_t h_t with random d: what a cell adds to
/// the error of the layer below.
fn check_inputs<C, const I: usize, const H: usize, const STEPS: usize>(truncation: usize)
where
    C: Known<f64, I, H>,
{
    let network = Network::<f64, C, I, H, 1>::random(5);
    let cell = &network.cell;
    let sequence = Sequence::<I, 1, STEPS>::random(&mut SplitMix64::new(6), Head::Linear);
    let mut d = [[0.0; H]; STEPS];
    SplitMix64::new(7).fill_uniform(1.0, d.as_flattened_mut());
    let rnn = Rnn::of(&network);
    let naive_start = sequence.naive_start(&rnn);
    let held = held(&rnn, &sequence.x, &naive_start, truncation);
    let loss = |x: &[[f64; I]; STEPS]| {
        let mut states = naive_start.clone();
        let mut sum = 0.0;
        for t in 0..STEPS {
            states = held[t].clone().unwrap_or(states);
            rnn.step(&x[t], &mut states, &[]);
            sum += rnn.h(&states).iter().zip(&d[t]).map(|(h, d)| h * d).sum::<f64>();
        }
        sum
    };

    let (start, mut trace) = (sequence.start(cell), C::trace::<STEPS>());
    let x = Columns::Values(sequence.x.as_flattened());
    cell.forward(x, &start, &mut trace);
    // It is added to what is there.
    let mut dx = [[10.0; I]; STEPS];
    let (mut errors, mut gradient) = (d, cell.clone());
    let into = dx.as_flattened_mut();
    cell.backward(x, &start, &mut trace, truncation, &mut errors, into, &mut gradient);
    for t in 0..STEPS {
        for i in 0..I {
            let numeric = derivative(STEP, |delta| {
                let mut x = sequence.x;
                x[t][i] += delta;
                loss(&x)
            });
            let what = format!("{:?} k {truncation}: dx {t}, {i}", cell.layers());
            assert_close(dx[t][i] - 10.0, numeric, 10.0, &what);
        }
    }
}

/// All activations, biases, heads and labels for one length and number of inputs.
fn check_elman<const I: usize, const STEPS: usize>() {
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
        for bias in [true, false] {
            for head in [Head::Linear, Head::Softmax] {
                for labels in [Labels::Last, Labels::Every, Labels::After(STEPS / 3)] {
                    let (network, sequence) = elman::<I, 3, 2, STEPS>(activation, bias, head);
                    check(&network, &sequence, labels, STEPS);
                }
            }
        }
    }
}

#[test]
fn elman_one_step() {
    check_elman::<1, 1>();
    check_elman::<2, 1>();
    check_elman::<3, 1>();
}

#[test]
fn elman_two_steps() {
    check_elman::<1, 2>();
    check_elman::<2, 2>();
    check_elman::<3, 2>();
}

#[test]
fn elman_fifty_steps() {
    check_elman::<1, 50>();
    check_elman::<2, 50>();
    check_elman::<3, 50>();
}

/// A random network with that head, checked.
fn check_random<C, const I: usize, const H: usize, const O: usize, const STEPS: usize>(
    head: Head,
    labels: Labels,
    truncation: usize,
) where
    C: Known<f64, I, H>,
{
    let mut network = Network::<f64, C, I, H, O>::random(3);
    network.head = head;
    let sequence = Sequence::random(&mut SplitMix64::new(4), head);
    check::<C, I, H, O, STEPS>(&network, &sequence, labels, truncation);
}

#[test]
fn many_outputs_in_either_order_of_the_readout() {
    check_random::<Elman<f64, 2, 5>, 2, 5, 7, 6>(Head::Softmax, Labels::Every, 6);
    check_random::<Elman<f64, 2, 5>, 2, 5, 9, 6>(Head::Softmax, Labels::Every, 6);
}

/// Truncation to k steps: the gradient of the loss whose state is held where a block of k begins.
fn check_truncation<C: Known<f64, 2, H>, const H: usize>() {
    for labels in [Labels::Last, Labels::Every, Labels::After(5)] {
        for head in [Head::Linear, Head::Softmax] {
            for k in [1, 2, 3, 7, 19, 20, 21, usize::MAX] {
                check_random::<C, 2, H, 2, 20>(head, labels, k);
            }
        }
    }
}

/// Lengths, heads, labels, truncations, and what goes on to the layer below.
fn check_cell<C: Known<f64, 2, H>, const H: usize>() {
    for head in [Head::Linear, Head::Softmax] {
        check_random::<C, 2, H, 2, 1>(head, Labels::Every, 1);
        check_random::<C, 2, H, 2, 2>(head, Labels::Last, 2);
        check_random::<C, 2, H, 3, 2>(head, Labels::Every, 2);
        check_random::<C, 2, H, 2, 50>(head, Labels::Last, 50);
        check_random::<C, 2, H, 2, 50>(head, Labels::After(17), 50);
    }
    check_truncation::<C, H>();
    check_inputs::<C, 2, H, 1>(1);
    check_inputs::<C, 2, H, 9>(9);
    check_inputs::<C, 2, H, 9>(4);
}

type GruAfter<const I: usize, const H: usize> = Gru<f64, I, H, ResetAfter>;
type GruBefore<const I: usize, const H: usize> = Gru<f64, I, H, ResetBefore>;

#[test]
fn elman_truncated_and_stacked_upon() {
    check_truncation::<Elman<f64, 2, 3>, 3>();
    check_inputs::<Elman<f64, 2, 3>, 2, 3, 9>(4);
}

#[test]
fn gru_reset_after() {
    check_cell::<GruAfter<2, 3>, 3>();
}

#[test]
fn gru_reset_before() {
    check_cell::<GruBefore<2, 3>, 3>();
}

#[test]
fn lstm() {
    check_cell::<Lstm<f64, 2, 3>, 3>();
}

#[test]
fn stack_of_elman_and_gru() {
    check_cell::<Stack<Elman<f64, 2, 4>, GruAfter<4, 3>, 4>, 3>();
}

#[test]
fn stack_of_two_lstm() {
    check_cell::<Stack<Lstm<f64, 2, 2>, Lstm<f64, 2, 3>, 2>, 3>();
}

/// Three layers, either way of stacking a stack.
#[test]
fn stacks_of_three() {
    type Lower = Stack<Lstm<f64, 2, 4>, GruBefore<4, 2>, 4>;
    type Upper = Stack<GruBefore<4, 2>, Elman<f64, 2, 3>, 2>;
    check_cell::<Stack<Lower, Elman<f64, 2, 3>, 2>, 3>();
    check_random::<Stack<Lstm<f64, 2, 4>, Upper, 4>, 2, 3, 2, 9>(Head::Linear, Labels::Every, 4);
}

/// y by the equations h = sigma(W x + b), y = W' h + b' or its softmax.
fn feed_forward_naively(network: &FeedForward<f64, 4, 6, 3>, x: &[f64]) -> Vec<f64> {
    let layer = |w: &[f64], b: &[f64], x: &[f64]| -> Vec<f64> {
        let rows = matrix(w, b.len());
        let dot = |row: &Vec<f64>| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        rows.iter().zip(b).map(|(row, b)| dot(row) + b).collect()
    };
    let mut h = layer(network.hidden.w.as_slice(), network.hidden.b.as_slice(), x);
    for z in &mut h {
        *z = match network.activation {
            Activation::Tanh => z.tanh(),
            Activation::Sigmoid => 1.0 / (1.0 + (-*z).exp()),
            Activation::Relu => z.max(0.0),
        };
    }
    let o = layer(network.output.w.as_slice(), network.output.b.as_slice(), &h);
    let sum: f64 = o.iter().map(|o| o.exp()).sum();
    match network.head {
        Head::Linear => o,
        Head::Softmax => o.iter().map(|o| o.exp() / sum).collect(),
    }
}

fn check_feed_forward(activation: Activation, head: Head) {
    let mut random = SplitMix64::new(9);
    let network = FeedForward::<f64, 4, 6, 3>::random(activation, head, 8);
    let mut x = [0.0; 4];
    random.fill_uniform(1.0, &mut x);
    let target = [0.0, 1.0, 0.0];
    let loss = |network: &FeedForward<f64, 4, 6, 3>| -> f64 {
        let pairs = feed_forward_naively(network, &x).into_iter().zip(target);
        match head {
            Head::Linear => pairs.map(|(y, t)| (y - t).powi(2)).sum::<f64>() / 3.0,
            Head::Softmax => pairs.map(|(p, t)| -t * p.ln()).sum(),
        }
    };
    let (h, y) = network.forward(&x);
    for (y, naive) in y.iter().zip(feed_forward_naively(&network, &x)) {
        assert!((y - naive).abs() < 1e-14);
    }
    let mut d_o = [0.0; 3];
    match head {
        Head::Linear => mse_gradient(&y, &target, &mut d_o),
        Head::Softmax => softmax_cross_entropy_gradient(&y, &target, &mut d_o),
    }
    let mut gradient = FeedForward::zeros(activation, head);
    network.backward(&x, &h, &d_o, &mut gradient);
    for (tensor, values) in gradient.tensors().enumerate() {
        for (k, &got) in values.iter().enumerate() {
            let numeric = derivative(STEP, |delta| loss(&changed(&network, tensor, k, delta)));
            assert_close(got, numeric, 1.0, &format!("{activation:?} {head:?} {tensor}, {k}"));
        }
    }
    assert!(gradient.hidden.w.iter().any(|g| g.abs() > 1e-3));
}

#[test]
fn feed_forward() {
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
        for head in [Head::Linear, Head::Softmax] {
            check_feed_forward(activation, head);
        }
    }
}
