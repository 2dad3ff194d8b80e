//! Products of matrices in blocks of registers: 2 vectors of outputs x 8 columns of the batch (2 x 4
//! with AVX2), 3 vectors where that leaves none alone. The loop over the inputs loads those vectors of
//! W and one number of each column per round.
#![allow(clippy::needless_range_loop)] // r and c count registers and memory alike.

use super::elementwise::{activate, activate_backward};
use super::memory::{Multiples, load, read, write};
use super::vector::Vector;
use crate::activation::Activation;
use crate::kernel::{Columns, Product};

/// What an output is before the products are added; P tells where numbers are.
#[derive(Clone, Copy)]
pub(super) enum Start<P> {
    /// 0
    Zero,
    /// The bias of its row.
    Bias(P),
    /// What it holds.
    Held,
    /// The number at its place here.
    These(P),
    /// What it holds, and that added.
    HeldAnd(P),
}

impl<'a> Start<&'a [f32]> {
    /// An empty bias counts as zeros.
    pub(super) fn bias(bias: &'a [f32]) -> Self {
        if bias.is_empty() { Start::Zero } else { Start::Bias(bias) }
    }

    #[inline(always)]
    pub(super) fn checked(self, rows: usize, batch: usize) -> Start<*const f32> {
        let checked = |numbers: &[f32], count: usize| {
            assert!(numbers.len() >= count, "{} numbers of {count}", numbers.len());
            numbers.as_ptr()
        };
        match self {
            Start::Zero => Start::Zero,
            Start::Bias(bias) => Start::Bias(checked(bias, rows)),
            Start::Held => Start::Held,
            Start::These(d) => Start::These(checked(d, rows * batch)),
            Start::HeldAnd(d) => Start::HeldAnd(checked(d, rows * batch)),
        }
    }
}

/// What is done to the sums before they are stored.
#[derive(Clone, Copy)]
pub(super) enum Finish<P> {
    /// They are the outputs.
    Nothing,
    /// z becomes sigma(z).
    Activate(Activation),
    /// dL/dh becomes dL/dz, with h at the same places.
    Backward(Activation, P),
}

impl Finish<&[f32]> {
    #[inline(always)]
    pub(super) fn checked(self, rows: usize, batch: usize) -> Finish<*const f32> {
        match self {
            Finish::Nothing => Finish::Nothing,
            Finish::Activate(activation) => Finish::Activate(activation),
            Finish::Backward(activation, h) => {
                assert!(h.len() >= rows * batch, "{} states of {rows} x {batch}", h.len());
                Finish::Backward(activation, h.as_ptr())
            }
        }
    }
}

/// W X of plain numbers.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    w: &'a [f32],
    x: &'a [f32],
    pub(super) inputs: usize,
}

impl<'a> Dense<'a> {
    /// No product at all.
    pub(super) const NONE: Self = Dense { w: &[], x: &[], inputs: 0 };

    pub(super) const fn new(w: &'a [f32], x: &'a [f32], inputs: usize) -> Self {
        Dense { w, x, inputs }
    }

    /// `None` where X is of symbols, whose columns are looked up.
    pub(super) fn of(product: Product<'a, f32>) -> Option<Self> {
        match product.x {
            Columns::Values(x) => Some(Dense::new(product.w, x, product.inputs)),
            Columns::Symbols(_) => None,
        }
    }
}

/// The same, its lengths checked; no product where `inputs` is 0.
pub(super) struct Checked {
    w: *const f32,
    pub(super) x: *const f32,
    inputs: usize,
    /// Multiples of X's columns.
    columns: Multiples,
}

impl Checked {
    #[inline(always)]
    pub(super) fn new(product: Dense<'_>, rows: usize, batch: usize) -> Self {
        let Dense { w, x, inputs } = product;
        assert!(w.len() >= rows * inputs, "{} weights of {rows} x {inputs}", w.len());
        assert!(x.len() >= inputs * batch, "{} inputs of {inputs} x {batch}", x.len());
        Checked { w: w.as_ptr(), x: x.as_ptr(), inputs, columns: Multiples::new(inputs) }
    }

    /// With the X there, which the caller has checked.
    #[inline(always)]
    pub(super) fn of(self, x: *const f32) -> Self {
        Checked { x, ..self }
    }
}

/// A matrix of outputs and what goes into it, all lengths checked.
///
/// No slices: their addresses and lengths would be copied two at a time, soon after they were written
/// one at a time, and such a load waits for all that precedes it.
pub(super) struct Job {
    pub(super) out: *mut f32,
    pub(super) rows: usize,
    pub(super) batch: usize,
    /// Multiples of a column of outputs, which is as long as one of W.
    pub(super) columns: Multiples,
    pub(super) start: Start<*const f32>,
    pub(super) products: [Checked; 2],
    pub(super) finish: Finish<*const f32>,
}

/// Vectors for which [`Job::columns`] is compiled by itself: as parts of one function, its forms would
/// prepare the addresses of all of them whenever one is taken.
#[allow(unsafe_code)]
pub(super) trait Columnwise: Vector {
    /// # Safety
    /// As there.
    unsafe fn columns<const R: usize, const PART: bool>(job: *const Job, row: usize, lanes: usize);
}

/// out = start + W_1 X_1 + W_2 X_2, finished; rows x batch.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn multiply<V: Columnwise>(
    out: &mut [f32],
    rows: usize,
    start: Start<&[f32]>,
    [first, second]: [Dense<'_>; 2],
    finish: Finish<&[f32]>,
) {
    if rows == 0 {
        return;
    }
    let batch = out.len() / rows;
    let start = start.checked(rows, batch);
    let products = [Checked::new(first, rows, batch), Checked::new(second, rows, batch)];
    let finish = finish.checked(rows, batch);
    let columns = Multiples::new(rows);
    let job = Job { out: out.as_mut_ptr(), rows, batch, columns, start, products, finish };
    // SAFETY: the lengths are those that were checked.
    unsafe { job.run::<V>() }
}

#[allow(unsafe_code)]
impl Job {
    /// All rows.
    ///
    /// # Safety
    /// The processor has V's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: Columnwise>(&self) {
        let mut row = 0;
        while row < self.rows {
            let rest = self.rows - row;
            // One vector by itself, its last lanes idle, would be the slowest block: it joins others.
            // SAFETY: the caller's; so many rows are left.
            row += unsafe {
                match rest.div_ceil(V::LANES) {
                    1 => {
                        V::columns::<1, true>(self, row, rest);
                        rest
                    }
                    2 if rest < 2 * V::LANES => {
                        V::columns::<2, true>(self, row, rest - V::LANES);
                        rest
                    }
                    3 => {
                        V::columns::<3, true>(self, row, rest - 2 * V::LANES);
                        rest
                    }
                    _ => {
                        V::columns::<2, false>(self, row, 0);
                        2 * V::LANES
                    }
                }
            };
        }
    }

    /// R vectors of rows from `row` on, the last of them with so many `lanes` if PART: all columns.
    ///
    /// By pointer: what is behind a reference would be read ahead of the loop and kept on the stack.
    ///
    /// # Safety
    /// The processor has V's instructions, and there are so many rows.
    #[inline(always)]
    pub(super) unsafe fn columns<V: Vector, const R: usize, const PART: bool>(
        job: *const Job,
        row: usize,
        lanes: usize,
    ) {
        // SAFETY: the caller's; the blocks end at `batch`.
        unsafe {
            let (mut column, batch) = (0, (*job).batch);
            let mask = V::first(lanes);
            macro_rules! block {
                ($count:literal) => {
                    Job::block::<V, R, $count, PART>(job, row, column, mask);
                    column += $count;
                };
            }
            while V::MANY && batch - column >= 8 {
                block!(8);
            }
            while batch - column >= 4 {
                block!(4);
            }
            while batch > column {
                block!(1);
            }
        }
    }

    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize, const C: usize, const PART: bool>(
        job: *const Job,
        row: usize,
        column: usize,
        mask: V::Mask,
    ) {
        // SAFETY: the caller's; rows beyond the last row are masked.
        unsafe {
            let at = column * (*job).rows + row;
            let lines = &(*job).columns.all();
            let out = (*job).out.wrapping_add(at);
            let acc = match (*job).start {
                Start::Zero => [[V::splat(0.0); R]; C],
                Start::Bias(bias) => [load::<V, R, PART>(bias.add(row), mask); C],
                Start::Held => read::<V, R, C, PART>(out, lines, mask),
                Start::These(d) => read::<V, R, C, PART>(d.add(at), lines, mask),
                Start::HeldAnd(d) => {
                    let held = read::<V, R, C, PART>(out, lines, mask);
                    let mut acc = read::<V, R, C, PART>(d.add(at), lines, mask);
                    for c in 0..C {
                        for r in 0..R {
                            acc[c][r] = held[c][r] + acc[c][r];
                        }
                    }
                    acc
                }
            };
            let products = (&raw const (*job).products).cast::<Checked>();
            let acc = Checked::add::<V, R, C, PART>(products, acc, row, column, mask, lines);
            let second = products.add(1);
            let acc = Checked::add::<V, R, C, PART>(second, acc, row, column, mask, lines);
            // So many columns at once as there are registers for what comes up on the way.
            macro_rules! finish {
                ($count:literal) => {
                    for group in 0..C / $count {
                        let from = $count * group;
                        let mut sums = [[V::splat(0.0); R]; $count];
                        for c in 0..$count {
                            sums[c] = acc[from + c];
                        }
                        Job::finish::<V, R, $count, PART>(job, sums, at, &lines[from..], mask);
                    }
                };
            }
            if C == 1 {
                finish!(1);
            } else if V::MANY {
                finish!(4);
            } else {
                finish!(2);
            }
        }
    }

    /// Stores C columns of finished sums, the bytes between output `at` and each of them given.
    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const C: usize, const PART: bool>(
        job: *const Job,
        sums: [[V; R]; C],
        at: usize,
        lines: &[usize],
        mask: V::Mask,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let sums = match (*job).finish {
                Finish::Nothing => sums,
                Finish::Activate(activation) => activate(activation, sums),
                Finish::Backward(activation, h) => {
                    let h = read::<V, R, C, PART>(h.add(at), lines, mask);
                    activate_backward(activation, h, sums)
                }
            };
            write::<V, R, C, PART>(sums, (*job).out.add(at), lines, mask);
        }
    }
}

#[allow(unsafe_code)]
impl Checked {
    /// The sums with this product added.
    #[inline(always)]
    unsafe fn add<V: Vector, const R: usize, const C: usize, const PART: bool>(
        product: *const Checked,
        mut acc: [[V; R]; C],
        row: usize,
        column: usize,
        mask: V::Mask,
        lines: &[usize; 8],
    ) -> [[V; R]; C] {
        // SAFETY: the caller's.
        unsafe {
            let inputs = (*product).inputs;
            let stride = (*product).columns.all();
            let mut w = (*product).w.wrapping_add(row);
            let mut x = (*product).x.wrapping_add(column * inputs);
            macro_rules! rounds {
                ($($i:literal)*) => {
                    $(let weights = load::<V, R, PART>(w.wrapping_byte_add(lines[$i]), mask);
                    for c in 0..C {
                        let x = V::splat(*x.wrapping_byte_add(stride[c]).wrapping_add($i));
                        for r in 0..R {
                            acc[c][r] = weights[r].fused(x, acc[c][r]);
                        }
                    })*
                };
            }
            // Few turns, whose end the processor foresees.
            for _ in 0..inputs / 4 {
                rounds!(0 1 2 3);
                (w, x) = (w.wrapping_byte_add(lines[4]), x.wrapping_add(4));
            }
            for _ in 0..inputs % 4 {
                rounds!(0);
                (w, x) = (w.wrapping_byte_add(lines[1]), x.wrapping_add(1));
            }
            acc
        }
    }
}
