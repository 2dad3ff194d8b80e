//! The weights' gradients: long products over time and batch, W += D X^T and b += D 1, in blocks of
//! 2 vectors of rows x 8 columns of W (2 x 4 with AVX2) whose sums stay in registers.
//!
//! D and X are read a piece at a time, so that a piece stays in the first-level cache while all
//! blocks of W pass over it.
#![allow(clippy::needless_range_loop)] // r and c count registers and memory alike.

use super::memory::{Multiples, load, store};
use super::vector::Vector;
use crate::kernel::{Columns, Outer};

/// Numbers of D and X in a piece, where that are columns enough for the sums to be worth loading.
const PIECE: usize = 9216;
/// Columns enough.
const ENOUGH: usize = 64;

/// A piece of D: `count` columns of `rows` rows.
#[derive(Clone, Copy)]
struct Piece {
    d: *const f32,
    rows: usize,
    count: usize,
}

/// b += D 1, W_1 += D X_1^T, W_2 += D X_2^T.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn affine_backward<V: Vector>(
    d: &[f32],
    rows: usize,
    bias: &mut [f32],
    mut first: Outer<'_, f32>,
    mut second: Outer<'_, f32>,
) {
    if rows == 0 || d.is_empty() {
        return;
    }
    let n = d.len() / rows;
    assert!(bias.is_empty() || bias.len() >= rows, "{} biases of {rows}", bias.len());
    for Outer { w, x, inputs } in [&first, &second] {
        assert!(w.len() >= rows * inputs, "{} weights of {rows} x {inputs}", w.len());
        match x {
            Columns::Values(x) => assert!(x.len() >= inputs * n, "{} of {inputs} x {n}", x.len()),
            Columns::Symbols(x) => assert!(x.len() >= n, "{} symbols of {n}", x.len()),
        }
    }
    let columns = (PIECE / (rows + first.inputs + second.inputs)).max(ENOUGH);
    for d in d[..n * rows].chunks(columns * rows) {
        let piece = Piece { d: d.as_ptr(), rows, count: d.len() / rows };
        let (x, second_x);
        (x, first.x) = first.x.split(first.inputs, piece.count);
        (second_x, second.x) = second.x.split(second.inputs, piece.count);
        // SAFETY: the lengths were checked, here and below; rows beyond the last are masked.
        let sides = unsafe {
            [values::<V>(d, rows, &mut first, x), values::<V>(d, rows, &mut second, second_x)]
        };
        let mut row = 0;
        while row < rows {
            let taken = (rows - row).min(2 * V::LANES);
            unsafe {
                let b = if bias.is_empty() { None } else { Some(bias.as_mut_ptr().add(row)) };
                let piece = Piece { d: piece.d.add(row), ..piece };
                let sides = sides.map(|side| Side { w: side.w.wrapping_add(row), ..side });
                if taken == 2 * V::LANES {
                    piece.columns::<V, 2, false>(sides, b, V::first(0));
                } else if taken > V::LANES {
                    piece.columns::<V, 2, true>(sides, b, V::first(taken - V::LANES));
                } else {
                    piece.columns::<V, 1, true>(sides, b, V::first(taken));
                }
            }
            row += taken;
        }
    }
}

/// The columns of W that are multiplied: all of them, or none where they are looked up, which is
/// done here.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn values<V: Vector>(
    d: &[f32],
    rows: usize,
    outer: &mut Outer<'_, f32>,
    x: Columns<'_, f32>,
) -> Side {
    let Outer { w, inputs, .. } = outer;
    let (x, left) = match x {
        Columns::Values(x) => (x, *inputs),
        Columns::Symbols(symbols) => {
            // SAFETY: the caller's.
            unsafe { look_up::<V>(d, rows, w, symbols, *inputs) };
            (&[][..], 0)
        }
    };
    Side { w: w.as_mut_ptr(), x: x.as_ptr(), inputs: *inputs, left }
}

/// Columns of W that are still to be summed, and the rows of X that they belong to.
#[derive(Clone, Copy)]
struct Side {
    w: *mut f32,
    x: *const f32,
    inputs: usize,
    left: usize,
}

impl Side {
    /// Without the first `count` columns of `rows` rows.
    fn after(self, count: usize, rows: usize) -> Self {
        Side {
            w: self.w.wrapping_add(count * rows),
            x: self.x.wrapping_add(count),
            left: self.left - count,
            ..self
        }
    }
}

#[allow(unsafe_code)]
impl Piece {
    /// All columns of R vectors of rows of W_1 and W_2, and the bias where there is one.
    #[inline(always)]
    unsafe fn columns<V: Vector, const R: usize, const PART: bool>(
        self,
        [mut first, mut second]: [Side; 2],
        bias: Option<*mut f32>,
        mask: V::Mask,
    ) {
        // SAFETY: the caller's; a block takes at most what is left.
        unsafe {
            macro_rules! block {
                ($some:literal of $side:ident, $others:literal, $bias:expr) => {{
                    self.block::<V, R, $some, $others, PART>([$side, first], $bias, mask);
                    $side = $side.after($some, self.rows);
                }};
            }
            while V::MANY && first.left >= 8 {
                block!(8 of first, 0, None);
            }
            while first.left >= 4 {
                block!(4 of first, 0, None);
            }
            // The bias and the few columns that W_1 has left are too few to keep the processor busy
            // between two sums of one number: where registers allow, 8 columns of W_2 join them.
            if bias.is_none() {
                while first.left > 0 {
                    block!(1 of first, 0, None);
                }
            } else if V::MANY && second.left >= 8 {
                match first.left {
                    0 => block!(8 of second, 0, bias),
                    1 => block!(8 of second, 1, bias),
                    2 => block!(8 of second, 2, bias),
                    _ => block!(8 of second, 3, bias),
                }
            } else {
                match first.left {
                    0 => block!(0 of second, 0, bias),
                    1 => block!(0 of second, 1, bias),
                    2 => block!(0 of second, 2, bias),
                    _ => block!(0 of second, 3, bias),
                }
            }
            while V::MANY && second.left >= 8 {
                block!(8 of second, 0, None);
            }
            while second.left >= 4 {
                block!(4 of second, 0, None);
            }
            while second.left > 0 {
                block!(1 of second, 0, None);
            }
        }
    }

    /// C columns of one side and E of the other, and the bias.
    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize, const C: usize, const E: usize, const PART: bool>(
        self,
        [side, other]: [Side; 2],
        bias: Option<*mut f32>,
        mask: V::Mask,
    ) {
        let Piece { d, rows, count } = self;
        // SAFETY: the caller's.
        unsafe {
            let mut acc = side.load::<V, R, C, PART>(rows, mask);
            let mut others = other.load::<V, R, E, PART>(rows, mask);
            let mut sum = match bias {
                Some(bias) => load::<V, R, PART>(bias, mask),
                None => [V::splat(0.0); R],
            };
            let (mut d, mut x, mut other_x) = (d, side.x, other.x);
            let (lines, stride) = (Multiples::new(rows).all(), Multiples::new(side.inputs).all());
            let other_stride = Multiples::new(other.inputs).all();
            macro_rules! rounds {
                ($($i:literal)*) => {
                    $(let column = load::<V, R, PART>(d.wrapping_byte_add(lines[$i]), mask);
                    add(&column, x.wrapping_byte_add(stride[$i]), &mut acc);
                    add(&column, other_x.wrapping_byte_add(other_stride[$i]), &mut others);
                    if bias.is_some() {
                        for r in 0..R {
                            sum[r] = sum[r] + column[r];
                        }
                    })*
                };
            }
            for _ in 0..count / 4 {
                rounds!(0 1 2 3);
                (d, x) = (d.wrapping_byte_add(lines[4]), x.wrapping_byte_add(stride[4]));
                other_x = other_x.wrapping_byte_add(other_stride[4]);
            }
            for _ in 0..count % 4 {
                rounds!(0);
                (d, x) = (d.wrapping_byte_add(lines[1]), x.wrapping_byte_add(stride[1]));
                other_x = other_x.wrapping_byte_add(other_stride[1]);
            }
            side.store::<V, R, C, PART>(acc, rows, mask);
            other.store::<V, R, E, PART>(others, rows, mask);
            if let Some(bias) = bias {
                store::<V, R, PART>(sum, bias, mask);
            }
        }
    }
}

#[allow(unsafe_code)]
impl Side {
    /// The next C columns.
    #[inline(always)]
    unsafe fn load<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        rows: usize,
        mask: V::Mask,
    ) -> [[V; R]; C] {
        // SAFETY: the caller's, as on the way back.
        unsafe {
            let mut columns = [[V::splat(0.0); R]; C];
            for c in 0..C {
                columns[c] = load::<V, R, PART>(self.w.add(c * rows), mask);
            }
            columns
        }
    }

    /// The way back of [`load`](Self::load).
    #[inline(always)]
    unsafe fn store<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        columns: [[V; R]; C],
        rows: usize,
        mask: V::Mask,
    ) {
        // SAFETY: as above.
        unsafe {
            for c in 0..C {
                store::<V, R, PART>(columns[c], self.w.add(c * rows), mask);
            }
        }
    }
}

/// Sums of C columns of W, to which a column of D times the numbers in X's is added.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add<V: Vector, const R: usize, const C: usize>(
    d: &[V; R],
    x: *const f32,
    sums: &mut [[V; R]; C],
) {
    // SAFETY: the caller's.
    unsafe {
        for c in 0..C {
            let x = V::splat(*x.add(c));
            for r in 0..R {
                sums[c][r] = d[r].fused(x, sums[c][r]);
            }
        }
    }
}

/// W's column `symbols[n]` += D's column n.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn look_up<V: Vector>(
    d: &[f32],
    rows: usize,
    w: &mut [f32],
    symbols: &[u16],
    inputs: usize,
) {
    for (d, &symbol) in d.chunks_exact(rows).zip(symbols) {
        if usize::from(symbol) < inputs {
            let w = &mut w[usize::from(symbol) * rows..][..rows];
            // Compiled for V's instructions, as what it is part of.
            w.iter_mut().zip(d).for_each(|(w, &d)| *w += d);
        }
    }
}
