//! Products of matrices in blocks of registers: 2 vectors of outputs x 8 columns of the batch (2 x 4
//! with AVX2), 3 vectors where that leaves none alone. The loop over the inputs loads those vectors of
//! W and one number of each column per round.
#![allow(clippy::needless_range_loop)] // r and c count registers and memory alike.

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
    /// The number at its place here.
    These(&'a [f32]),
    /// What it holds, and that added.
    HeldAnd(&'a [f32]),
}

/// What is done to the sums before they are stored.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// They are the outputs.
    Nothing,
    /// z becomes sigma(z).
    Activate(Activation),
    /// dL/dh becomes dL/dz, with h at the same places.
    Backward(Activation, &'a [f32]),
}

/// W X of plain numbers.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    w: &'a [f32],
    x: &'a [f32],
    inputs: usize,
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
#[derive(Clone, Copy)]
struct Checked {
    w: *const f32,
    x: *const f32,
    inputs: usize,
}

impl Checked {
    fn new(product: Dense<'_>, rows: usize, batch: usize) -> Self {
        let Dense { w, x, inputs } = product;
        assert!(w.len() >= rows * inputs, "{} weights of {rows} x {inputs}", w.len());
        assert!(x.len() >= inputs * batch, "{} inputs of {inputs} x {batch}", x.len());
        Checked { w: w.as_ptr(), x: x.as_ptr(), inputs }
    }
}

/// A matrix of outputs and what goes into it.
#[derive(Clone, Copy)]
struct Job<'a> {
    out: *mut f32,
    rows: usize,
    batch: usize,
    start: Start<'a>,
    products: [Checked; 2],
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
    products: [Dense<'_>; 2],
    finish: Finish<'_>,
) {
    if rows == 0 {
        return;
    }
    let batch = out.len() / rows;
    match start {
        Start::Bias(b) => assert!(b.is_empty() || b.len() >= rows, "{} biases of {rows}", b.len()),
        Start::Held => {}
        Start::These(d) | Start::HeldAnd(d) => {
            assert!(d.len() >= rows * batch, "{} numbers of {rows} x {batch}", d.len());
        }
    }
    if let Finish::Backward(_, h) = finish {
        assert!(h.len() >= rows * batch, "{} states for {rows} x {batch} errors", h.len());
    }
    let products = products.map(|product| Checked::new(product, rows, batch));
    let job = Job { out: out.as_mut_ptr(), rows, batch, start, products, finish };
    // SAFETY: the lengths are those that were checked.
    unsafe {
        let mut row = 0;
        while row < rows {
            let rest = rows - row;
            // One vector by itself, its last lanes idle, would be the slowest block: it joins others.
            let taken = match rest.div_ceil(V::LANES) {
                1 => {
                    job.columns::<V, 1, true>(row, V::first(rest));
                    rest
                }
                2 if rest < 2 * V::LANES => {
                    job.columns::<V, 2, true>(row, V::first(rest - V::LANES));
                    rest
                }
                3 => {
                    job.columns::<V, 3, true>(row, V::first(rest - 2 * V::LANES));
                    rest
                }
                _ => {
                    job.columns::<V, 2, false>(row, V::first(0));
                    2 * V::LANES
                }
            };
            row += taken;
        }
    }
}

#[allow(unsafe_code)]
impl Job<'_> {
    /// R vectors of rows from `row` on, the last of them in part if PART: all columns.
    #[inline(always)]
    unsafe fn columns<V: Vector, const R: usize, const PART: bool>(
        self,
        row: usize,
        mask: V::Mask,
    ) {
        let mut column = 0;
        // SAFETY: the caller's; the blocks end at `batch`.
        unsafe {
            while V::MANY && self.batch - column >= 8 {
                self.block::<V, R, 8, PART>(row, column, mask);
                column += 8;
            }
            while self.batch - column >= 4 {
                self.block::<V, R, 4, PART>(row, column, mask);
                column += 4;
            }
            while self.batch > column {
                self.block::<V, R, 1, PART>(row, column, mask);
                column += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        row: usize,
        column: usize,
        mask: V::Mask,
    ) {
        let Job { out, rows, start, products: [first, second], .. } = self;
        // SAFETY: rows `row` ... and columns `column` ... `column + C - 1` lie within what was
        // checked; lanes beyond the last row are masked.
        unsafe {
            let at = column * rows + row;
            let mut acc = [[V::splat(0.0); R]; C];
            match start {
                Start::Bias([]) => {}
                Start::Bias(bias) => acc = [load::<V, R, PART>(bias.as_ptr().add(row), mask); C],
                Start::Held => {
                    for c in 0..C {
                        acc[c] = load::<V, R, PART>(out.add(at + c * rows), mask);
                    }
                }
                Start::These(d) => {
                    for c in 0..C {
                        acc[c] = load::<V, R, PART>(d.as_ptr().add(at + c * rows), mask);
                    }
                }
                Start::HeldAnd(d) => {
                    for c in 0..C {
                        let held = load::<V, R, PART>(out.add(at + c * rows), mask);
                        acc[c] = load::<V, R, PART>(d.as_ptr().add(at + c * rows), mask);
                        for r in 0..R {
                            acc[c][r] = held[r] + acc[c][r];
                        }
                    }
                }
            }
            let acc = first.add::<V, R, C, PART>(acc, rows, row, column, mask);
            let acc = second.add::<V, R, C, PART>(acc, rows, row, column, mask);
            // So many at once as there are registers for what comes up on the way.
            let (pairs, rest) = acc.as_chunks::<2>();
            for (pair, &sums) in pairs.iter().enumerate() {
                self.finish::<V, R, 2, PART>(sums, at + 2 * pair * rows, mask);
            }
            if let [sums] = *rest {
                self.finish::<V, R, 1, PART>([sums], at + (C - 1) * rows, mask);
            }
        }
    }

    /// Stores C columns of finished sums, the first of them from output `at` on.
    #[inline(always)]
    unsafe fn finish<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        mut sums: [[V; R]; C],
        at: usize,
        mask: V::Mask,
    ) {
        let Job { out, rows, finish, .. } = self;
        // SAFETY: the caller's.
        unsafe {
            match finish {
                Finish::Nothing => {}
                Finish::Activate(activation) => sums = activate(activation, sums),
                Finish::Backward(activation, h) => {
                    for c in 0..C {
                        let h = load::<V, R, PART>(h.as_ptr().add(at + c * rows), mask);
                        activate_backward::<V, R>(activation, &h, &mut sums[c]);
                    }
                }
            }
            for c in 0..C {
                store::<V, R, PART>(sums[c], out.add(at + c * rows), mask);
            }
        }
    }
}

#[allow(unsafe_code)]
impl Checked {
    /// The sums with this product added.
    #[inline(always)]
    unsafe fn add<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        mut acc: [[V; R]; C],
        rows: usize,
        row: usize,
        column: usize,
        mask: V::Mask,
    ) -> [[V; R]; C] {
        let Checked { w, x, inputs } = self;
        // SAFETY: the caller's.
        unsafe {
            let (mut w, mut x) = (w.wrapping_add(row), x.wrapping_add(column * inputs));
            macro_rules! round {
                () => {
                    let weights = load::<V, R, PART>(w, mask);
                    for c in 0..C {
                        let x = V::splat(*x.add(c * inputs));
                        for r in 0..R {
                            acc[c][r] = weights[r].fused(x, acc[c][r]);
                        }
                    }
                    (w, x) = (w.wrapping_add(rows), x.wrapping_add(1));
                };
            }
            // Few turns, whose end the processor foresees.
            for _ in 0..inputs / 4 {
                round!();
                round!();
                round!();
                round!();
            }
            for _ in 0..inputs % 4 {
                round!();
            }
            acc
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
