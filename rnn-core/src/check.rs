//! Digests of what the kernels compute. The expected values are part of the source: a laptop and
//! every chip must arrive at the same ones.

pub mod adaptations;
mod integers;
pub mod streams;

use crate::activation::{Activation, approx, softmax};
use crate::bptt::{Bptt, Labels};
use crate::cell::{Cell, Stack};
use crate::elman::Elman;
use crate::gru::{Gru, Reset, ResetAfter, ResetBefore};
use crate::kernel::{Arithmetic, Columns, FEW, Inference, Product, Work};
use crate::layers::{Kind, Layer};
use crate::lstm::Lstm;
use crate::network::{ElmanNetwork, Head, Network};
use crate::optimizer::{Adam, clip_norm};
use crate::parameters::Parameters;
use crate::random::SplitMix64;

/// A computation, and the digest that its bits must have.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What is computed.
    pub name: &'static str,
    /// Computes it and digests the bits.
    pub run: fn() -> u32,
    /// The digest on every machine.
    pub expected: u32,
}

/// All checks.
pub const CHECKS: &[Check] = &[
    Check { name: "kernels, 1 to 130 rows", run: kernels, expected: 0xDEF6_0F1D },
    // The vectors of Helium take denormal numbers for zeros, so the products do.
    #[cfg(not(arm_helium))]
    Check { name: "kernels, denormal numbers", run: denormals, expected: 0xB3F3_E075 },
    // Compared with their definition on the spot: how many differ.
    Check { name: "integer sums, 1 to 130 rows", run: integers::sums, expected: 0 },
    Check { name: "activations", run: activations, expected: 0x4C2F_CD3D },
    Check { name: "steps of 1-32-1 and 3-37-3", run: steps, expected: 0xBFEA_6DF8 },
    Check { name: "gradients of 2-16-2, 20 steps", run: gradients, expected: 0xC917_E5E2 },
    Check { name: "steps of GRU, LSTM and a stack", run: gated_steps, expected: 0x9DC5_6801 },
    Check {
        name: "gradients of GRU, LSTM and a stack",
        run: gated_gradients,
        expected: 0x4B69_F470,
    },
    Check { name: "ten updates by Adam", run: updates, expected: 0xCADE_0F40 },
];

/// CRC-32 over the bits of every value, NaNs counted as one.
struct Digest(crc::Digest<'static, u32>);

static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

impl Digest {
    fn new() -> Self {
        Digest(CRC.digest())
    }

    fn add(&mut self, values: &[f32]) {
        for value in values {
            let bits = if is_nan(*value) { 0x7FC0_0000 } else { value.to_bits() };
            self.0.update(&bits.to_le_bytes());
        }
    }

    fn add_bits(&mut self, value: i32) {
        self.0.update(&value.to_le_bytes());
    }

    fn finish(self) -> u32 {
        self.0.finalize()
    }
}

fn activations() -> u32 {
    let mut digest = Digest::new();
    let mut random = SplitMix64::new(1);
    for _ in 0..4096 {
        let any = quiet(f32::from_bits(random.next_u64() as u32));
        let near = (random.uniform() * 20.0 - 10.0) as f32;
        for x in [any, near] {
            digest.add(&[approx::tanh_table(x), approx::sigmoid(x, approx::tanh_table)]);
            digest.add(&[approx::exp(x), approx::ln(x)]);
        }
    }
    let mut p = [0.5, -1.0, 3.0, 88.0, -200.0];
    softmax(&mut p);
    digest.add(&p);
    digest.finish()
}

/// Weights that fit into the smallest chip.
const MOST: usize = 2048;

/// What the kernels of whichever form runs here compute from values that break arithmetic.
fn kernels() -> u32 {
    Inference::run(&mut Kernels { edges: EDGES })
}

const EDGES: [f32; 8] = [0.0, -0.0, 1e-18, -1e-18, f32::MAX, f32::NEG_INFINITY, 1e20, -1e30];

/// The same from denormal numbers, and from such that have denormal products.
#[cfg(not(arm_helium))]
fn denormals() -> u32 {
    let edges = [0.0, -0.0, 1e-40, -1e-44, f32::MIN_POSITIVE, -1e-20, 1e-19, 1e-36];
    Inference::run(&mut Kernels { edges })
}

/// Every verb and every cell's step, in the form that it is given: 1 to 130 rows, columns before and
/// behind what a loop takes at once, every eighth value one of `edges`.
struct Kernels {
    edges: [f32; 8],
}

impl Work<f32> for Kernels {
    type Output = u32;

    fn run<A: Arithmetic<f32>>(&mut self) -> u32 {
        let mut digest = Digest::new();
        let mut random = SplitMix64::new(7);
        let (mut w, mut x, mut out) = ([0.0; MOST], [0.0; 64], [0.0; 130]);
        for rows in 1..=out.len() {
            let inputs = (1 + rows * 7 % 37).min(MOST / rows);
            let out = &mut out[..rows];
            for values in [&mut w[..rows * inputs], &mut x] {
                random.fill_uniform(1.5, values);
                for value in values {
                    if random.below(8) == 0 {
                        *value = self.edges[random.below(8)];
                    }
                }
            }
            let first = Product::new(&w, &x[..inputs], inputs);
            let second = Product::new(&w, &x[inputs / 2..inputs], inputs - inputs / 2);
            let bias = if rows % 3 == 0 { &[][..] } else { &w[..rows] };
            A::affine(out, rows, bias, first, second);
            digest.add(out);
            let symbols = [(rows % (inputs + 1)) as u16];
            let symbol = Product { w: &w[..rows * inputs], x: Columns::Symbols(&symbols), inputs };
            A::affine(out, rows, bias, symbol, Product::NONE);
            digest.add(out);
            if rows < FEW {
                for inputs in 1..=x.len() {
                    A::readout(out, rows, bias, &w, &x[..inputs], inputs);
                    digest.add(out);
                }
            }
            for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
                for z in &mut *out {
                    let any = quiet(f32::from_bits(random.next_u64() as u32));
                    *z = if any.is_subnormal() { self.edges[2] } else { any };
                }
                A::activate(activation, out);
                digest.add(out);
            }
        }
        for kind in [
            Kind::Elman(Activation::Tanh),
            Kind::Elman(Activation::Sigmoid),
            Kind::Gru(Reset::After),
            Kind::Gru(Reset::Before),
            Kind::Lstm,
        ] {
            for hidden in 1..=18 {
                let layer = Layer { kind, inputs: 1 + hidden % 3, hidden };
                let parameters = &mut w[..layer.parameters()];
                random.fill_uniform(1.0, parameters);
                let memory = &mut out[..layer.memory()];
                memory.fill(0.0);
                for _ in 0..3 {
                    random.fill_uniform(2.0, &mut x);
                    let input = Columns::Values(&x[..layer.inputs]);
                    if let Some(cell) = layer.view(parameters) {
                        cell.step::<A>(input, memory);
                    }
                    digest.add(&memory[..layer.state()]);
                }
            }
        }
        digest.finish()
    }
}

/// A NaN as arithmetic yields it. What becomes of a signalling one in `if x > a { x } else { a }` isn't
/// the same everywhere: compiled to the VMAXNM of a Cortex-M7, M33 or M55, it is NaN instead of a.
fn quiet(x: f32) -> f32 {
    if is_nan(x) { f32::from_bits(x.to_bits() | 0x0040_0000) } else { x }
}

/// By the bits: comparisons of floats are among what is checked.
fn is_nan(x: f32) -> bool {
    x.to_bits() << 1 > 0xFF00_0000
}

type Stacked<const I: usize, const M: usize, const H: usize> =
    Stack<Lstm<f32, I, M>, Gru<f32, M, H, ResetBefore>, M>;

fn steps() -> u32 {
    let mut digest = Digest::new();
    add_steps::<Elman<f32, 1, 32>, 1, 32>(&mut digest);
    add_steps::<Elman<f32, 3, 37>, 3, 37>(&mut digest);
    digest.finish()
}

fn gated_steps() -> u32 {
    let mut digest = Digest::new();
    add_steps::<Gru<f32, 2, 20, ResetAfter>, 2, 20>(&mut digest);
    add_steps::<Gru<f32, 2, 20, ResetBefore>, 2, 20>(&mut digest);
    add_steps::<Lstm<f32, 1, 17>, 1, 17>(&mut digest);
    add_steps::<Stacked<1, 12, 9>, 1, 9>(&mut digest);
    digest.finish()
}

fn add_steps<C: Cell<f32, I, H>, const I: usize, const H: usize>(digest: &mut Digest) {
    let network = Network::<f32, C, I, H, I>::random(2);
    let mut random = SplitMix64::new(3);
    let mut x = [0.0; I];
    let mut memory = network.rest();
    for _ in 0..200 {
        random.fill_uniform(2.0, &mut x);
        digest.add(&network.step(&x, &mut memory));
        digest.add(C::h(&memory));
    }
}

fn gradients() -> u32 {
    let mut digest = Digest::new();
    add_gradients::<Elman<f32, 2, 16>, 16>(&mut digest);
    digest.finish()
}

fn gated_gradients() -> u32 {
    let mut digest = Digest::new();
    add_gradients::<Gru<f32, 2, 9, ResetAfter>, 9>(&mut digest);
    add_gradients::<Gru<f32, 2, 9, ResetBefore>, 9>(&mut digest);
    add_gradients::<Lstm<f32, 2, 9>, 9>(&mut digest);
    add_gradients::<Stacked<2, 6, 5>, 5>(&mut digest);
    digest.finish()
}

/// Not inlined: one network and its trace at a time fit into 16 KB of RAM, all together don't.
#[inline(never)]
fn add_gradients<C: Cell<f32, 2, H>, const H: usize>(digest: &mut Digest) {
    for (head, truncation) in [(Head::Linear, 20), (Head::Linear, 7), (Head::Softmax, 20)] {
        let mut network = Network::<f32, C, 2, H, 2>::random(4);
        network.head = head;
        let mut gradient = Network::zeros();
        let (x, targets) = sequences();
        let loss = Bptt::<f32, C, 2, H, 2, 20>::new().gradient(
            &network,
            &x,
            &network.rest(),
            &targets,
            Labels::After(4),
            truncation,
            &mut gradient,
        );
        digest.add(&[loss]);
        gradient.tensors().for_each(|tensor| digest.add(tensor));
    }
}

fn updates() -> u32 {
    let mut network = ElmanNetwork::<f32, 2, 16, 2>::random(5);
    let mut gradient = ElmanNetwork::zeros();
    let mut adam = Adam::new(ElmanNetwork::zeros());
    let mut bptt = Bptt::<f32, Elman<f32, 2, 16>, 2, 16, 2, 20>::new();
    let (x, targets) = sequences();
    let mut state = network.rest();
    for _ in 0..10 {
        bptt.gradient(&network, &x, &state, &targets, Labels::Every, 20, &mut gradient);
        clip_norm(&mut gradient, 0.5);
        adam.update(&mut network, &gradient, 0.01);
        bptt.last_state(&mut state);
    }
    let mut digest = Digest::new();
    network.tensors().for_each(|tensor| digest.add(tensor));
    digest.finish()
}

/// 20 steps of inputs and targets.
fn sequences() -> ([[f32; 2]; 20], [[f32; 2]; 20]) {
    let mut random = SplitMix64::new(6);
    let mut sequence = [[0.0; 2]; 20];
    let mut targets = [[0.0; 2]; 20];
    random.fill_uniform(1.0, sequence.as_flattened_mut());
    random.fill_uniform(1.0, targets.as_flattened_mut());
    (sequence, targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::kernel::Inference;

    #[test]
    fn digests_are_the_expected_ones() {
        let all = |digest: fn(&Check) -> u32| {
            let line = |check: &Check| format!("{}: {:#010x}", check.name, digest(check));
            CHECKS.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(all(|check| (check.run)()), all(|check| check.expected));
    }

    /// The portable verbs, but the first two outputs of a product change places.
    struct Swapped;

    impl Arithmetic<f32> for Swapped {
        fn affine(
            out: &mut [f32],
            rows: usize,
            bias: &[f32],
            first: Product<'_, f32>,
            second: Product<'_, f32>,
        ) {
            Inference::affine(out, rows, bias, first, second);
            if rows > 1 {
                out.swap(0, 1);
            }
        }
        fn readout(
            out: &mut [f32],
            rows: usize,
            bias: &[f32],
            w: &[f32],
            x: &[f32],
            inputs: usize,
        ) {
            Inference::readout(out, rows, bias, w, x, inputs);
        }
        fn transpose_multiply(out: &mut [f32], w: &[f32], rows: usize, cols: usize, d: &[f32]) {
            Inference::transpose_multiply(out, w, rows, cols, d);
        }
        fn outer(w: &mut [f32], d: &[f32], rows: usize, x: Columns<'_, f32>, cols: usize) {
            Inference::outer(w, d, rows, x, cols);
        }
        fn activate(activation: Activation, z: &mut [f32]) {
            <Inference as Arithmetic<f32>>::activate(activation, z);
        }
        fn tanh(x: f32) -> f32 {
            <Inference as Arithmetic<f32>>::tanh(x)
        }
    }

    #[test]
    fn a_swapped_lane_is_seen() {
        let check = CHECKS.iter().find(|check| check.name.contains("kernels"));
        let expected = check.expect("the check of the kernels").expected;
        let mut kernels = Kernels { edges: EDGES };
        assert_eq!(kernels.run::<Inference>(), expected, "the portable verbs");
        assert_ne!(kernels.run::<Swapped>(), expected);
    }
}
