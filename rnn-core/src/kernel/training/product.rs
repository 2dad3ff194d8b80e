//! Products of matrices in blocks of registers: 2 vectors of outputs x 8 columns of the batch (2 x 4
//! with AVX2). The loop over the inputs loads 2 vectors of W and one number of each column per round.

use core::ptr;

use super::elementwise::{activate, activate_backward};
use super::vector::Vector;
use crate::activation::Activation;
use crate::kernel::{Columns, Product};

/// What an output is before the products are added.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// The bias of its row; empty for zeros.
    Bias(&'a [f32]),
    /// What it holds.
    Held,
}

/// What is done to it when they are.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    Nothing,
    /// z becomes sigma(z).
    Activate(Activation),
    /// dL/dh becomes dL/dz; with the block of h that the output belongs to.
    Backward(Activation, &'a [f32]),
}

/// A product whose lengths were checked.
#[derive(Clone, Copy)]
struct Checked<'a> {
    w: *const f32,
    x: *const f32,
    inputs: usize,
    /// In place of `x`, and then `inputs` is 0: the columns of W that are looked up.
    symbols: &'a [u16],
    /// Columns of W that there are.
    known: usize,
}

impl<'a> Checked<'a> {
    #[inline(always)]
    fn new(product: Product<'a, f32>, rows: usize, batch: usize) -> Self {
        let Product { w, x, inputs } = product;
        let none = Checked { w: ptr::null(), x: ptr::null(), inputs: 0, symbols: &[], known: 0 };
        if inputs == 0 {
            return none;
        }
        assert!(w.len() >= rows * inputs, "{} weights of {rows} x {inputs}", w.len());
        match x {
            Columns::Values(x) => {
                assert!(x.len() >= inputs * batch, "{} inputs of {inputs} x {batch}", x.len());
                Checked { w: w.as_ptr(), x: x.as_ptr(), inputs, ..none }
            }
            Columns::Symbols(symbols) => {
                let symbols = &symbols[..batch];
                Checked { w: w.as_ptr(), symbols, known: inputs, ..none }
            }
        }
    }
}

/// A matrix of outputs and what goes into it.
struct Job<'a> {
    out: &'a mut [f32],
    rows: usize,
    start: Start<'a>,
    products: [Checked<'a>; 2],
    finish: Finish<'a>,
}

/// out = start + W_1 X_1 + W_2 X_2, finished; rows x batch.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn multiply<V: Vector>(
    out: &mut [f32],
    rows: usize,
    start: Start<'_>,
    products: [Product<'_, f32>; 2],
    finish: Finish<'_>,
) {
    if rows == 0 {
        return;
    }
    let batch = out.len() / rows;
    if let Start::Bias(bias) = start {
        assert!(bias.is_empty() || bias.len() >= rows, "{} biases of {rows}", bias.len());
    }
    if let Finish::Backward(_, h) = finish {
        assert!(h.len() >= rows * batch, "{} states of {rows} x {batch}", h.len());
    }
    let products = products.map(|product| Checked::new(product, rows, batch));
    let mut job = Job { out, rows, start, products, finish };
    // SAFETY: the lengths are those that were checked.
    unsafe {
        let mut row = 0;
        while rows - row >= 2 * V::LANES {
            job.columns::<V, 2, false>(row, batch, V::first(0));
            row += 2 * V::LANES;
        }
        match rows - row {
            0 => {}
            rest if rest > V::LANES => {
                job.columns::<V, 2, true>(row, batch, V::first(rest - V::LANES));
            }
            rest => job.columns::<V, 1, true>(row, batch, V::first(rest)),
        }
    }
}

#[allow(unsafe_code)]
impl Job<'_> {
    /// R vectors of rows from `row` on, the last of them in part if PART: all columns.
    #[inline(always)]
    unsafe fn columns<V: Vector, const R: usize, const PART: bool>(
        &mut self,
        row: usize,
        batch: usize,
        mask: V::Mask,
    ) {
        let mut column = 0;
        // SAFETY: the caller's; the blocks end at `batch`.
        unsafe {
            while V::MANY && batch - column >= 8 {
                self.block::<V, R, 8, PART>(row, column, mask);
                column += 8;
            }
            while batch - column >= 4 {
                self.block::<V, R, 4, PART>(row, column, mask);
                column += 4;
            }
            while batch - column >= 1 {
                self.block::<V, R, 1, PART>(row, column, mask);
                column += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize, const C: usize, const PART: bool>(
        &mut self,
        row: usize,
        column: usize,
        mask: V::Mask,
    ) {
        let rows = self.rows;
        // SAFETY: rows `row` ... and columns `column` ... `column + C - 1` lie within what was
        // checked; lanes beyond the last row are masked.
        unsafe {
            let out = self.out.as_mut_ptr().add(column * rows + row);
            let mut acc = [[V::splat(0.0); R]; C];
            match self.start {
                Start::Bias([]) => {}
                Start::Bias(bias) => acc = [load::<V, R, PART>(bias.as_ptr().add(row), mask); C],
                Start::Held => {
                    for c in 0..C {
                        acc[c] = load::<V, R, PART>(out.add(c * rows), mask);
                    }
                }
            }
            for Checked { w, x, inputs, symbols, known } in self.products {
                let w = w.wrapping_add(row);
                if !symbols.is_empty() {
                    for c in 0..C {
                        let symbol = usize::from(symbols[column + c]);
                        if symbol < known {
                            let w = load::<V, R, PART>(w.add(symbol * rows), mask);
                            for r in 0..R {
                                acc[c][r] = acc[c][r].add(w[r]);
                            }
                        }
                    }
                }
                let x = x.wrapping_add(column * inputs);
                for k in 0..inputs {
                    let w = load::<V, R, PART>(w.add(k * rows), mask);
                    for c in 0..C {
                        let x = V::splat(*x.add(c * inputs + k));
                        for r in 0..R {
                            acc[c][r] = w[r].fused(x, acc[c][r]);
                        }
                    }
                }
            }
            match self.finish {
                Finish::Nothing => {}
                Finish::Activate(activation) => {
                    for acc in &mut acc {
                        activate::<V, R>(activation, acc);
                    }
                }
                Finish::Backward(activation, h) => {
                    let h = h.as_ptr().add(column * rows + row);
                    for c in 0..C {
                        let h = load::<V, R, PART>(h.add(c * rows), mask);
                        activate_backward::<V, R>(activation, &h, &mut acc[c]);
                    }
                }
            }
            for c in 0..C {
                store::<V, R, PART>(acc[c], out.add(c * rows), mask);
            }
        }
    }
}

/// R vectors, the last one in part if PART.
///
/// # Safety
/// The memory is there, and the processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn load<V: Vector, const R: usize, const PART: bool>(
    from: *const f32,
    mask: V::Mask,
) -> [V; R] {
    // SAFETY: the caller's.
    unsafe {
        let mut vectors = [V::splat(0.0); R];
        for r in 0..R {
            let from = from.add(r * V::LANES);
            vectors[r] = if PART && r + 1 == R { V::load_part(from, mask) } else { V::load(from) };
        }
        vectors
    }
}

/// The way back of [`load`].
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn store<V: Vector, const R: usize, const PART: bool>(
    vectors: [V; R],
    to: *mut f32,
    mask: V::Mask,
) {
    // SAFETY: the caller's.
    unsafe {
        for r in 0..R {
            let to = to.add(r * V::LANES);
            if PART && r + 1 == R {
                vectors[r].store_part(to, mask);
            } else {
                vectors[r].store(to);
            }
        }
    }
}
