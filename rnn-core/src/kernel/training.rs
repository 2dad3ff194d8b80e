//! The trainer's kernels: blocks of outputs times columns of a batch in registers, written once and
//! compiled for each instruction set of the host. Every form gives the same bits: a fused
//! multiply-add has one correct result, and the order is the seam's.

use super::{Arithmetic, Columns, MultiplyAdd, PARTIALS, Product, Training, fold};
use crate::activation::Activation;
use crate::scalar::Scalar;

/// Outputs per block, one vector register of AVX-512 or two of AVX2.
const LANES: usize = 16;
/// Columns of a batch per block.
const COLUMNS: usize = 4;

/// Makes each verb's dispatcher: the body below, compiled for what the machine turns out to have.
macro_rules! dispatch {
    ($($verb:ident($($arg:ident: $type:ty),*);)*) => {
        impl<T: Scalar> Arithmetic<T> for Training {
            $(fn $verb($($arg: $type),*) {
                #[cfg(target_arch = "x86_64")]
                {
                    if std::is_x86_feature_detected!("avx512f") {
                        // SAFETY: the processor has what the function was compiled for.
                        #[allow(unsafe_code)]
                        return unsafe { avx512::$verb($($arg),*) };
                    }
                    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                        // SAFETY: as above.
                        #[allow(unsafe_code)]
                        return unsafe { avx2::$verb($($arg),*) };
                    }
                }
                $verb($($arg),*)
            })*

            fn wide<R>(work: impl FnOnce() -> R) -> R {
                #[cfg(target_arch = "x86_64")]
                {
                    if std::is_x86_feature_detected!("avx512f") {
                        // SAFETY: the processor has what the function was compiled for.
                        #[allow(unsafe_code)]
                        return unsafe { avx512::wide(work) };
                    }
                    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                        // SAFETY: as above.
                        #[allow(unsafe_code)]
                        return unsafe { avx2::wide(work) };
                    }
                }
                work()
            }

            fn transposed<'a>(w: &'a [T], rows: usize, cols: usize, space: &'a mut [T]) -> &'a [T] {
                let space = &mut space[..rows * cols];
                for (row, out) in space.chunks_exact_mut(cols.max(1)).enumerate() {
                    for (out, w) in out.iter_mut().zip(w.chunks_exact(rows)) {
                        *out = w[row];
                    }
                }
                space
            }

            fn transposed_len(rows: usize, cols: usize) -> usize {
                rows * cols
            }

            fn is_zero(x: &[T]) -> bool {
                x.iter().all(|&x| x == T::ZERO)
            }

            #[inline(always)]
            fn tanh(x: T) -> T {
                x.tanh_training()
            }
        }
        #[cfg(target_arch = "x86_64")]
        mod avx512 {
            use super::*;
            #[target_feature(enable = "avx512f,avx2,fma")]
            pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
            $(#[target_feature(enable = "avx512f,avx2,fma")]
            pub(super) fn $verb<T: Scalar>($($arg: $type),*) {
                super::$verb($($arg),*)
            })*
        }
        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            use super::*;
            #[target_feature(enable = "avx2,fma")]
            pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
                work()
            }
            $(#[target_feature(enable = "avx2,fma")]
            pub(super) fn $verb<T: Scalar>($($arg: $type),*) {
                super::$verb($($arg),*)
            })*
        }
    };
}

dispatch! {
    affine(out: &mut [T], rows: usize, bias: &[T], first: Product<'_, T>, second: Product<'_, T>);
    readout(out: &mut [T], rows: usize, bias: &[T], w: &[T], x: &[T], inputs: usize);
    transpose_multiply(out: &mut [T], w: &[T], rows: usize, cols: usize, d: &[T]);
    outer(w: &mut [T], d: &[T], rows: usize, x: Columns<'_, T>, cols: usize);
    activate(activation: Activation, z: &mut [T]);
}

#[inline(always)]
fn affine<T: Scalar>(
    out: &mut [T],
    rows: usize,
    bias: &[T],
    first: Product<'_, T>,
    second: Product<'_, T>,
) {
    let batch = out.len() / rows.max(1);
    for row in (0..rows).step_by(LANES) {
        let lanes = LANES.min(rows - row);
        let mut start = [T::ZERO; LANES];
        if !bias.is_empty() {
            start[..lanes].copy_from_slice(&bias[row..row + lanes]);
        }
        for column in (0..batch).step_by(COLUMNS) {
            let columns = COLUMNS.min(batch - column);
            let mut acc = [start; COLUMNS];
            for product in [first, second] {
                accumulate(&mut acc, product, rows, row, lanes, column, columns);
            }
            for (c, acc) in acc.iter().enumerate().take(columns) {
                out[(column + c) * rows + row..][..lanes].copy_from_slice(&acc[..lanes]);
            }
        }
    }
}

/// acc += W[row..row + lanes, :] X[:, column..column + columns], inputs in order.
#[inline(always)]
fn accumulate<T: Scalar>(
    acc: &mut [[T; LANES]; COLUMNS],
    product: Product<'_, T>,
    rows: usize,
    row: usize,
    lanes: usize,
    column: usize,
    columns: usize,
) {
    let Product { w, x, inputs } = product;
    if inputs == 0 {
        return;
    }
    let x = match x {
        Columns::Values(x) => x,
        Columns::Symbols(symbols) => {
            for (acc, &symbol) in acc.iter_mut().zip(&symbols[column..column + columns]) {
                if usize::from(symbol) < inputs {
                    let w = load(&w[usize::from(symbol) * rows + row..], lanes);
                    acc.iter_mut().zip(w).for_each(|(acc, w)| *acc += w);
                }
            }
            return;
        }
    };
    // A missing column repeats the last one and is not stored.
    let x: [&[T]; COLUMNS] =
        core::array::from_fn(|c| &x[(column + c.min(columns - 1)) * inputs..][..inputs]);
    let mut local = *acc;
    for k in 0..inputs {
        let w = load(&w[k * rows + row..], lanes);
        for (acc, x) in local.iter_mut().zip(x) {
            let x = x[k];
            for (acc, &w) in acc.iter_mut().zip(&w) {
                *acc = Training::multiply_add(*acc, w, x);
            }
        }
    }
    *acc = local;
}

/// `lanes` values, the rest zeros.
#[inline(always)]
fn load<T: Scalar>(from: &[T], lanes: usize) -> [T; LANES] {
    if lanes == LANES
        && let Some(whole) = from.first_chunk()
    {
        return *whole;
    }
    let mut part = [T::ZERO; LANES];
    part[..lanes].copy_from_slice(&from[..lanes]);
    part
}

#[inline(always)]
fn readout<T: Scalar>(out: &mut [T], rows: usize, bias: &[T], w: &[T], x: &[T], inputs: usize) {
    for (column, x) in out.chunks_exact_mut(rows.max(1)).zip(x.chunks_exact(inputs.max(1))) {
        for (row, o) in column.iter_mut().enumerate() {
            let mut partial = [T::ZERO; PARTIALS];
            for (k, x) in x.chunks(PARTIALS).enumerate() {
                let w = &w[k * PARTIALS * rows + row..];
                if let (1, Some(w), Some(x)) = (rows, w.first_chunk(), x.first_chunk()) {
                    let (w, x): (&[T; PARTIALS], &[T; PARTIALS]) = (w, x);
                    for i in 0..PARTIALS {
                        partial[i] = Training::multiply_add(partial[i], w[i], x[i]);
                    }
                } else {
                    for (i, &x) in x.iter().enumerate() {
                        partial[i] = Training::multiply_add(partial[i], w[i * rows], x);
                    }
                }
            }
            *o = bias.get(row).copied().unwrap_or(T::ZERO) + fold(partial);
        }
    }
}

/// W comes transposed (cols x rows, column-major), so that the lanes run over the outputs here too.
#[inline(always)]
fn transpose_multiply<T: Scalar>(out: &mut [T], w: &[T], rows: usize, cols: usize, d: &[T]) {
    let batch = d.len() / rows.max(1);
    for col in (0..cols).step_by(LANES) {
        let lanes = LANES.min(cols - col);
        for column in (0..batch).step_by(COLUMNS) {
            let columns = COLUMNS.min(batch - column);
            let mut acc: [[T; LANES]; COLUMNS] = core::array::from_fn(|c| {
                load(&out[(column + c.min(columns - 1)) * cols + col..], lanes)
            });
            accumulate(&mut acc, Product::new(w, d, rows), cols, col, lanes, column, columns);
            for (c, acc) in acc.iter().enumerate().take(columns) {
                out[(column + c) * cols + col..][..lanes].copy_from_slice(&acc[..lanes]);
            }
        }
    }
}

#[inline(always)]
fn outer<T: Scalar>(w: &mut [T], d: &[T], rows: usize, x: Columns<'_, T>, cols: usize) {
    let x = match x {
        Columns::Values(x) => x,
        Columns::Symbols(symbols) => {
            for (d, &symbol) in d.chunks_exact(rows.max(1)).zip(symbols) {
                if usize::from(symbol) < cols {
                    let column = &mut w[usize::from(symbol) * rows..][..rows];
                    column.iter_mut().zip(d).for_each(|(w, &d)| *w += d);
                }
            }
            return;
        }
    };
    for row in (0..rows).step_by(LANES) {
        let lanes = LANES.min(rows - row);
        for col in (0..cols).step_by(COLUMNS) {
            let columns = COLUMNS.min(cols - col);
            let mut acc: [[T; LANES]; COLUMNS] = core::array::from_fn(|c| {
                load(&w[(col + c.min(columns - 1)) * rows + row..], lanes)
            });
            for (d, x) in d.chunks_exact(rows).zip(x.chunks_exact(cols)) {
                let d = load(&d[row..], lanes);
                for (c, acc) in acc.iter_mut().enumerate() {
                    let x = x[col + c.min(columns - 1)];
                    for (acc, &d) in acc.iter_mut().zip(&d) {
                        *acc = Training::multiply_add(*acc, d, x);
                    }
                }
            }
            for (c, acc) in acc.iter().enumerate().take(columns) {
                w[(col + c) * rows + row..][..lanes].copy_from_slice(&acc[..lanes]);
            }
        }
    }
}

#[inline(always)]
fn activate<T: Scalar>(activation: Activation, z: &mut [T]) {
    activation.apply_with(z, T::tanh_training);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    fn random(seed: u64, count: usize) -> std::vec::Vec<f32> {
        let mut values = std::vec![0.0; count];
        SplitMix64::new(seed).fill_uniform(2.0, &mut values);
        values
    }

    fn bits(values: &[f32]) -> std::vec::Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    /// Compares two results of the same verb on the same memory.
    fn same(verb: &str, start: &[f32], one: impl Fn(&mut [f32]), other: impl Fn(&mut [f32])) {
        let (mut a, mut b) = (start.to_vec(), start.to_vec());
        one(&mut a);
        other(&mut b);
        assert_eq!(bits(&a), bits(&b), "{verb}");
        assert_ne!(bits(&a), bits(start), "{verb} does nothing");
    }

    /// Every verb in every form that this processor has.
    #[test]
    fn all_forms_give_the_same_bits() {
        macro_rules! compare {
            ($form:path, $rows:expr, $cols:expr, $batch:expr) => {{
                use $form as form;
                let (rows, cols, batch): (usize, usize, usize) = ($rows, $cols, $batch);
                let (w, x) = (random(1, rows * cols), random(2, cols * batch));
                let (v, h) = (random(3, rows * rows), random(4, rows * batch));
                let (b, out) = (random(5, rows), random(6, rows * batch));
                let first = Product::new(&w, &x, cols);
                let second = Product::new(&v, &h, rows);
                // SAFETY: only called where the processor was found to have the form.
                #[allow(unsafe_code, unused_unsafe)]
                unsafe {
                    same(
                        "affine",
                        &out,
                        |o| affine(o, rows, &b, first, second),
                        |o| form::affine(o, rows, &b, first, second),
                    );
                    same(
                        "readout",
                        &out,
                        |o| readout(o, rows, &b, &w, &x, cols),
                        |o| form::readout(o, rows, &b, &w, &x, cols),
                    );
                    same(
                        "transpose_multiply",
                        &x,
                        |o| transpose_multiply(o, &w, rows, cols, &h),
                        |o| form::transpose_multiply(o, &w, rows, cols, &h),
                    );
                    same(
                        "outer",
                        &w,
                        |o| outer(o, &h, rows, Columns::Values(&x), cols),
                        |o| form::outer(o, &h, rows, Columns::Values(&x), cols),
                    );
                    same(
                        "activate",
                        &h,
                        |o| activate(Activation::Tanh, o),
                        |o| form::activate(Activation::Tanh, o),
                    );
                }
            }};
        }
        for (rows, cols, batch) in [(1, 1, 1), (3, 2, 5), (16, 1, 4), (33, 7, 9), (70, 65, 13)] {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                compare!(avx2, rows, cols, batch);
            }
            if std::is_x86_feature_detected!("avx512f") {
                compare!(avx512, rows, cols, batch);
            }
        }
    }
}
