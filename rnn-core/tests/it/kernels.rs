//! One checker for every implementation behind the seam: each verb, bit for bit against the naive
//! reference, over many shapes and with the values that break arithmetic. The checker itself is
//! checked with references that are wrong in one point.

use crate::reference::{self, Matrix, Real, Rounding, bits, column_major, matrix};
use rnn_core::Scalar;
use rnn_core::activation::{Activation, approx};
use rnn_core::kernel::{Arithmetic, Columns, Inference, Product};
use rnn_core::random::SplitMix64;

#[cfg(feature = "std")]
use rnn_core::kernel::Training;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Affine,
    Readout,
    TransposeMultiply,
    Outer,
}

const VERBS: [Verb; 4] = [Verb::Affine, Verb::Readout, Verb::TransposeMultiply, Verb::Outer];

/// Operands for every verb: W_1 (rows x n_1), X_1 (n_1 x batch), W_2, X_2, D (rows x batch), and what
/// the output holds before (n_1 x batch, or rows x n_1).
#[derive(Clone, Debug)]
struct Case<T> {
    rows: usize,
    batch: usize,
    bias: Vec<T>,
    w: [Matrix<T>; 2],
    x: [Matrix<T>; 2],
    d: Matrix<T>,
}

type Judge<T> = fn(Verb, Rounding, &Case<T>) -> Matrix<T>;

/// What the contract says.
fn contract<T: Real>(verb: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let Case { rows, batch, bias, w, x, d } = case;
    match verb {
        Verb::Affine => {
            let products = [(&w[0], &x[0]), (&w[1], &x[1])];
            reference::affine(rounding, bias, &products, *rows, *batch)
        }
        // In training only a single output has partial sums.
        Verb::Readout if rounding == Rounding::Once && *rows > 1 => {
            reference::affine(rounding, bias, &[(&w[0], &x[0])], *rows, *batch)
        }
        Verb::Readout => reference::readout(rounding, bias, &w[0], &x[0], *batch),
        Verb::TransposeMultiply => {
            let mut out = x[0].clone();
            reference::transpose_multiply(rounding, &mut out, &w[0], d);
            out
        }
        Verb::Outer => {
            let mut out = w[0].clone();
            reference::outer(rounding, &mut out, d, &x[0]);
            out
        }
    }
}

/// What the kernel does, column-major.
fn kernel<T: Real, A: Arithmetic<T>>(verb: Verb, case: &Case<T>) -> Vec<T> {
    let Case { rows, batch, bias, .. } = case;
    let [n_1, n_2] = [case.x[0].len(), case.x[1].len()];
    let [w_1, w_2, x_1, x_2, d] =
        [&case.w[0], &case.w[1], &case.x[0], &case.x[1], &case.d].map(column_major);
    let first = Product::new(&w_1, &x_1, n_1);
    // What the output held before must not show.
    let mut out = vec![T::from_f64(7.0); rows * batch];
    match verb {
        Verb::Affine if n_2 == 0 => A::affine(&mut out, *rows, bias, first, Product::NONE),
        Verb::Affine => A::affine(&mut out, *rows, bias, first, Product::new(&w_2, &x_2, n_2)),
        Verb::Readout => A::readout(&mut out, *rows, bias, &w_1, &x_1, n_1),
        Verb::TransposeMultiply => {
            out = x_1.clone();
            let mut space = vec![T::ZERO; A::transposed_len(*rows, n_1)];
            let w_1 = A::transposed(&w_1, *rows, n_1, &mut space);
            A::transpose_multiply(&mut out, w_1, *rows, n_1, &d);
        }
        Verb::Outer => {
            out = w_1.clone();
            A::outer(&mut out, &d, *rows, Columns::Values(&x_1), n_1);
        }
    }
    out
}

/// The checker: the first case in which the kernel's bits aren't the judge's.
fn first_difference<T: Real, A: Arithmetic<T>>(
    verb: Verb,
    rounding: Rounding,
    judge: Judge<T>,
    cases: &[Case<T>],
) -> Option<String> {
    let differs = |case: &&Case<T>| {
        let wanted = column_major(&judge(verb, rounding, case));
        bits(&kernel::<T, A>(verb, case)) != bits(&wanted)
    };
    cases.iter().find(differs).map(|case| {
        let [n_1, n_2] = [case.x[0].len(), case.x[1].len()];
        format!("{verb:?}, {} x ({n_1} + {n_2}), batch {}", case.rows, case.batch)
    })
}

/// Values: `Tame` ones, or such with denormals, huge numbers, -0, infinities and NaN among them.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    Tame,
    Wild,
}

fn values<T: Real>(kind: Values, random: &mut SplitMix64, rows: usize, cols: usize) -> Matrix<T> {
    let edges = [-0.0, 0.0, 1e-40, -1e-310, 3e38, -1.7e308, f64::INFINITY, f64::NAN, 1e-30, 1e20];
    let mut column_major = vec![T::ZERO; rows * cols];
    random.fill_uniform(T::from_f64(1.5), &mut column_major);
    if kind == Values::Wild {
        for value in &mut column_major {
            if random.below(12) == 0 {
                *value = T::from_f64(edges[random.below(edges.len())]);
            }
        }
    }
    matrix(&column_major, rows)
}

fn case<T: Real>(kind: Values, seed: u64, shape: [usize; 4]) -> Case<T> {
    let [rows, n_1, n_2, batch] = shape;
    let mut random = SplitMix64::new(seed);
    let w = [n_1, n_2].map(|n| values(kind, &mut random, rows, n));
    let x = [n_1, n_2].map(|n| values(kind, &mut random, n, batch));
    let d = values(kind, &mut random, rows, batch);
    let bias = column_major(&values(kind, &mut random, rows, 1));
    // Every third case goes without a bias.
    let bias = if seed.is_multiple_of(3) { vec![] } else { bias };
    Case { rows, batch, bias, w, x, d }
}

/// Shapes around the kernels' block sizes, H = 130, and a random sample of all up to 70.
fn shapes() -> Vec<[usize; 4]> {
    if cfg!(miri) {
        // Some thousand times slower, it sees the ends of all blocks; 21 = 16 + 4 + 1.
        return vec![
            [1, 1, 0, 1],
            [3, 17, 0, 1],
            [1, 16, 0, 2],
            [4, 2, 2, 1],
            [21, 3, 2, 2],
            [5, 18, 1, 2],
        ];
    }
    let mut shapes = vec![[1, 1, 0, 1], [1, 16, 0, 64], [130, 1, 130, 1], [130, 3, 130, 5]];
    let edges = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70];
    let mut random = SplitMix64::new(1);
    for rows in edges {
        shapes.push([rows, edges[random.below(18)], edges[random.below(18)], 1 + random.below(9)]);
        shapes.push([rows, edges[random.below(18)], 0, 1]);
    }
    for _ in 0..150 {
        let batch = if random.below(4) == 0 { 1 } else { 1 + random.below(18) };
        shapes.push([1 + random.below(70), 1 + random.below(70), random.below(71), batch]);
    }
    shapes
}

fn cases<T: Real>(kind: Values) -> Vec<Case<T>> {
    shapes().into_iter().zip(0..).map(|(shape, seed)| case(kind, seed, shape)).collect()
}

fn assert_contract<T: Real, A: Arithmetic<T>>(rounding: Rounding) {
    for verb in VERBS {
        for kind in [Values::Tame, Values::Wild] {
            let difference = first_difference::<T, A>(verb, rounding, contract, &cases(kind));
            assert_eq!(difference, None);
        }
    }
}

#[test]
fn inference_keeps_the_contract() {
    assert_contract::<f32, Inference>(Rounding::Twice);
    assert_contract::<f64, Inference>(Rounding::Twice);
}

#[test]
#[cfg(feature = "std")]
fn training_keeps_the_contract() {
    assert_contract::<f32, Training>(Rounding::Once);
    assert_contract::<f64, Training>(Rounding::Once);
}

/// Every sum taken from its other end.
fn reversed<T: Real>(verb: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let mut case = case.clone();
    match verb {
        Verb::Affine | Verb::Readout => {
            case.x.iter_mut().for_each(|x| x.reverse());
            case.w.iter_mut().flatten().for_each(|row| row.reverse());
        }
        Verb::TransposeMultiply => {
            case.w[0].reverse();
            case.d.reverse();
        }
        Verb::Outer => {
            case.d.iter_mut().chain(&mut case.x[0]).for_each(|row| row.reverse());
        }
    }
    contract(verb, rounding, &case)
}

/// The other rounding.
fn other_rounding<T: Real>(verb: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let other = if rounding == Rounding::Once { Rounding::Twice } else { Rounding::Once };
    contract(verb, other, case)
}

/// The bias added last where it comes first, and first where it comes last.
fn bias_elsewhere<T: Real>(verb: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let without = Case { bias: vec![], ..case.clone() };
    let mut out = contract(verb, rounding, &without);
    for (row, &b) in out.iter_mut().zip(&case.bias) {
        row.iter_mut().for_each(|v| *v += b);
    }
    out
}

/// h before x.
fn state_first<T: Real>(verb: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let mut case = case.clone();
    case.w.reverse();
    case.x.reverse();
    contract(verb, rounding, &case)
}

/// A readout that sums in order instead of interleaved.
fn sequential<T: Real>(_: Verb, rounding: Rounding, case: &Case<T>) -> Matrix<T> {
    let products = [(&case.w[0], &case.x[0])];
    reference::affine(rounding, &case.bias, &products, case.rows, case.batch)
}

fn assert_wrong_orders_are_caught<T: Real, A: Arithmetic<T>>(rounding: Rounding) {
    let cases = cases(Values::Tame);
    let caught =
        |verb, judge| first_difference::<T, A>(verb, rounding, judge, &cases[4..]).is_some();
    for verb in VERBS {
        assert!(caught(verb, reversed), "reversed {verb:?}");
        assert!(caught(verb, other_rounding), "rounding of {verb:?}");
    }
    assert!(caught(Verb::Affine, bias_elsewhere));
    assert!(caught(Verb::Affine, state_first));
    assert!(caught(Verb::Readout, sequential));
}

#[test]
fn the_checker_catches_wrong_orders() {
    assert_wrong_orders_are_caught::<f32, Inference>(Rounding::Twice);
    assert_wrong_orders_are_caught::<f64, Inference>(Rounding::Twice);
    #[cfg(feature = "std")]
    assert_wrong_orders_are_caught::<f32, Training>(Rounding::Once);
}

/// Compares an activation over 100,000 bit patterns with its formula over a given tanh.
fn assert_activations<T: Real, A: Arithmetic<T>>(from_bits: fn(u64) -> T, tanh: fn(T) -> T) {
    let mut random = SplitMix64::new(5);
    let mut z: Vec<T> = (0..50_000).map(|_| from_bits(random.next_u64())).collect();
    z.extend((0..50_001).map(|_| T::from_f64(random.uniform() * 24.0 - 12.0)));
    let half = T::from_f64(0.5);
    let formulas: [(Activation, &dyn Fn(T) -> T); 3] = [
        (Activation::Tanh, &|z| tanh(z)),
        (Activation::Sigmoid, &|z| half + half * tanh(half * z)),
        (Activation::Relu, &|z| if z > T::ZERO { z } else { T::ZERO }),
    ];
    for (activation, formula) in formulas {
        let mut h = z.clone();
        A::activate(activation, &mut h);
        for (&z, h) in z.iter().zip(h) {
            assert_eq!(h.bits(), formula(z).bits(), "{activation:?} of {z:?} is {h:?}");
        }
    }
}

#[test]
fn activations_are_the_stated_ones() {
    assert_activations::<f32, Inference>(|bits| f32::from_bits(bits as u32), approx::tanh_table);
    assert_activations::<f64, Inference>(f64::from_bits, Scalar::tanh);
    #[cfg(feature = "std")]
    {
        let tanh = approx::tanh_rational;
        assert_activations::<f32, Training>(|bits| f32::from_bits(bits as u32), tanh);
        assert_activations::<f64, Training>(f64::from_bits, Scalar::tanh);
    }
}
