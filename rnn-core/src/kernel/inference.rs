//! The forms of [`Inference`] for `f32` on an x86-64 host, with the bits of the portable one: lanes
//! over the outputs, as many outputs at once as there are registers, products rounded before they
//! are added.
#![allow(unsafe_code)]

#[cfg(test)]
mod tests;

use core::arch::x86_64::{__m256, __m512};

use super::blocks::{Rows, accumulate, activate, start, store};
use super::steps;
use super::vector::Vector;
use super::{Arithmetic, Columns, Inference, PARTIALS, Product, Work, fold};
use crate::activation::Activation;
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;

/// Runs `work` in the fastest form.
#[inline(always)]
pub(crate) fn run<W: Work<f32>>(work: &mut W) -> W::Output {
    if has_avx512() {
        // SAFETY: the processor has what the function was compiled for.
        unsafe { run_avx512(work) }
    } else if has_avx2() {
        // SAFETY: as above.
        unsafe { run_avx2(work) }
    } else {
        run_portable(work)
    }
}

#[inline(never)]
fn run_portable<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Inference>()
}

/// Which form that is.
pub(super) fn form() -> &'static str {
    match (has_avx512(), has_avx2()) {
        (true, _) => "AVX-512",
        (false, true) => "AVX2",
        _ => "portable",
    }
}

#[inline]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
}

#[inline]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
}

#[target_feature(enable = "avx512f,avx2")]
fn run_avx512<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Avx512>()
}

#[target_feature(enable = "avx2")]
fn run_avx2<W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<Avx2>()
}

/// 16 lanes, 32 registers.
struct Avx512;
/// 8 lanes, 16 registers.
struct Avx2;

/// A form's vectors; the rest is the same code. The steps and the sums are compiled once for all
/// networks: the call costs less than the constants of a fixed size gain.
trait Form {
    /// The widest vectors.
    type Vector: Vector;

    /// # Safety
    /// The processor has the form's instruction set; so for all five.
    unsafe fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    /// See [`elman`](Self::elman).
    unsafe fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    /// See [`elman`](Self::elman).
    unsafe fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    /// See [`Arithmetic::affine`].
    unsafe fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    );
    /// See [`Arithmetic::readout`].
    unsafe fn readout(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        w: &[f32],
        x: &[f32],
        inputs: usize,
    );
}

macro_rules! form {
    ($form:ident, $vector:ty, $most:literal, $features:literal) => {
        impl Form for $form {
            type Vector = $vector;

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
                unsafe { steps::elman::<$vector>(cell, x, memory) }
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
                unsafe { steps::gru::<$vector>(cell, x, memory) }
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
                unsafe { steps::lstm::<$vector>(cell, x, memory) }
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn affine(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                first: Product<'_, f32>,
                second: Product<'_, f32>,
            ) {
                unsafe { affine::<$vector, $most>(out, rows, bias, first, second) }
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn readout(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                w: &[f32],
                x: &[f32],
                inputs: usize,
            ) {
                unsafe { readout::<$vector>(out, rows, bias, w, x, inputs) }
            }
        }
    };
}

form!(Avx512, __m512, 8, "avx512f,avx2");
form!(Avx2, __m256, 8, "avx2");

// SAFETY of all the blocks below: a form is private to this file and runs only in the function that
// was compiled for its instruction set; pointers stay within the slices that they come from.
impl<F: Form> Arithmetic<f32> for F {
    #[inline(always)]
    fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { <F as Form>::elman(cell, x, memory) }
    }

    #[inline(always)]
    fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { <F as Form>::gru(cell, x, memory) }
    }

    #[inline(always)]
    fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
        // SAFETY: see above.
        unsafe { <F as Form>::lstm(cell, x, memory) }
    }

    #[inline(always)]
    fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    ) {
        // SAFETY: see above.
        unsafe { <F as Form>::affine(out, rows, bias, first, second) }
    }

    #[inline(always)]
    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        // SAFETY: see above.
        unsafe { <F as Form>::readout(out, rows, bias, w, x, inputs) }
    }

    #[inline(always)]
    fn transpose_multiply(out: &mut [f32], w: &[f32], rows: usize, cols: usize, d: &[f32]) {
        Inference::transpose_multiply(out, w, rows, cols, d);
    }

    #[inline(always)]
    fn outer(w: &mut [f32], d: &[f32], rows: usize, x: Columns<'_, f32>, cols: usize) {
        Inference::outer(w, d, rows, x, cols);
    }

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        // SAFETY: see above.
        unsafe { each::<F::Vector>(activation, z) }
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        Inference::tanh(x)
    }
}

/// See [`Arithmetic::affine`]; up to MOST vectors of outputs are summed at once.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn affine<V: Vector, const MOST: usize>(
    out: &mut [f32],
    rows: usize,
    bias: &[f32],
    mut first: Product<'_, f32>,
    mut second: Product<'_, f32>,
) {
    // An empty bias counts as zeros, and so does one that is too short.
    let bias = bias.get(..rows).unwrap_or_default();
    for column in out.chunks_exact_mut(rows.max(1)) {
        let (x_1, x_2);
        (x_1, first.x) = first.x.split(first.inputs, 1);
        (x_2, second.x) = second.x.split(second.inputs, 1);
        let products = [Product { x: x_1, ..first }, Product { x: x_2, ..second }];
        let mut row = 0;
        while row < rows {
            let left = (rows - row).div_ceil(V::LANES);
            row += unsafe {
                match left {
                    _ if left >= MOST => block::<V, MOST>(column, row, bias, products),
                    4.. => block::<V, 4>(column, row, bias, products),
                    2.. => block::<V, 2>(column, row, bias, products),
                    _ => block::<V, 1>(column, row, bias, products),
                }
            };
        }
    }
}

/// See [`Arithmetic::readout`].
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn readout<V: Vector>(
    out: &mut [f32],
    rows: usize,
    bias: &[f32],
    w: &[f32],
    x: &[f32],
    inputs: usize,
) {
    let columns = out.chunks_exact_mut(rows.max(1)).zip(x.chunks_exact(inputs.max(1)));
    for (column, x) in columns {
        for (row, o) in column.iter_mut().enumerate() {
            let sum = fold(unsafe { partials::<V>(rows, row, w, x) });
            *o = bias.get(row).copied().unwrap_or(0.0) + sum;
        }
    }
}

/// The outputs of `column` from `row` on, up to N vectors of them; returns how many.
///
/// # Safety
/// As for [`Vector`]; more than N - 1 vectors of outputs are left.
#[inline(always)]
unsafe fn block<V: Vector, const N: usize>(
    column: &mut [f32],
    row: usize,
    bias: &[f32],
    products: [Product<'_, f32>; 2],
) -> usize {
    unsafe {
        let rows = column.len();
        let lanes = (rows - row).min(N * V::LANES);
        // Twice, so that whole vectors are loaded without a mask.
        if lanes == N * V::LANES {
            rows_of::<V, N>(column, row, bias, products, None);
        } else {
            let part = V::mask(lanes - (N - 1) * V::LANES);
            rows_of::<V, N>(column, row, bias, products, Some(part));
        }
        lanes
    }
}

/// N vectors of outputs of `column` from `row` on.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant exist.
#[inline(always)]
unsafe fn rows_of<V: Vector, const N: usize>(
    column: &mut [f32],
    row: usize,
    bias: &[f32],
    products: [Product<'_, f32>; 2],
    part: Option<V::Mask>,
) {
    unsafe {
        let mut acc = [start::<V, N>(bias, row, part)];
        for Product { w, x, .. } in products {
            accumulate(&mut acc, [Rows { w, of: column.len(), from: row }], x, part);
        }
        let [acc] = acc;
        store(acc, column.as_mut_ptr().add(row), part);
    }
}

/// The interleaved partial sums of row `row` of W x. Lanes beyond the last input add 0 to a sum that
/// isn't -0: nothing.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn partials<V: Vector>(rows: usize, row: usize, w: &[f32], x: &[f32]) -> [f32; PARTIALS] {
    let mut partial = [0.0; PARTIALS];
    let inputs = x.len().min(w.len() / rows);
    unsafe {
        for (lane, partial) in partial.chunks_exact_mut(V::LANES).enumerate() {
            let mut acc = V::splat(0.0);
            for j in (lane * V::LANES..inputs).step_by(PARTIALS) {
                let (w, x) = (w.as_ptr().add(j * rows + row), x.as_ptr().add(j));
                let product = if rows == 1 && inputs - j >= V::LANES {
                    V::load(w).mul(V::load(x))
                } else {
                    let mask = V::mask(inputs - j);
                    V::gather(w, rows, mask).mul(V::load_part(x, mask))
                };
                acc = acc.add(product);
            }
            acc.store(partial.as_mut_ptr());
        }
    }
    partial
}

/// z = sigma(z).
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn each<V: Vector>(activation: Activation, z: &mut [f32]) {
    unsafe {
        let mut vectors = z.chunks_exact_mut(V::LANES);
        for z in &mut vectors {
            activate(activation, V::load(z.as_ptr())).store(z.as_mut_ptr());
        }
        let rest = vectors.into_remainder();
        if !rest.is_empty() {
            let mask = V::mask(rest.len());
            let z = activate(activation, V::load_part(rest.as_ptr(), mask));
            z.store_part(rest.as_mut_ptr(), mask);
        }
    }
}
