//! PyTorch's numbers for the same weights and sequences (golden/pytorch.txt, made by
//! golden/make_golden.py): outputs, losses and every gradient agree to 1e-10 relative, the losses and
//! weights of 20 updates to 1e-9.

use std::collections::HashMap;

use nalgebra::{SMatrix, SVector};
use rnn_core::activation::Activation;
use rnn_core::bptt::{Bptt, Labels};
use rnn_core::network::{Head, Network};
use rnn_core::optimizer::{Adam, Momentum, clip_norm, norm};
use rnn_core::parameters::Parameters;

const I: usize = 2;
const H: usize = 3;
const O: usize = 2;
const LONGEST: usize = 50;

type Net = Network<f64, I, H, O>;

/// The file's lines: a name and its numbers.
struct Golden(HashMap<&'static str, Vec<f64>>);

impl Golden {
    fn read() -> Self {
        let lines = include_str!("golden/pytorch.txt").lines().filter(|l| !l.starts_with('#'));
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

    fn h_0(&self) -> [f64; H] {
        core::array::from_fn(|i| self.get("h_0")[i])
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

fn flat(network: &Net) -> Vec<f64> {
    network.tensors().flatten().copied().collect()
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
                let mut bptt = Bptt::<f64, H, O, STEPS>::new();
                let mut gradient = network;
                let (x, targets) = (golden.x::<STEPS>(), golden.targets::<STEPS>(head));
                let h_0 = golden.h_0();
                let loss =
                    bptt.gradient(&network, &x, &h_0, &targets, labels, STEPS, &mut gradient);
                let of = |what: &str| golden.get(&format!("{name}.{what}"));
                let y = bptt.forward(&network, &x, &h_0).as_flattened();
                let scored = &y[y.len() - of("y").len()..];
                assert_close(scored, of("y"), 1e-10, &format!("{name}.y"));
                assert_close(&[loss], of("loss"), 1e-10, &format!("{name}.loss"));
                let what = format!("{name}.gradient");
                assert_close(&flat(&gradient), of("gradient"), 1e-10, &what);
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

/// 20 updates on the whole sequence.
fn check_trace(name: &str, mut update: impl FnMut(&mut Net, &mut Net)) {
    let golden = Golden::read();
    let mut network = golden.network(Activation::Tanh, true, Head::Linear);
    let mut gradient = Net::zeros();
    let mut bptt = Bptt::<f64, H, O, LONGEST>::new();
    let (x, targets) = (golden.x(), golden.targets(Head::Linear));
    let losses: [f64; 20] = core::array::from_fn(|_| {
        let h_0 = golden.h_0();
        let labels = Labels::Every;
        let loss = bptt.gradient(&network, &x, &h_0, &targets, labels, LONGEST, &mut gradient);
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
