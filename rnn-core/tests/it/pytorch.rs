//! PyTorch's numbers for the same weights and sequences (golden/pytorch.txt, made by
//! golden/make_golden.py): outputs, losses and every gradient agree to 1e-10 relative, the losses and
//! weights of 20 updates to 1e-9. GRU (reset after) and LSTM, and stacks of two layers, likewise.

use std::collections::HashMap;

use nalgebra::{SMatrix, SVector};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::cell::{Cell, Stack};
use rnn_core::elman::Elman;
use rnn_core::gru::Gru;
use rnn_core::lstm::Lstm;
use rnn_core::network::{ElmanNetwork, Head, Network};
use rnn_core::optimizer::{Adam, Momentum, clip_norm, norm};
use rnn_core::parameters::Parameters;

const I: usize = 2;
const H: usize = 3;
const O: usize = 2;
const LONGEST: usize = 50;

type Net = ElmanNetwork<f64, I, H, O>;
type Workspace<C, const STEPS: usize> = Bptt<f64, C, I, H, O, STEPS>;

/// The file's lines: a name and its numbers.
struct Golden(HashMap<&'static str, Vec<f64>>);

impl Golden {
    fn read() -> Self {
        let lines = include_str!("../golden/pytorch.txt").lines().filter(|l| !l.starts_with('#'));
        Golden(
            lines
                .map(|line| {
                    let (name, numbers) = line.split_once(' ').expect("a name and numbers");
                    let numbers = numbers.split(' ').map(|n| n.parse().expect("a number"));
                    (name, numbers.collect())
                })
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("no line {name}"))
    }

    fn network(&self, activation: Activation, bias: bool, head: Head) -> Net {
        let mut network = Net::zeros();
        network.cell.w_xh = SMatrix::from_column_slice(self.get("w_xh"));
        network.cell.w_hh = SMatrix::from_column_slice(self.get("w_hh"));
        network.cell.b = bias.then(|| SVector::from_column_slice(self.get("b")));
        network.readout.w = SMatrix::from_column_slice(self.get("w_hy"));
        network.readout.b = SVector::from_column_slice(self.get("b_y"));
        network.cell.activation = activation;
        network.head = head;
        network
    }

    /// The first STEPS inputs.
    fn x<const STEPS: usize>(&self) -> [[f64; I]; STEPS] {
        core::array::from_fn(|t| core::array::from_fn(|i| self.get("x")[I * t + i]))
    }

    /// Their targets: numbers, or classes one-hot.
    fn targets<const STEPS: usize>(&self, head: Head) -> [[f64; O]; STEPS] {
        let classes = self.get("classes");
        core::array::from_fn(|t| {
            core::array::from_fn(|o| match head {
                Head::Linear => self.get("targets")[O * t + o],
                Head::Softmax => f64::from(u8::from(classes[t] == o as f64)),
            })
        })
    }

    /// A cell's memory whose first numbers, its state, are those of `line` from `from` on.
    fn start<const BLOCKS: usize>(
        &self,
        line: &str,
        from: usize,
        count: usize,
    ) -> [[f64; H]; BLOCKS] {
        let mut memory = [[0.0; H]; BLOCKS];
        memory.as_flattened_mut()[..count].copy_from_slice(&self.get(line)[from..from + count]);
        memory
    }
}

/// Relative to the larger of the two; sums that cancel leave 1e-15 of the largest number in the row.
fn assert_close(got: &[f64], wanted: &[f64], relative: f64, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(0.0f64, |l, w| l.max(w.abs()));
    assert!(largest > 0.0, "{what}: all zeros");
    for (g, w) in got.iter().zip(wanted) {
        let tolerance = relative * g.abs().max(w.abs()) + 1e-15 * largest;
        assert!((g - w).abs() <= tolerance, "{what}: {g:e}, PyTorch {w:e}");
    }
}

fn flat(network: &impl Parameters<f64>) -> Vec<f64> {
    network.tensors().flatten().copied().collect()
}

/// Outputs, loss and gradient under `name`.
fn check_case<C: Cell<f64, I, H>, const STEPS: usize>(
    golden: &Golden,
    name: &str,
    network: &Network<f64, C, I, H, O>,
    start: &C::Memory,
    labels: Labels,
) {
    let mut bptt = Workspace::<C, STEPS>::new();
    let mut gradient = network.clone();
    let (x, targets) = (golden.x::<STEPS>(), golden.targets::<STEPS>(network.head));
    let loss = bptt.gradient(network, &x, start, &targets, labels, STEPS, &mut gradient);
    let of = |what: &str| golden.get(&format!("{name}.{what}"));
    let y = bptt.forward(network, &x, start).as_flattened();
    let scored = &y[y.len() - of("y").len()..];
    assert_close(scored, of("y"), 1e-10, &format!("{name}.y"));
    assert_close(&[loss], of("loss"), 1e-10, &format!("{name}.loss"));
    assert_close(&flat(&gradient), of("gradient"), 1e-10, &format!("{name}.gradient"));
}

fn check<const STEPS: usize>(golden: &Golden) {
    for (activation, sigma) in [(Activation::Tanh, "tanh"), (Activation::Relu, "relu")] {
        for bias in [true, false] {
            for (head, labels, kind) in [
                (Head::Linear, Labels::Last, "mse_last"),
                (Head::Linear, Labels::Every, "mse_every"),
                (Head::Softmax, Labels::Every, "cross_entropy_every"),
            ] {
                let name =
                    format!("{sigma}.{}.{kind}.{STEPS}", if bias { "bias" } else { "no_bias" });
                let network = golden.network(activation, bias, head);
                let start = golden.start("h_0", 0, H);
                check_case::<_, STEPS>(golden, &name, &network, &start, labels);
            }
        }
    }
}

#[test]
fn outputs_losses_and_gradients() {
    let golden = Golden::read();
    check::<1>(&golden);
    check::<2>(&golden);
    check::<LONGEST>(&golden);
}

/// A cell, or a stack, by its name in the file.
fn check_cell<C: Cell<f64, I, H>>(name: &str, start: impl Fn(&Golden, &str) -> C::Memory) {
    let golden = Golden::read();
    let mut network = Network::<f64, C, I, H, O>::zeros();
    let mut parameters = golden.get(&format!("{name}.parameters")).iter();
    for tensor in network.tensors_mut() {
        tensor.iter_mut().zip(&mut parameters).for_each(|(to, from)| *to = *from);
    }
    assert_eq!(flat(&network).len(), golden.get(&format!("{name}.parameters")).len());
    let start = start(&golden, &format!("{name}.start"));
    let of = |kind: &str| format!("{name}.{kind}");
    check_case::<C, 3>(&golden, &of("mse_last.3"), &network, &start, Labels::Last);
    check_case::<C, 20>(&golden, &of("mse_every.20"), &network, &start, Labels::Every);
    network.head = Head::Softmax;
    let name = of("cross_entropy_every.20");
    check_case::<C, 20>(&golden, &name, &network, &start, Labels::Every);
}

#[test]
fn gru() {
    check_cell::<Gru<f64, I, H>>("gru", |golden, line| golden.start(line, 0, H));
}

#[test]
fn lstm() {
    check_cell::<Lstm<f64, I, H>>("lstm", |golden, line| golden.start(line, 0, 2 * H));
}

#[test]
fn stacks_of_two() {
    check_cell::<Stack<Elman<f64, I, H>, Elman<f64, H, H>, H>>("rnn_2", |golden, line| {
        (golden.start(line, 0, H), golden.start(line, H, H))
    });
    check_cell::<Stack<Gru<f64, I, H>, Gru<f64, H, H>, H>>("gru_2", |golden, line| {
        (golden.start(line, 0, H), golden.start(line, H, H))
    });
    check_cell::<Stack<Lstm<f64, I, H>, Lstm<f64, H, H>, H>>("lstm_2", |golden, line| {
        (golden.start(line, 0, 2 * H), golden.start(line, 2 * H, 2 * H))
    });
}

/// 20 updates on the whole sequence.
fn check_trace(name: &str, mut update: impl FnMut(&mut Net, &mut Net)) {
    let golden = Golden::read();
    let mut network = golden.network(Activation::Tanh, true, Head::Linear);
    let mut gradient = Net::zeros();
    let mut bptt = Workspace::<Elman<f64, I, H>, LONGEST>::new();
    let (x, targets) = (golden.x(), golden.targets(Head::Linear));
    let losses: [f64; 20] = core::array::from_fn(|_| {
        let start = golden.start("h_0", 0, H);
        let labels = Labels::Every;
        let loss = bptt.gradient(&network, &x, &start, &targets, labels, LONGEST, &mut gradient);
        update(&mut network, &mut gradient);
        loss
    });
    assert!(losses[19] < 0.9 * losses[0], "nothing was learnt: {losses:?}");
    assert_close(&losses, golden.get(&format!("{name}.losses")), 1e-9, "losses");
    assert_close(&flat(&network), golden.get(&format!("{name}.parameters")), 1e-9, "parameters");
}

#[test]
fn trace_of_adam() {
    let mut adam = Adam::new(Net::zeros());
    check_trace("adam", |network, gradient| adam.update(network, gradient, 0.01));
}

#[test]
fn trace_of_momentum_with_clipping() {
    let mut momentum = Momentum::new(0.9, Net::zeros());
    check_trace("momentum", |network, gradient| {
        // clip_grad_norm_ scales by 1 / (norm + 1e-6) where that is below 1: a slightly lower limit.
        let norm = norm(gradient);
        if norm + 1e-6 > 1.0 {
            clip_norm(gradient, norm / (norm + 1e-6));
        }
        momentum.update(network, gradient, 0.2);
    });
}
