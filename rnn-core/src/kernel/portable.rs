//! The portable kernels, which define the truth, in a form that can't panic: dimensions are run-time
//! values, so pieces are taken with iterators and `first_chunk`, never by index.

use core::array::from_fn;

use super::{Arithmetic, Columns, EachUnit, Inference, MultiplyAdd, PARTIALS, Product, Work, fold};
use crate::activation::Activation;
use crate::scalar::Scalar;

impl<T: Scalar> Arithmetic<T> for Inference {
    #[inline(always)]
    fn run<W: Work<T>>(work: &mut W) -> W::Output {
        T::run_inference(work)
    }

    #[inline(never)]
    fn affine(
        out: &mut [T],
        rows: usize,
        bias: &[T],
        first: Product<'_, T>,
        second: Product<'_, T>,
    ) {
        let (mut first, mut second) = (first, second);
        for column in out.chunks_exact_mut(rows.max(1)) {
            let (x_1, x_2);
            (x_1, first.x) = first.x.split(first.inputs, 1);
            (x_2, second.x) = second.x.split(second.inputs, 1);
            let first = Product { x: x_1, ..first };
            let second = Product { x: x_2, ..second };
            let row = panels::<T, 16>(column, 0, rows, bias, first, second);
            let row = panels::<T, 4>(column, row, rows, bias, first, second);
            panels::<T, 1>(column, row, rows, bias, first, second);
        }
    }

    #[inline(never)]
    fn readout(out: &mut [T], rows: usize, bias: &[T], w: &[T], x: &[T], inputs: usize) {
        let mut columns = x.chunks_exact(inputs.max(1));
        // No `zip`: compiled for size, it forgets that a chunk isn't empty and keeps a panic.
        for column in out.chunks_exact_mut(rows.max(1)) {
            let Some(x) = columns.next() else { break };
            for (row, o) in column.iter_mut().enumerate() {
                let mut partial = [T::ZERO; PARTIALS];
                let panels = w.chunks(rows.saturating_mul(PARTIALS).max(1));
                for (w, x) in panels.zip(x.chunks(PARTIALS)) {
                    let weights = w.get(row..).unwrap_or_default().iter().step_by(rows.max(1));
                    for ((p, &w), &x) in partial.iter_mut().zip(weights).zip(x) {
                        *p = Inference::multiply_add(*p, w, x);
                    }
                }
                *o = bias.get(row).copied().unwrap_or(T::ZERO) + fold(partial);
            }
        }
    }

    #[inline(never)]
    fn transpose_multiply(out: &mut [T], w: &[T], rows: usize, cols: usize, d: &[T]) {
        for (column, d) in out.chunks_exact_mut(cols.max(1)).zip(d.chunks_exact(rows.max(1))) {
            for (o, w) in column.iter_mut().zip(w.chunks_exact(rows.max(1))) {
                *o = w.iter().zip(d).fold(*o, |acc, (&w, &d)| Inference::multiply_add(acc, w, d));
            }
        }
    }

    #[inline(never)]
    fn outer(w: &mut [T], d: &[T], rows: usize, x: Columns<'_, T>, cols: usize) {
        let d = d.chunks_exact(rows.max(1));
        match x {
            Columns::Values(x) => {
                for (d, x) in d.zip(x.chunks_exact(cols.max(1))) {
                    for (w, &x) in w.chunks_exact_mut(rows.max(1)).zip(x) {
                        for (w, &d) in w.iter_mut().zip(d) {
                            *w = Inference::multiply_add(*w, d, x);
                        }
                    }
                }
            }
            Columns::Symbols(symbols) => {
                for (d, &symbol) in d.zip(symbols) {
                    let column = w.get_mut(usize::from(symbol).saturating_mul(rows)..);
                    for (w, &d) in column.unwrap_or_default().iter_mut().zip(d) {
                        *w += d;
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn activate(activation: Activation, z: &mut [T]) {
        activation.apply(z);
    }

    #[inline(always)]
    fn tanh(x: T) -> T {
        x.tanh()
    }
}

/// Computes the rows of one output column from `row` on, `L` at a time, as long as `L` are left;
/// returns the first row that is not done.
#[inline(always)]
fn panels<T: Scalar, const L: usize>(
    column: &mut [T],
    row: usize,
    rows: usize,
    bias: &[T],
    first: Product<'_, T>,
    second: Product<'_, T>,
) -> usize {
    let mut row = row;
    while let Some(out) = column.get_mut(row..).and_then(|o| o.first_chunk_mut::<L>()) {
        let start = bias.get(row..).and_then(|b| b.first_chunk::<L>());
        let mut acc = start.copied().unwrap_or([T::ZERO; L]);
        for product in [first, second] {
            let weights = product.w.get(row..).unwrap_or_default();
            match product.x {
                Columns::Values(x) => {
                    for (w, &x) in weights.chunks(rows.max(1)).zip(x) {
                        let Some(w) = w.first_chunk::<L>() else { break };
                        for (acc, &w) in acc.iter_mut().zip(w) {
                            *acc = Inference::multiply_add(*acc, w, x);
                        }
                    }
                }
                Columns::Symbols(symbols) => {
                    let symbol = symbols.first().map_or(usize::MAX, |&s| usize::from(s));
                    let column = weights.get(symbol.saturating_mul(rows)..);
                    if let Some(w) = column.and_then(|w| w.first_chunk::<L>()) {
                        acc.iter_mut().zip(w).for_each(|(acc, &w)| *acc += w);
                    }
                }
            }
        }
        *out = acc;
        row += L;
    }
    row
}

/// See [`Arithmetic::each_unit`]; where blocks are too short, only the columns that all have.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) fn each_unit<T, U, const G: usize, const M: usize, const K: usize>(
    hidden: usize,
    gates: &mut [T],
    mut written: [&mut [T]; M],
    read: [&[T]; K],
) where
    T: Scalar,
    U: EachUnit<G, M, K>,
{
    let columns = gates.len() / (G * hidden).max(1);
    let lengths = written.iter().map(|w| w.len()).chain(read.iter().map(|r| r.len()));
    let columns = lengths.map(|length| length / hidden.max(1)).fold(columns, usize::min);
    for column in 0..columns {
        for unit in 0..hidden {
            let (gate, at) = (column * G * hidden + unit, column * hidden + unit);
            // SAFETY: `columns` is at most the number of columns of each.
            unsafe {
                let (new_gates, new) = U::unit(
                    from_fn(|i| *gates.get_unchecked(gate + i * hidden)),
                    written.each_ref().map(|w| *w.get_unchecked(at)),
                    read.map(|r| *r.get_unchecked(at)),
                );
                for (i, new) in new_gates.into_iter().enumerate() {
                    *gates.get_unchecked_mut(gate + i * hidden) = new;
                }
                for (w, new) in written.iter_mut().zip(new) {
                    *w.get_unchecked_mut(at) = new;
                }
            }
        }
    }
}
