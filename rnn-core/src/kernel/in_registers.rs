//! The form of either arithmetic for one sample at a time on an x86-64 host: lanes over the outputs, as
//! many outputs at once as there are registers, whole steps of the cells without a stop in memory.
#![allow(unsafe_code)]

#[cfg(test)]
mod tests;

use core::arch::x86_64::{__m256, __m512};
use core::marker::PhantomData;

use super::blocks::{Lanewise, Rows, accumulate, start, store};
use super::form::Form;
use super::vector::Vector;
use super::{Arithmetic, Columns, Inference, Product, Work, readout, steps};
use crate::activation::Activation;
use crate::elman::ElmanRef;
use crate::gru::GruRef;
use crate::lstm::LstmRef;

/// An arithmetic in either width of vectors.
pub(super) trait Widths: Lanewise<__m512> + Lanewise<__m256> {}

impl<K: Lanewise<__m512> + Lanewise<__m256>> Widths for K {}

/// Runs `work` in K's chosen form.
#[inline(always)]
pub(super) fn run<K: Widths, W: Work<f32>>(work: &mut W) -> W::Output {
    // Inlined steps are slow where nothing is optimised.
    let sizes = W::KNOWS_SIZES && !cfg!(debug_assertions);
    match (Form::chosen(), sizes) {
        // SAFETY: a form is chosen only where the processor has its instructions; so below.
        (Form::Avx512, true) => unsafe { run_avx512::<K, W, true>(work) },
        (Form::Avx512, false) => unsafe { run_avx512::<K, W, false>(work) },
        (Form::Avx2, true) => unsafe { run_avx2::<K, W, true>(work) },
        (Form::Avx2, false) => unsafe { run_avx2::<K, W, false>(work) },
        (Form::Portable, _) => run_portable::<K, W>(work),
    }
}

/// See [`Scalar::run_inference`](crate::scalar::Scalar::run_inference).
#[inline(always)]
pub(crate) fn run_inference<W: Work<f32>>(work: &mut W) -> W::Output {
    run::<Inference, W>(work)
}

#[inline(never)]
fn run_portable<K: Widths, W: Work<f32>>(work: &mut W) -> W::Output {
    work.run::<K>()
}

#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<K: Widths, W: Work<f32>, const SIZES: bool>(work: &mut W) -> W::Output {
    work.run::<InRegisters<K, __m512, SIZES>>()
}

#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Widths, W: Work<f32>, const SIZES: bool>(work: &mut W) -> W::Output {
    work.run::<InRegisters<K, __m256, SIZES>>()
}

/// K on vectors V. With SIZES the steps become part of what runs them, for sizes that the compiler
/// knows there; else they are compiled once for all networks.
struct InRegisters<K, V, const SIZES: bool>(PhantomData<(K, V)>);

/// What is compiled once for all networks.
///
/// # Safety
/// All functions: the processor has the vectors' instructions.
#[allow(clippy::missing_safety_doc)] // As the trait says.
trait Once<V> {
    unsafe fn elman(cell: ElmanRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    unsafe fn gru(cell: GruRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    unsafe fn lstm(cell: LstmRef<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]);
    /// See [`Arithmetic::affine`].
    unsafe fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    );
    /// See [`readout::few_outputs`].
    unsafe fn few_outputs(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        w: &[f32],
        x: &[f32],
        inputs: usize,
    );
}

macro_rules! once {
    ($vector:ty, $features:literal, $($step:ident: $cell:ident),*) => {
        impl<K: Lanewise<$vector>> Once<$vector> for K {
            $(#[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn $step(cell: $cell<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
                unsafe { steps::$step::<K, $vector>(cell, x, memory) }
            })*

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn affine(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                first: Product<'_, f32>,
                second: Product<'_, f32>,
            ) {
                unsafe { affine::<K, $vector, 8>(out, rows, bias, first, second) }
            }

            #[inline(never)]
            #[target_feature(enable = $features)]
            unsafe fn few_outputs(
                out: &mut [f32],
                rows: usize,
                bias: &[f32],
                w: &[f32],
                x: &[f32],
                inputs: usize,
            ) {
                unsafe { readout::few_outputs::<K, $vector>(out, rows, bias, w, x, inputs) }
            }
        }
    };
}

once!(__m512, "avx512f,avx2,fma", elman: ElmanRef, gru: GruRef, lstm: LstmRef);
once!(__m256, "avx2,fma", elman: ElmanRef, gru: GruRef, lstm: LstmRef);

macro_rules! steps {
    ($($step:ident: $cell:ident),*) => {
        $(#[inline(always)]
        fn $step(cell: $cell<'_, f32>, x: Columns<'_, f32>, memory: &mut [f32]) {
            // SAFETY: see below.
            unsafe {
                if SIZES {
                    steps::$step::<K, V>(cell, x, memory);
                } else {
                    <K as Once<V>>::$step(cell, x, memory);
                }
            }
        })*
    };
}

// SAFETY of all the blocks below: a form is private to this file and runs only in the function that
// was compiled for its instruction set; pointers stay within the slices that they come from.
impl<K: Lanewise<V> + Once<V>, V: Vector, const SIZES: bool> Arithmetic<f32>
    for InRegisters<K, V, SIZES>
{
    steps!(elman: ElmanRef, gru: GruRef, lstm: LstmRef);

    #[inline(always)]
    fn affine(
        out: &mut [f32],
        rows: usize,
        bias: &[f32],
        first: Product<'_, f32>,
        second: Product<'_, f32>,
    ) {
        if K::BATCHED && out.len() > rows {
            return <K as Arithmetic<f32>>::affine(out, rows, bias, first, second);
        }
        // SAFETY: see above.
        unsafe { <K as Once<V>>::affine(out, rows, bias, first, second) }
    }

    #[inline(always)]
    fn readout(out: &mut [f32], rows: usize, bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
        if rows > K::INTERLEAVED {
            let product = Product::new(w, x, inputs);
            return <Self as Arithmetic<f32>>::affine(out, rows, bias, product, Product::NONE);
        }
        // SAFETY: see above.
        unsafe {
            if SIZES {
                readout::few_outputs::<K, V>(out, rows, bias, w, x, inputs);
            } else {
                K::few_outputs(out, rows, bias, w, x, inputs);
            }
        }
    }

    #[inline(always)]
    fn transpose_multiply(out: &mut [f32], w: &[f32], rows: usize, cols: usize, d: &[f32]) {
        K::transpose_multiply(out, w, rows, cols, d);
    }

    #[inline(always)]
    fn outer(w: &mut [f32], d: &[f32], rows: usize, x: Columns<'_, f32>, cols: usize) {
        K::outer(w, d, rows, x, cols);
    }

    #[inline(always)]
    fn activate(activation: Activation, z: &mut [f32]) {
        // SAFETY: see above.
        unsafe { each::<K, V>(activation, z) }
    }

    #[inline(always)]
    fn tanh(x: f32) -> f32 {
        K::tanh(x)
    }
}

/// See [`Arithmetic::affine`]; up to MOST vectors of outputs are summed at once.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn affine<K: Lanewise<V>, V: Vector, const MOST: usize>(
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
                    _ if left >= MOST => block::<K, V, MOST>(column, row, bias, products),
                    4.. => block::<K, V, 4>(column, row, bias, products),
                    2.. => block::<K, V, 2>(column, row, bias, products),
                    _ => block::<K, V, 1>(column, row, bias, products),
                }
            };
        }
    }
}

/// The outputs of `column` from `row` on, up to N vectors of them; returns how many.
///
/// # Safety
/// As for [`Vector`]; more than N - 1 vectors of outputs are left.
#[inline(always)]
unsafe fn block<K: Lanewise<V>, V: Vector, const N: usize>(
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
            rows_of::<K, V, N>(column, row, bias, products, None);
        } else {
            let part = V::mask(lanes - (N - 1) * V::LANES);
            rows_of::<K, V, N>(column, row, bias, products, Some(part));
        }
        lanes
    }
}

/// N vectors of outputs of `column` from `row` on.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant exist.
#[inline(always)]
unsafe fn rows_of<K: Lanewise<V>, V: Vector, const N: usize>(
    column: &mut [f32],
    row: usize,
    bias: &[f32],
    products: [Product<'_, f32>; 2],
    part: Option<V::Mask>,
) {
    unsafe {
        let mut acc = [start::<V, N>(bias, row, part)];
        for Product { w, x, .. } in products {
            accumulate::<K, _, _, _>(&mut acc, [Rows { w, of: column.len(), from: row }], x, part);
        }
        let [acc] = acc;
        store(acc, column.as_mut_ptr().add(row), part);
    }
}

/// z = sigma(z).
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn each<K: Lanewise<V>, V: Vector>(activation: Activation, z: &mut [f32]) {
    unsafe {
        let mut vectors = z.chunks_exact_mut(V::LANES);
        for z in &mut vectors {
            let [h] = K::sigma(activation, [V::load(z.as_ptr())]);
            h.store(z.as_mut_ptr());
        }
        let rest = vectors.into_remainder();
        if !rest.is_empty() {
            let mask = V::mask(rest.len());
            let [h] = K::sigma(activation, [V::load_part(rest.as_ptr(), mask)]);
            h.store_part(rest.as_mut_ptr(), mask);
        }
    }
}
