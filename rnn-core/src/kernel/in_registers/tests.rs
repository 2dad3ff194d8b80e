//! Both arithmetics on a host's vectors against their verbs, and inference in integers, for chips
//! without an FPU, against the portable form: bit for bit.

use super::*;
use crate::gru::Reset;
use crate::kernel::Training;
use crate::kernel::one_column::OneColumn;
use crate::kernel::soft::Soft;
use crate::layers::{Kind, Layers};
use crate::network::{NetworkRef, Shape};
use crate::random::SplitMix64;

/// Values of both signs; with `wild` every eighth is one that breaks arithmetic.
fn values(seed: u64, count: usize, bound: f32, wild: bool) -> Vec<f32> {
    const EDGES: [f32; 8] =
        [0.0, -0.0, 1e-40, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -1e20];
    let mut random = SplitMix64::new(seed);
    let mut values = vec![0.0; count];
    random.fill_uniform(bound, &mut values);
    for value in values.iter_mut().filter(|_| wild) {
        if random.below(8) == 0 {
            *value = EDGES[random.below(8)];
        }
    }
    values
}

/// The bits, all NaNs counted as one.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() }).collect()
}

/// A piece of work has the bits of K's verbs in every form that the processor has, and those of
/// inference in integers.
fn assert_same<W: Work<f32, Output = Vec<f32>>>(name: &str, work: impl Fn() -> W) {
    let wanted = bits(&work().run::<Inference>());
    assert_eq!(bits(&work().run::<OneColumn<Soft>>()), wanted, "soft, {name}");
    assert_vectors::<Inference, W>(name, &work, &wanted);
    assert_vectors::<Training, W>(name, &work, &bits(&work().run::<Training>()));
}

fn assert_vectors<K: Widths, W>(name: &str, work: &impl Fn() -> W, wanted: &[u32])
where
    W: Work<f32, Output = Vec<f32>>,
{
    let arithmetic = core::any::type_name::<K>();
    // A build without optimisations has no use for known sizes, and takes minutes over them.
    let run_avx512 = |sizes| match sizes && !cfg!(debug_assertions) {
        true => run_avx512::<K, W, true>,
        false => run_avx512::<K, W, false>,
    };
    let run_avx2 = |sizes| match sizes && !cfg!(debug_assertions) {
        true => run_avx2::<K, W, true>,
        false => run_avx2::<K, W, false>,
    };
    for sizes in [false, true] {
        if Form::Avx512.runs_here() {
            // SAFETY: the processor has what the function was compiled for.
            let here = bits(&unsafe { run_avx512(sizes)(&mut work()) });
            assert_eq!(here, wanted, "{arithmetic}, AVX-512, sizes known {sizes}, {name}");
        }
        if Form::Avx2.runs_here() {
            // SAFETY: as above.
            let here = bits(&unsafe { run_avx2(sizes)(&mut work()) });
            assert_eq!(here, wanted, "{arithmetic}, AVX2, sizes known {sizes}, {name}");
        }
    }
}

/// Affine and readout, with columns of values or symbols.
struct Verbs<'a> {
    columns: usize,
    rows: usize,
    inputs: usize,
    tensors: [&'a [f32]; 5],
    symbol: Option<u16>,
}

impl Work<f32> for Verbs<'_> {
    type Output = Vec<f32>;
    fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
        let Verbs { columns, rows, inputs, tensors: [w, x, w_h, h, b], symbol } = *self;
        let symbol = symbol.map(|symbol| [symbol; 2]);
        let x_1 = symbol.as_ref().map_or(Columns::Values(x), |s| Columns::Symbols(s));
        let mut out = vec![7.0; 2 * columns * rows];
        let (affine, readout) = out.split_at_mut(columns * rows);
        A::affine(affine, rows, b, Product { w, x: x_1, inputs }, Product::new(w_h, h, rows));
        A::readout(readout, rows, b, w, x, inputs);
        out
    }
}

#[test]
fn verbs_have_the_portable_bits() {
    for rows in (1..=130).chain([256, 300]) {
        for (seed, wild) in [(1, false), (2, true)] {
            let inputs = 1 + (rows * 7 + seed as usize) % 70;
            let (w, x) = (values(seed, rows * inputs, 1.5, wild), values(3, 2 * inputs, 1.0, wild));
            let (w_h, h) = (values(4, rows * rows, 0.5, wild), values(5, 2 * rows, 1.0, wild));
            let b = values(6, if rows % 3 == 0 { 0 } else { rows }, 1.0, wild);
            for symbol in [None, Some(0), Some(inputs as u16 - 1), Some(u16::MAX)] {
                let tensors = [&w[..], &x, &w_h, &h, &b];
                for columns in [1, 2] {
                    let name = format!("{rows} x {inputs}, {columns}, wild {wild}, {symbol:?}");
                    assert_same(&name, || Verbs { columns, rows, inputs, tensors, symbol });
                }
            }
        }
    }
}

struct Activated<'a>(Activation, &'a [f32]);

impl Work<f32> for Activated<'_> {
    type Output = Vec<f32>;
    fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
        let mut z = self.1.to_vec();
        A::activate(self.0, &mut z);
        z
    }
}

/// Every 1009th bit pattern, and the neighbourhood of each border between two rows of the table.
#[test]
fn activations_have_the_portable_bits() {
    let mut z: Vec<f32> = (0..=u32::MAX / 1009).map(|i| f32::from_bits(i * 1009)).collect();
    for border in -66i32..=66 {
        for half in [1.0, 2.0] {
            let x = (f64::from(border) * half / (32.0 * 0.149_88)) as f32;
            z.extend((-40i32..=40).map(|i| f32::from_bits(x.to_bits().wrapping_add_signed(i))));
            let x = (f64::from(border) * half * 0.25 / 1.2) as f32;
            z.extend((-40i32..=40).map(|i| f32::from_bits(x.to_bits().wrapping_add_signed(i))));
        }
    }
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu] {
        for z in [&z[..], &z[..5], &z[3..36]] {
            assert_same(&format!("{activation:?}"), || Activated(activation, z));
        }
    }
}

/// So many steps of a network.
struct Steps<'a> {
    network: NetworkRef<'a, f32>,
    x: &'a [f32],
    symbols: bool,
}

impl Work<f32> for Steps<'_> {
    type Output = Vec<f32>;
    fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
        let Steps { network, x, symbols } = *self;
        let shape = network.shape();
        let mut memory = vec![0.0; shape.memory()];
        let mut out = vec![];
        for (t, x) in x.chunks_exact(shape.inputs).enumerate() {
            let symbol = [(t % (shape.inputs + 1)) as u16];
            let x = if symbols { Columns::Symbols(&symbol) } else { Columns::Values(x) };
            out.extend_from_slice(network.step::<A>(x, &mut memory));
        }
        out
    }
}

#[test]
fn steps_have_the_portable_bits() {
    let tanh = Kind::Elman(Activation::Tanh);
    let relu = Kind::Elman(Activation::Relu);
    let kinds = [tanh, relu, Kind::Gru(Reset::After), Kind::Gru(Reset::Before), Kind::Lstm];
    for kind in kinds {
        for hidden in (1..=130).filter(|h| h % 9 < 3 || h % 16 < 2) {
            let steps = if hidden == 32 { 3000 } else { 12 };
            let inputs = 1 + hidden % 4;
            let layers = Layers::one(kind, hidden);
            let shape = Shape { inputs, layers, outputs: 1 };
            for (wild, symbols) in [(false, false), (true, false), (false, true)] {
                let bound = 1.5 / (hidden as f32).sqrt();
                let parameters = values(hidden as u64, shape.parameters(), bound, wild);
                let x = values(9, steps * inputs, 2.0, wild);
                let network = NetworkRef::new(shape, &parameters).expect("as many as it takes");
                assert_same(&format!("{kind:?} {hidden}, wild {wild}"), || Steps {
                    network,
                    x: &x,
                    symbols,
                });
            }
        }
    }
}

/// The checker catches a form whose sums are taken in another order.
#[test]
#[should_panic(expected = "wrong")]
fn the_checker_can_fail() {
    struct Wrong;
    impl Work<f32> for Wrong {
        type Output = Vec<f32>;
        fn run<A: Arithmetic<f32>>(&mut self) -> Vec<f32> {
            let x = values(1, 33, 1.0, false);
            let mut sum = vec![0.0];
            let mut order: Vec<f32> = x;
            if core::any::type_name::<A>().contains("InRegisters") {
                order.reverse();
            }
            A::affine(&mut sum, 1, &[], Product::new(&order, &[1.0; 33], 33), Product::NONE);
            sum
        }
    }
    if !Form::Avx2.runs_here() {
        panic!("wrong: this processor has no form to be checked");
    }
    assert_same("wrong", || Wrong);
}
