//! The weights' gradients: long products over time and batch, W += D X^T and b += D 1, in blocks of
//! 2 vectors of rows x 8 columns of W (2 x 4 with AVX2) whose sums stay in registers.
//!
//! D and X are read a piece at a time, so that a piece stays in the first-level cache while all
//! blocks of W pass over it.
#![allow(clippy::needless_range_loop)] // r and c count registers and memory alike.

use super::product::{load, store};
use super::vector::Vector;
use crate::kernel::{Columns, Outer};

/// Numbers of D and X in a piece.
const PIECE: usize = 9216;

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
    let columns = (PIECE / (rows + first.inputs + second.inputs)).max(16);
    for d in d[..n * rows].chunks(columns * rows) {
        let piece = Piece { d: d.as_ptr(), rows, count: d.len() / rows };
        let (x, second_x);
        (x, first.x) = first.x.split(first.inputs, piece.count);
        (second_x, second.x) = second.x.split(second.inputs, piece.count);
        // The bias joins where W_1's columns end; looked-up columns leave it alone.
        let values = match x {
            Columns::Values(x) => x,
            Columns::Symbols(symbols) => {
                // SAFETY: the caller's.
                unsafe { look_up::<V>(d, rows, first.w, symbols, first.inputs) };
                &[]
            }
        };
        let of_values = if values.is_empty() { 0 } else { first.inputs };
        let second_x = match second_x {
            Columns::Values(x) => x,
            Columns::Symbols(symbols) => {
                // SAFETY: the caller's.
                unsafe { look_up::<V>(d, rows, second.w, symbols, second.inputs) };
                &[]
            }
        };
        let of_second = if second_x.is_empty() { 0 } else { second.inputs };
        let mut row = 0;
        while row < rows {
            let rest = rows - row;
            let taken = rest.min(2 * V::LANES);
            // SAFETY: the lengths were checked; rows beyond the last are masked.
            unsafe {
                let (w, v) = (first.w.as_mut_ptr().add(row), second.w.as_mut_ptr().add(row));
                let b = if bias.is_empty() { None } else { Some(bias.as_mut_ptr().add(row)) };
                let piece = Piece { d: piece.d.add(row), ..piece };
                let (x, y) = (values.as_ptr(), second_x.as_ptr());
                if taken == 2 * V::LANES {
                    let mask = V::first(0);
                    piece.columns::<V, 2, false>(v, y, of_second, None, mask);
                    piece.columns::<V, 2, false>(w, x, of_values, b, mask);
                } else if taken > V::LANES {
                    let mask = V::first(taken - V::LANES);
                    piece.columns::<V, 2, true>(v, y, of_second, None, mask);
                    piece.columns::<V, 2, true>(w, x, of_values, b, mask);
                } else {
                    let mask = V::first(taken);
                    piece.columns::<V, 1, true>(v, y, of_second, None, mask);
                    piece.columns::<V, 1, true>(w, x, of_values, b, mask);
                }
            }
            row += taken;
        }
    }
}

#[allow(unsafe_code)]
impl Piece {
    /// All columns of R vectors of rows of W, and the bias where there is one.
    #[inline(always)]
    unsafe fn columns<V: Vector, const R: usize, const PART: bool>(
        self,
        w: *mut f32,
        x: *const f32,
        inputs: usize,
        bias: Option<*mut f32>,
        mask: V::Mask,
    ) {
        let mut column = 0;
        // SAFETY: the caller's; the blocks end at `inputs`.
        unsafe {
            macro_rules! block {
                ($columns:literal) => {
                    self.block::<V, R, $columns, PART>(
                        w.add(column * self.rows),
                        x.add(column),
                        inputs,
                        None,
                        mask,
                    );
                    column += $columns;
                };
            }
            while V::MANY && inputs - column >= 8 {
                block!(8);
            }
            while inputs - column >= 4 {
                block!(4);
            }
            let Some(bias) = bias else {
                while inputs > column {
                    block!(1);
                }
                return;
            };
            let (w, x, bias) = (w.add(column * self.rows), x.add(column), Some(bias));
            match inputs - column {
                0 => self.block::<V, R, 0, PART>(w, x, inputs, bias, mask),
                1 => self.block::<V, R, 1, PART>(w, x, inputs, bias, mask),
                2 => self.block::<V, R, 2, PART>(w, x, inputs, bias, mask),
                _ => self.block::<V, R, 3, PART>(w, x, inputs, bias, mask),
            }
        }
    }

    #[inline(always)]
    unsafe fn block<V: Vector, const R: usize, const C: usize, const PART: bool>(
        self,
        w: *mut f32,
        x: *const f32,
        inputs: usize,
        bias: Option<*mut f32>,
        mask: V::Mask,
    ) {
        let Piece { d, rows, count } = self;
        // SAFETY: the caller's.
        unsafe {
            let mut acc = [[V::splat(0.0); R]; C];
            for c in 0..C {
                acc[c] = load::<V, R, PART>(w.add(c * rows), mask);
            }
            let mut sum = match bias {
                Some(bias) => load::<V, R, PART>(bias, mask),
                None => [V::splat(0.0); R],
            };
            for n in 0..count {
                let d = load::<V, R, PART>(d.add(n * rows), mask);
                for c in 0..C {
                    let x = V::splat(*x.add(n * inputs + c));
                    for r in 0..R {
                        acc[c][r] = d[r].fused(x, acc[c][r]);
                    }
                }
                if bias.is_some() {
                    for r in 0..R {
                        sum[r] = sum[r] + d[r];
                    }
                }
            }
            for c in 0..C {
                store::<V, R, PART>(acc[c], w.add(c * rows), mask);
            }
            if let Some(bias) = bias {
                store::<V, R, PART>(sum, bias, mask);
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
