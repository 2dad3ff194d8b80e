//! The seam for speed: the few verbs that cells are built from.
//!
//! Matrices are column-major. Activations are matrices whose columns are the samples of a batch;
//! a device has one column. The order of operations is part of every verb's contract, so that each
//! implementation gives the same bits:
//!
//! - every output is its own accumulator; it starts with the bias (or with what it holds) and takes
//!   the products in the order of the inputs, x first, then h;
//! - a readout of fewer than [`FEW`] outputs adds its products in [`PARTIALS`] interleaved partial
//!   sums, folded by halves: ((p_0 + p_8) + (p_4 + p_12)) + ..., and the bias joins at the end;
//! - sums over time and batch run over the columns in order.
//!
//! [`Inference`] rounds each product before it is added; `Training` (feature `std`) fuses them.

mod portable;
#[cfg(feature = "std")]
mod training;

use crate::activation::Activation;
use crate::scalar::Scalar;

/// Below this number of outputs a readout takes the interleaved order.
pub const FEW: usize = 8;
/// Number of interleaved partial sums of such a readout.
pub const PARTIALS: usize = 16;

/// A factor of a product W X: W is rows x `inputs`, X is `inputs` x batch, both column-major.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, T> {
    /// W, rows x inputs.
    pub w: &'a [T],
    /// X, inputs x batch.
    pub x: &'a [T],
    /// Columns of W, rows of X.
    pub inputs: usize,
}

impl<T> Product<'_, T> {
    /// No product at all.
    pub const NONE: Self = Product { w: &[], x: &[], inputs: 0 };
}

/// A way to multiply, add and squash. The cells are written once, over this.
pub trait Arithmetic<T: Scalar> {
    /// out = b 1^T + W_1 X_1 + W_2 X_2; `out` is rows x batch, an empty `bias` counts as zeros.
    fn affine(
        out: &mut [T],
        rows: usize,
        bias: &[T],
        first: Product<'_, T>,
        second: Product<'_, T>,
    );

    /// out = b 1^T + W X in the order for few outputs.
    fn readout(out: &mut [T], rows: usize, bias: &[T], product: Product<'_, T>);

    /// out += W^T D: W is rows x cols, D is rows x batch, `out` is cols x batch.
    fn transpose_multiply(out: &mut [T], w: &[T], rows: usize, cols: usize, d: &[T]);

    /// W += D X^T: D is rows x n, X is cols x n, W is rows x cols.
    fn outer(w: &mut [T], d: &[T], rows: usize, x: &[T], cols: usize);

    /// z = sigma(z).
    fn activate(activation: Activation, z: &mut [T]);
}

/// The device's arithmetic: products are rounded, then added.
#[derive(Clone, Copy, Debug)]
pub struct Inference;

/// The trainer's arithmetic: fused multiply-add, chosen for the machine at run time.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Training;

/// acc + a b, rounded once or twice.
trait MultiplyAdd<T> {
    fn multiply_add(acc: T, a: T, b: T) -> T;
}

impl<T: Scalar> MultiplyAdd<T> for Inference {
    #[inline(always)]
    fn multiply_add(acc: T, a: T, b: T) -> T {
        acc + a * b
    }
}

#[cfg(feature = "std")]
impl<T: Scalar> MultiplyAdd<T> for Training {
    #[inline(always)]
    fn multiply_add(acc: T, a: T, b: T) -> T {
        T::fused(a, b, acc)
    }
}

/// Folds the partial sums of a readout by halves.
#[inline(always)]
fn fold<T: Scalar>(mut p: [T; PARTIALS]) -> T {
    for i in 0..8 {
        p[i] += p[i + 8];
    }
    for i in 0..4 {
        p[i] += p[i + 4];
    }
    for i in 0..2 {
        p[i] += p[i + 2];
    }
    p[0] + p[1]
}

/// s_i += sum_n d_in over the columns of D (rows x n): a bias's gradient, the same in both arithmetics.
#[inline]
pub fn add_columns<T: Scalar>(sum: &mut [T], d: &[T]) {
    for column in d.chunks_exact(sum.len().max(1)) {
        for (s, &v) in sum.iter_mut().zip(column) {
            *s += v;
        }
    }
}
