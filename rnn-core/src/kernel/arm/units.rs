//! What stands behind the products, four units at a time: activations by the table, and the rest of
//! a GRU's and an LSTM's step. The operations are those of [`approx`](crate::activation::approx) and
//! of the cells' modules; the lines are made of the macros of [`lanes`](super::lanes).
#![allow(unsafe_code)]

use core::arch::asm;

use crate::activation::Activation;
use crate::activation::approx::{SCALE, TABLE};

/// The table's units in 1.
const UNITS: f32 = (SCALE * (1u32 << 28) as f64) as f32;

/// A loop over fours of units: its pointers, each moved on by the lines, and the lines.
macro_rules! over_fours {
    ($(#[$doc:meta])* $name:ident, $pointers:literal: $($of:ident)*; $($line:expr),* $(,)?) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// All are good for `4 * fours` values, `fours` > 0.
        #[inline(never)]
        unsafe fn $name([$($of),*]: [*mut f32; $pointers], fours: usize) {
            // SAFETY: as for the function; a row is one of the table's.
            unsafe {
                asm!(
                    constants!(),
                    "2:",
                    $($line,)*
                    "subs {fours}, {fours}, #1",
                    "bne 2b",
                    $($of = inout(reg) $of => _,)*
                    fours = inout(reg) fours => _,
                    table = in(reg) TABLE.as_ptr(),
                    a = inout(reg) UNITS.to_bits() => _,
                    b = inout(reg) (0.5 * UNITS).to_bits() => _,
                    row = inout(reg) 0.5f32.to_bits() => _,
                    out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _,
                    out("d5") _, out("d6") _, out("d7") _, out("d8") _, out("d9") _,
                    options(nostack),
                );
            }
        }
    };
}

over_fours!(
    /// to = tanh(from), which may be the same.
    tanh, 2: to from;
    load!(A "from"),
    tanh!(A),
    store!(A "to"),
);

over_fours!(
    /// to = 1 / (1 + e^-from), which may be the same.
    sigmoid, 2: to from;
    load!(A "from"),
    sigmoid!(A),
    store!(A "to"),
);

over_fours!(
    /// A GRU, reset after, behind its products: n' = tanh(n + sigmoid(r) q),
    /// h = n' + sigmoid(z) (h - n').
    gru, 5: h r z n q;
    load!(A "r"),
    sigmoid!(A),
    load!(B "q"),
    four!("vmul.f32": A A B),
    load!(B "n"),
    four!("vadd.f32": A B A),
    tanh!(A),
    load!(D "z"),
    sigmoid!(D),
    look!(B "h"),
    four!("vsub.f32": B B A),
    four!("vmul.f32": B D B),
    four!("vadd.f32": A A B),
    store!(A "h"),
);

over_fours!(
    /// An LSTM cell behind its products and sigmoids: c = f c + i tanh(g), h = o tanh(c).
    lstm, 6: h c i f g o;
    load!(A "g"),
    tanh!(A),
    load!(B "i"),
    four!("vmul.f32": A B A),
    load!(B "f"),
    look!(C "c"),
    four!("vmul.f32": B B C),
    four!("vadd.f32": A B A),
    store!(A "c"),
    tanh!(A),
    load!(B "o"),
    four!("vmul.f32": A A B),
    store!(A "h"),
);

/// `kernel` on all units: fours of them where they are; the others in copies, of which the first
/// `written` go back.
///
/// # Safety
/// All are good for so many units.
#[inline(always)]
unsafe fn over_units<const K: usize>(
    of: [*mut f32; K],
    written: usize,
    units: usize,
    kernel: impl Fn([*mut f32; K], usize),
) {
    let (whole, rest) = (units / 4 * 4, units % 4);
    if whole > 0 {
        kernel(of, units / 4);
    }
    if rest > 0 {
        let mut copies = [[0.0; 4]; K];
        // SAFETY: the units behind the last four.
        unsafe {
            for (copy, of) in copies.iter_mut().zip(of) {
                for (i, copy) in copy.iter_mut().enumerate().take(rest) {
                    *copy = *of.add(whole + i);
                }
            }
            kernel(copies.each_mut().map(|copy| copy.as_mut_ptr()), 1);
            for (copy, of) in copies.iter().zip(of).take(written) {
                for (i, copy) in copy.iter().enumerate().take(rest) {
                    *of.add(whole + i) = *copy;
                }
            }
        }
    }
}

/// to = sigma(from)
///
/// # Safety
/// Both are good for so many units; they may be the same.
#[inline(always)]
pub(super) unsafe fn activate(
    activation: Activation,
    from: *const f32,
    to: *mut f32,
    units: usize,
) {
    let of = [to, from.cast_mut()];
    // SAFETY: as for the function; `from` is only read.
    unsafe {
        match activation {
            Activation::Tanh => over_units(of, 1, units, |of, fours| tanh(of, fours)),
            Activation::Sigmoid => over_units(of, 1, units, |of, fours| sigmoid(of, fours)),
            Activation::Relu => {
                for i in 0..units {
                    let z = *from.add(i);
                    *to.add(i) = if z > 0.0 { z } else { 0.0 };
                }
            }
        }
    }
}

/// h from what the products of a GRU, reset after, left in r, z, n and q.
#[inline(always)]
pub(super) fn gru_units(h: &mut [f32], [r, z, n, q]: [&[f32]; 4]) {
    let units = [r, z, n, q].iter().fold(h.len(), |units, of| units.min(of.len()));
    let [r, z, n, q] = [r, z, n, q].map(|of| of.as_ptr().cast_mut());
    // SAFETY: there are so many of all; only h is written.
    unsafe { over_units([h.as_mut_ptr(), r, z, n, q], 1, units, |of, fours| gru(of, fours)) }
}

/// h and c from what the products and sigmoids of an LSTM cell left in i, f, g and o.
#[inline(always)]
pub(super) fn lstm_units(h: &mut [f32], c: &mut [f32], [i, f, g, o]: [&[f32]; 4]) {
    let units = [i, f, g, o].iter().fold(h.len().min(c.len()), |units, of| units.min(of.len()));
    let [i, f, g, o] = [i, f, g, o].map(|of| of.as_ptr().cast_mut());
    let of = [h.as_mut_ptr(), c.as_mut_ptr(), i, f, g, o];
    // SAFETY: there are so many of all; only h and c are written.
    unsafe { over_units(of, 2, units, |of, fours| lstm(of, fours)) }
}
