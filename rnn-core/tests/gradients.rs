//! Every gradient against central differences of the naive reference's loss, in f64, for every
//! parameter. Relative tolerance 1e-6; beside it stands what rounding of the loss L itself leaves in
//! a difference with step s, about 20 epsilon L / s, which is 1e-11 or less here.

mod reference;

use reference::{Rnn, derivative};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::feed_forward::FeedForward;
use rnn_core::loss::{mse_gradient, softmax_cross_entropy_gradient};
use rnn_core::network::{Head, Network};
use rnn_core::parameters::Parameters;
use rnn_core::random::SplitMix64;

const STEP: f64 = 1e-3;

fn assert_close(got: f64, numeric: f64, loss: f64, what: &str) {
    let rounding = 20.0 * f64::EPSILON * loss.abs().max(1.0) / STEP;
    let tolerance = 1e-6 * got.abs().max(numeric.abs()) + rounding;
    assert!((got - numeric).abs() <= tolerance, "{what}: {got:e}, numerically {numeric:e}");
}

/// A sequence with its labels, from a seed.
struct Sequence<const I: usize, const H: usize, const O: usize, const STEPS: usize> {
    x: [[f64; I]; STEPS],
    targets: [[f64; O]; STEPS],
    h_0: [f64; H],
}

impl<const I: usize, const H: usize, const O: usize, const STEPS: usize> Sequence<I, H, O, STEPS> {
    /// Targets are numbers in +-1 for a linear head, one-hot for softmax.
    fn random(random: &mut SplitMix64, head: Head) -> Self {
        let mut sequence =
            Sequence { x: [[0.0; I]; STEPS], targets: [[0.0; O]; STEPS], h_0: [0.0; H] };
        random.fill_uniform(1.0, sequence.x.as_flattened_mut());
        random.fill_uniform(0.8, &mut sequence.h_0);
        for target in &mut sequence.targets {
            match head {
                Head::Linear => random.fill_uniform(1.0, target),
                Head::Softmax => target[random.below(O)] = 1.0,
            }
        }
        sequence
    }
}

/// The loss by its definition; the state before step t is `held[t]` where that is given.
fn loss(
    rnn: &Rnn<f64>,
    head: Head,
    x: &[&[f64]],
    targets: &[&[f64]],
    h_0: &[f64],
    first_label: usize,
    held: &[Option<Vec<f64>>],
) -> f64 {
    let mut h = h_0.to_vec();
    let mut sum = 0.0;
    for t in 0..x.len() {
        h = rnn.step(x[t], held[t].as_ref().unwrap_or(&h));
        if t >= first_label {
            let pairs = rnn.output(&h).into_iter().zip(targets[t].iter().copied());
            sum += match head {
                Head::Linear => {
                    let n = targets[t].len() as f64;
                    pairs.map(|(y, target)| (y - target).powi(2)).sum::<f64>() / n
                }
                Head::Softmax => pairs.map(|(p, target)| -target * p.ln()).sum(),
            };
        }
    }
    sum / (x.len() - first_label) as f64
}

/// Smallest |z| over all units and steps: the distance to relu's kink.
fn distance_to_kink(rnn: &Rnn<f64>, x: &[&[f64]], h_0: &[f64]) -> f64 {
    let mut h = h_0.to_vec();
    let mut smallest = f64::INFINITY;
    for x_t in x {
        smallest = rnn.z(x_t, &h).iter().fold(smallest, |s, z| s.min(z.abs()));
        h = rnn.step(x_t, &h);
    }
    smallest
}

/// A random network of that kind; for relu one with no unit near its kink anywhere in the sequence.
#[allow(clippy::type_complexity)]
fn setting<const I: usize, const H: usize, const O: usize, const STEPS: usize>(
    activation: Activation,
    bias: bool,
    head: Head,
) -> (Network<f64, I, H, O>, Sequence<I, H, O, STEPS>) {
    for seed in 0..10_000 {
        let mut network = Network::random(seed);
        network.cell.activation = activation;
        network.head = head;
        if !bias {
            network.cell.b = None;
        }
        let mut random = SplitMix64::new(1000 + seed);
        let sequence = Sequence::<I, H, O, STEPS>::random(&mut random, head);
        let x = sequence.x.each_ref().map(|x| &x[..]);
        let near = distance_to_kink(&Rnn::of(&network), &x, &sequence.h_0) < 0.01;
        if activation != Activation::Relu || !near {
            return (network, sequence);
        }
    }
    panic!("no seed keeps relu away from its kinks");
}

/// Changes parameter `k` of tensor `tensor` by `delta`.
fn changed<P: Parameters<f64> + Copy>(network: &P, tensor: usize, k: usize, delta: f64) -> P {
    let mut network = *network;
    if let Some(values) = network.tensors_mut().nth(tensor) {
        values[k] += delta;
    }
    network
}

fn check<const I: usize, const H: usize, const O: usize, const STEPS: usize>(
    activation: Activation,
    bias: bool,
    head: Head,
    labels: Labels,
    truncation: usize,
) {
    let (network, sequence) = setting::<I, H, O, STEPS>(activation, bias, head);
    let Sequence { x, targets, h_0 } = &sequence;
    let mut gradient = network;
    let mut bptt = Bptt::<f64, H, O, STEPS>::new();
    let got = bptt.gradient(&network, x, h_0, targets, labels, truncation, &mut gradient);

    // Where a block of `truncation` steps, counted from the end, begins, the state is held.
    let held: Vec<Option<Vec<f64>>> = (0..STEPS)
        .map(|t| {
            (t > 0 && (STEPS - t).is_multiple_of(truncation)).then(|| bptt.states()[t - 1].to_vec())
        })
        .collect();
    let first_label = match labels {
        Labels::Last => STEPS - 1,
        Labels::Every => 0,
        Labels::After(warm_up) => warm_up,
    };
    let (x, targets) = (x.each_ref().map(|x| &x[..]), targets.each_ref().map(|t| &t[..]));
    let loss = |network: &Network<f64, I, H, O>| {
        loss(&Rnn::of(network), head, &x, &targets, h_0, first_label, &held)
    };
    let wanted = loss(&network);
    assert!((got - wanted).abs() <= 1e-13 * wanted.abs().max(1.0), "loss {got}, naively {wanted}");

    let mut largest = 0.0f64;
    for (tensor, values) in gradient.tensors().enumerate() {
        for (k, &got) in values.iter().enumerate() {
            let numeric = derivative(STEP, |delta| loss(&changed(&network, tensor, k, delta)));
            let what = format!(
                "{activation:?} bias {bias} {head:?} {labels:?} I {I} T {STEPS} k {truncation}: tensor {tensor}, {k}"
            );
            assert_close(got, numeric, wanted, &what);
            largest = largest.max(got.abs());
        }
    }
    assert!(largest > 1e-3, "nothing to compare: all gradients are below {largest:e}");
}

/// All activations, biases, heads and labels for one length and number of inputs.
fn check_kinds<const I: usize, const STEPS: usize>() {
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
        for bias in [true, false] {
            for head in [Head::Linear, Head::Softmax] {
                for labels in [Labels::Last, Labels::Every, Labels::After(STEPS / 3)] {
                    check::<I, 3, 2, STEPS>(activation, bias, head, labels, STEPS);
                }
            }
        }
    }
}

#[test]
fn one_step() {
    check_kinds::<1, 1>();
    check_kinds::<2, 1>();
    check_kinds::<3, 1>();
}

#[test]
fn two_steps() {
    check_kinds::<1, 2>();
    check_kinds::<2, 2>();
    check_kinds::<3, 2>();
}

#[test]
fn fifty_steps() {
    check_kinds::<1, 50>();
    check_kinds::<2, 50>();
    check_kinds::<3, 50>();
}

#[test]
fn many_outputs_in_either_order_of_the_readout() {
    check::<2, 5, 7, 6>(Activation::Tanh, true, Head::Softmax, Labels::Every, 6);
    check::<2, 5, 9, 6>(Activation::Tanh, true, Head::Softmax, Labels::Every, 6);
}

/// Truncation to k steps: the gradient of the loss whose state is held where a block of k begins.
#[test]
fn truncated_to_k_steps() {
    for labels in [Labels::Last, Labels::Every, Labels::After(5)] {
        for head in [Head::Linear, Head::Softmax] {
            for k in [1, 2, 3, 7, 19, 20, 21, usize::MAX] {
                check::<2, 3, 2, 20>(Activation::Tanh, true, head, labels, k);
            }
        }
    }
}

/// y by the equations h = sigma(W x + b), y = W' h + b' or its softmax.
fn feed_forward_naively(network: &FeedForward<f64, 4, 6, 3>, x: &[f64]) -> Vec<f64> {
    let layer = |w: &[f64], b: &[f64], x: &[f64]| -> Vec<f64> {
        let rows = reference::matrix(w, b.len());
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
