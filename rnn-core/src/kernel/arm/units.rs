//! What stands behind the products, four units at a time: activations by the table, and the rest of
//! a GRU's and an LSTM's step. tanh takes 22.5 cycles on an M4, the logistic function 24.5. The
//! operations are those of [`approx`](crate::activation::approx) and of the cells' modules.
//!
//! Four units are in the registers A (s0-s3), B (s4-s7), C (s8-s11) or D (s12-s15).
#![allow(unsafe_code)]

use core::arch::asm;

use crate::activation::Activation;
use crate::activation::approx::{SCALE, TABLE};

/// The table's units in 1.
const UNITS: f32 = (SCALE * (1u32 << 28) as f64) as f32;

/// A register by the name of the four and the unit.
macro_rules! s {
    (A 0) => {
        "s0"
    };
    (A 1) => {
        "s1"
    };
    (A 2) => {
        "s2"
    };
    (A 3) => {
        "s3"
    };
    (B 0) => {
        "s4"
    };
    (B 1) => {
        "s5"
    };
    (B 2) => {
        "s6"
    };
    (B 3) => {
        "s7"
    };
    (C 0) => {
        "s8"
    };
    (C 1) => {
        "s9"
    };
    (C 2) => {
        "s10"
    };
    (C 3) => {
        "s11"
    };
    (D 0) => {
        "s12"
    };
    (D 1) => {
        "s13"
    };
    (D 2) => {
        "s14"
    };
    (D 3) => {
        "s15"
    };
    // Constants, the same for every unit.
    (units $i:tt) => {
        "s16"
    };
    (half_units $i:tt) => {
        "s17"
    };
    (half $i:tt) => {
        "s18"
    };
}

/// The same operation on four units.
macro_rules! four {
    ($op:literal: $to:ident $a:ident $b:ident) => {
        concat!(
            $op, " ", s!($to 0), ", ", s!($a 0), ", ", s!($b 0), "\n",
            $op, " ", s!($to 1), ", ", s!($a 1), ", ", s!($b 1), "\n",
            $op, " ", s!($to 2), ", ", s!($a 2), ", ", s!($b 2), "\n",
            $op, " ", s!($to 3), ", ", s!($a 3), ", ", s!($b 3), "\n",
        )
    };
    ($op:literal: $to:ident) => {
        concat!(
            $op, " ", s!($to 0), ", ", s!($to 0), "\n",
            $op, " ", s!($to 1), ", ", s!($to 1), "\n",
            $op, " ", s!($to 2), ", ", s!($to 2), "\n",
            $op, " ", s!($to 3), ", ", s!($to 3), "\n",
        )
    };
}

/// Two values in a double register, counted in the table's units: the row of each, the place within
/// it, and there the two cubics. Takes B and C.
macro_rules! cubics {
    ($d:literal $a:expr, $b:expr) => {
        concat!(
            "vmov {a}, {b}, ",
            $d,
            "\n",
            "ubfx {row}, {a}, #26, #6\n",
            "add {row}, {table}, {row}, lsl #4\n",
            "vldmia {row}, {{s4-s7}}\n",
            "ubfx {row}, {b}, #26, #6\n",
            "add {row}, {table}, {row}, lsl #4\n",
            "vldmia {row}, {{s8-s11}}\n",
            "bfc {a}, #26, #6\n",
            "bfc {b}, #26, #6\n",
            "vmov ",
            $d,
            ", {a}, {b}\n",
            "vcvt.f32.s32 ",
            $a,
            ", ",
            $a,
            "\n",
            "vcvt.f32.s32 ",
            $b,
            ", ",
            $b,
            "\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 s7, s7, s6\n",
            "vadd.f32 s11, s11, s10\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 s7, s7, s5\n",
            "vadd.f32 s11, s11, s9\n",
            "vmul.f32 s7, s7, ",
            $a,
            "\n",
            "vmul.f32 s11, s11, ",
            $b,
            "\n",
            "vadd.f32 ",
            $a,
            ", s7, s4\n",
            "vadd.f32 ",
            $b,
            ", s11, s8\n",
        )
    };
}

/// A or D = tanh of it. VCVT saturates, and NaN gives 0. Takes B and C.
macro_rules! tanh {
    ($v:ident) => {
        tanh!($v units)
    };
    (A $units:ident) => {
        concat!(
            four!("vmul.f32": A A $units), four!("vcvt.s32.f32": A),
            cubics!("d0" s!(A 0), s!(A 1)), cubics!("d1" s!(A 2), s!(A 3)),
        )
    };
    (D $units:ident) => {
        concat!(
            four!("vmul.f32": D D $units), four!("vcvt.s32.f32": D),
            cubics!("d6" s!(D 0), s!(D 1)), cubics!("d7" s!(D 2), s!(D 3)),
        )
    };
}

/// A or D = 0.5 + 0.5 tanh of half of it; half is taken with the units: a factor of 2 changes no bit,
/// and where half of a number isn't normal, it is less than one unit.
macro_rules! sigmoid {
    ($v:ident) => {
        concat!(tanh!($v half_units), four!("vmul.f32": $v $v half), four!("vadd.f32": $v $v half))
    };
}

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
                    "vmov s16, {a}",
                    "vmov s17, {b}",
                    "vmov.f32 s18, #0.5",
                    "2:",
                    $($line,)*
                    "subs {fours}, {fours}, #1",
                    "bne 2b",
                    $($of = inout(reg) $of => _,)*
                    fours = inout(reg) fours => _,
                    table = in(reg) TABLE.as_ptr(),
                    a = inout(reg) UNITS.to_bits() => _,
                    b = inout(reg) (0.5 * UNITS).to_bits() => _,
                    row = out(reg) _,
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
    "vldmia {from}!, {{s0-s3}}",
    tanh!(A),
    "vstmia {to}!, {{s0-s3}}",
);

over_fours!(
    /// to = 1 / (1 + e^-from), which may be the same.
    sigmoid, 2: to from;
    "vldmia {from}!, {{s0-s3}}",
    sigmoid!(A),
    "vstmia {to}!, {{s0-s3}}",
);

over_fours!(
    /// A GRU, reset after, behind its products: n' = tanh(n + sigmoid(r) q),
    /// h = n' + sigmoid(z) (h - n').
    gru, 5: h r z n q;
    "vldmia {r}!, {{s0-s3}}",
    sigmoid!(A),
    "vldmia {q}!, {{s4-s7}}",
    four!("vmul.f32": A A B),
    "vldmia {n}!, {{s4-s7}}",
    four!("vadd.f32": A B A),
    tanh!(A),
    "vldmia {z}!, {{s12-s15}}",
    sigmoid!(D),
    "vldmia {h}, {{s4-s7}}",
    four!("vsub.f32": B B A),
    four!("vmul.f32": B D B),
    four!("vadd.f32": A A B),
    "vstmia {h}!, {{s0-s3}}",
);

over_fours!(
    /// An LSTM cell behind its products and sigmoids: c = f c + i tanh(g), h = o tanh(c).
    lstm, 6: h c i f g o;
    "vldmia {g}!, {{s0-s3}}",
    tanh!(A),
    "vldmia {i}!, {{s4-s7}}",
    four!("vmul.f32": A B A),
    "vldmia {f}!, {{s4-s7}}",
    "vldmia {c}, {{s8-s11}}",
    four!("vmul.f32": B B C),
    four!("vadd.f32": A B A),
    "vstmia {c}!, {{s0-s3}}",
    tanh!(A),
    "vldmia {o}!, {{s4-s7}}",
    four!("vmul.f32": A A B),
    "vstmia {h}!, {{s0-s3}}",
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
