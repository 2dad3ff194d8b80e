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
//!
//! One exception: the vectors of Helium take denormal numbers (below 2^-126) for zeros.

#[cfg(arm_fpu)]
mod arm;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod blocks;
#[cfg(feature = "std")]
mod form;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod in_registers;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod inference;
pub mod integer;
#[cfg(any(arm_fpu, arm_soft, test))]
mod one_column;
mod operands;
mod portable;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod readout;
#[cfg(any(arm_soft, test))]
#[cfg_attr(test, allow(dead_code))] // On a host some tests are all that has it.
mod soft;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod steps;
#[cfg(feature = "std")]
mod training;
#[cfg(arm_fpu)]
pub(crate) use arm::run as run_inference;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) use in_registers::run_inference;
#[cfg(arm_soft)]
pub(crate) use soft::run as run_inference;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod vector;

#[cfg(feature = "std")]
pub use form::Form;
pub use operands::{Columns, Outer, Product};
#[cfg(feature = "std")]
pub use training::multiply_adds_in_registers;

use core::ops::{Add, Mul, Sub};

use crate::activation::Activation;
use crate::cell::{block, neighbours};
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;
use crate::scalar::Scalar;

/// Below this number of outputs a readout takes the interleaved order.
pub const FEW: usize = 8;
/// Number of interleaved partial sums of such a readout.
pub const PARTIALS: usize = 16;

/// A loop over units, each by itself. `run` is `#[inline(always)]`: compiled as part of what calls it,
/// it takes the vectors that are enabled there.
pub trait Elementwise {
    /// The loop.
    fn run(self);
}

/// A number, or a vector of them: what elementwise work is written over.
pub trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// 1 in every lane.
    fn one() -> Self;
}

impl<T: Scalar> Lanes for T {
    #[inline(always)]
    fn one() -> Self {
        T::ONE
    }
}

/// What becomes of a unit of a cell with G gates: of its gates, of M numbers that are replaced, by
/// those and K others.
pub trait EachUnit<const G: usize, const M: usize, const K: usize> {
    /// The new gates and numbers. `#[inline(always)]`, without closures: compiled as part of what
    /// calls it.
    fn unit<V: Lanes>(gates: [V; G], written: [V; M], read: [V; K]) -> ([V; G], [V; M]);
}

/// Something to be computed in whichever form of an arithmetic is the fastest here.
pub trait Work<T: Scalar> {
    /// What comes out.
    type Output;
    /// Whether the sizes are constants in `run`, so that a host's forms are compiled for them.
    const KNOWS_SIZES: bool = false;
    /// Computes it, once, in the form `A`; `#[inline(always)]` where it is to take the caller's vectors.
    /// (By reference: a copy made on the way would be read in wider pieces than it was written in, and
    /// such a load waits for all that precedes it, 20 ns.)
    fn run<A: Arithmetic<T>>(&mut self) -> Self::Output;
}

/// A way to multiply, add and squash. The cells are written once, over this.
pub trait Arithmetic<T: Scalar> {
    /// Runs `work` in the fastest form of this arithmetic; every form gives the same bits. The choice
    /// costs about a nanosecond, so it is made once per step.
    #[inline(always)]
    fn run<W: Work<T>>(work: &mut W) -> W::Output
    where
        Self: Sized,
    {
        work.run::<Self>()
    }

    /// One step of an Elman cell; a form may keep it in registers instead of taking verb after verb.
    #[inline(always)]
    fn elman(cell: ElmanRef<'_, T>, x: Columns<'_, T>, memory: &mut [T])
    where
        Self: Sized,
    {
        cell.step_by_verbs::<Self>(x, memory);
    }

    /// The same for a GRU.
    #[inline(always)]
    fn gru(cell: GruRef<'_, T>, x: Columns<'_, T>, memory: &mut [T])
    where
        Self: Sized,
    {
        cell.step_by_verbs::<Self>(x, memory);
    }

    /// The same for an LSTM cell.
    #[inline(always)]
    fn lstm(cell: LstmRef<'_, T>, x: Columns<'_, T>, memory: &mut [T])
    where
        Self: Sized,
    {
        cell.step_by_verbs::<Self>(x, memory);
    }

    /// out = b 1^T + W_1 X_1 + W_2 X_2; `out` is rows x batch, an empty `bias` counts as zeros.
    fn affine(
        out: &mut [T],
        rows: usize,
        bias: &[T],
        first: Product<'_, T>,
        second: Product<'_, T>,
    );

    /// out = b 1^T + W X in the order for few outputs; in training for one, several take the order
    /// of [`affine`](Self::affine).
    fn readout(out: &mut [T], rows: usize, bias: &[T], w: &[T], x: &[T], inputs: usize);

    /// W in the form that [`transpose_multiply`](Self::transpose_multiply) takes, made once per
    /// sequence in `space` of [`transposed_len`](Self::transposed_len) values; W is rows x cols. W
    /// itself, unless a form has another.
    #[inline(always)]
    fn transposed<'a>(w: &'a [T], _rows: usize, _cols: usize, _space: &'a mut [T]) -> &'a [T] {
        w
    }

    /// Values of space that [`transposed`](Self::transposed) needs.
    #[inline(always)]
    fn transposed_len(_rows: usize, _cols: usize) -> usize {
        0
    }

    /// out += W^T D with W from [`transposed`](Self::transposed): W is rows x cols, D is
    /// rows x batch, `out` is cols x batch.
    fn transpose_multiply(out: &mut [T], w: &[T], rows: usize, cols: usize, d: &[T]);

    /// out = D + W_1^T D_1 + W_2^T D_2, one after the other, or out += that where something is `held`;
    /// the products hold W from [`transposed`](Self::transposed), D_i, and W's rows as their inputs.
    #[inline(always)]
    fn backward_both(
        out: &mut [T],
        held: bool,
        cols: usize,
        d: &[T],
        first: Product<'_, T>,
        second: Product<'_, T>,
    ) {
        for (out, &d) in out.iter_mut().zip(d) {
            *out = if held { *out + d } else { d };
        }
        for Product { w, x, inputs } in [first, second] {
            if let Columns::Values(d) = x {
                Self::transpose_multiply(out, w, inputs, cols, d);
            }
        }
    }

    /// A layer: [`affine`](Self::affine), then sigma where there is one.
    #[inline(always)]
    fn layer(
        out: &mut [T],
        rows: usize,
        bias: &[T],
        first: Product<'_, T>,
        second: Product<'_, T>,
        activation: Option<Activation>,
    ) {
        Self::affine(out, rows, bias, first, second);
        if let Some(activation) = activation {
            Self::activate(activation, out);
        }
    }

    /// [`transpose_multiply`](Self::transpose_multiply), onto zeros where nothing is `held`, then
    /// dL/dz = dL/dh sigma'(z) on the sum, with sigma' from h, where there is a sigma.
    #[inline(always)]
    fn backward(
        out: &mut [T],
        held: bool,
        w: &[T],
        rows: usize,
        cols: usize,
        d: &[T],
        activation: Option<(Activation, &[T])>,
    ) {
        if !held {
            out.fill(T::ZERO);
        }
        Self::transpose_multiply(out, w, rows, cols, d);
        if let Some((activation, h)) = activation {
            activation.backward(h, out);
        }
    }

    /// Layers that read one another: every block of `h` (hidden x batch) but the first becomes
    /// sigma(b 1^T + W_x x_t + W h_{t-1}), one after the other; `input` has a block for each.
    #[inline(always)]
    fn recur(
        h: &mut [T],
        hidden: usize,
        batch: usize,
        bias: &[T],
        input: Product<'_, T>,
        w: &[T],
        activation: Activation,
    ) {
        recur_by_layers(h, hidden, batch, input, w, |h, input, state| {
            Self::layer(h, hidden, bias, input, state, Some(activation));
        });
    }

    /// The way back: every block of `d` but the last goes through [`backward`](Self::backward) of the
    /// one behind it, from the last to the first; `h` has a block for each.
    #[inline(always)]
    fn recur_backward(
        d: &mut [T],
        held: bool,
        w: &[T],
        hidden: usize,
        batch: usize,
        activation: Activation,
        h: &[T],
    ) {
        recur_backward_by_layers(d, hidden * batch, h, |d_prev, d, h| {
            Self::backward(d_prev, held, w, hidden, hidden, d, Some((activation, h)));
        });
    }

    /// The gradients of [`affine`](Self::affine)'s tensors: b += D 1, W_1 += D X_1^T,
    /// W_2 += D X_2^T; an empty `bias` is left alone.
    #[inline(always)]
    fn affine_backward(
        d: &[T],
        rows: usize,
        bias: &mut [T],
        first: Outer<'_, T>,
        second: Outer<'_, T>,
    ) {
        Self::outer(first.w, d, rows, first.x, first.inputs);
        Self::outer(second.w, d, rows, second.x, second.inputs);
        if !bias.is_empty() {
            add_columns(bias, d);
        }
    }

    /// W += D X^T: D is rows x n, X is cols x n, W is rows x cols.
    fn outer(w: &mut [T], d: &[T], rows: usize, x: Columns<'_, T>, cols: usize);

    /// Whether `x` is all zeros and products with it may be left out; always `false` where every step
    /// is to take the same time.
    #[inline(always)]
    fn is_zero(_x: &[T]) -> bool {
        false
    }

    /// z = sigma(z).
    fn activate(activation: Activation, z: &mut [T]);

    /// U on every unit of every column: the G gates of `gates` (G H x B) with the same unit of the
    /// blocks `written` and `read` (H x B each).
    #[inline(always)]
    fn each_unit<U: EachUnit<G, M, K>, const G: usize, const M: usize, const K: usize>(
        hidden: usize,
        gates: &mut [T],
        written: [&mut [T]; M],
        read: [&[T]; K],
    ) {
        portable::each_unit::<T, U, G, M, K>(hidden, gates, written, read);
    }

    /// Runs an elementwise loop in vectors as wide as the machine's.
    #[inline(always)]
    fn wide(work: impl Elementwise) {
        work.run();
    }

    /// tanh of one number, the one that [`activate`](Self::activate) uses.
    fn tanh(x: T) -> T;
}

/// [`Arithmetic::recur`] by the layers that are given: h_t, the inputs' product and the state's.
#[inline(always)]
fn recur_by_layers<T: Scalar>(
    h: &mut [T],
    hidden: usize,
    batch: usize,
    input: Product<'_, T>,
    w: &[T],
    layer: impl Fn(&mut [T], Product<'_, T>, Product<'_, T>),
) {
    let units = hidden * batch;
    let Product { mut x, inputs, .. } = input;
    for t in 1..h.len() / units.max(1) {
        let (h_prev, h_t) = neighbours(h, t, units);
        let x_t;
        (x_t, x) = x.split(inputs, batch);
        layer(h_t, Product { x: x_t, ..input }, Product::new(w, h_prev, hidden));
    }
}

/// [`Arithmetic::recur_backward`] by the layers that are given: dL/dz_{t-1}, dL/dz_t, h_{t-1}.
#[inline(always)]
fn recur_backward_by_layers<T: Scalar>(
    d: &mut [T],
    units: usize,
    h: &[T],
    layer: impl Fn(&mut [T], &[T], &[T]),
) {
    for t in (1..d.len() / units.max(1)).rev() {
        let (d_prev, d_t) = neighbours(d, t, units);
        layer(d_prev, d_t, block(h, t - 1, units));
    }
}

/// The device's arithmetic: products are rounded, then added.
///
/// Its verbs are the portable ones; on an x86-64 host and on a Cortex-M [`run`](Arithmetic::run) knows
/// faster forms, or smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Inference;

/// The name of the form in which [`Inference`] runs on `f32` here.
pub fn inference_form() -> &'static str {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return Form::chosen().name();
    #[cfg(arm_fpu)]
    return arm::form();
    #[cfg(arm_soft)]
    return "soft f32";
    #[cfg(not(any(arm_fpu, arm_soft, all(feature = "std", target_arch = "x86_64"))))]
    return "portable";
}

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
    // A single sum stays in a register.
    if let [sum] = sum {
        *sum = d.iter().fold(*sum, |sum, &v| sum + v);
        return;
    }
    for column in d.chunks_exact(sum.len().max(1)) {
        for (s, &v) in sum.iter_mut().zip(column) {
            *s += v;
        }
    }
}
