//! The fixed-point functions of the integer cells, to the bit: requantisation, tanh, sigmoid.
//!
//! | numbers | unit | range |
//! |---|---|---|
//! | states h, gates, tanh and sigmoid | 2^-15 ([`ONE`] is the largest) | 16 bits |
//! | arguments z of tanh, sums behind requantisation | 2^-17 ([`Z_BITS`]) | 32 bits, tanh holds +-8 |
//! | the LSTM's cell c | 2^-20 ([`C_BITS`]) | held within +-64 |
//! | outputs of the readout | 2^-16 ([`O_BITS`]) | 32 bits |
//!
//! `>>` rounds down, everywhere.

use core::ops::{Add, Sub};

/// The largest number of the states: 1 - 2^-15.
pub const ONE: i32 = i16::MAX as i32;
/// Bits behind the point of tanh's arguments.
pub const Z_BITS: u32 = 17;
/// Bits behind the point of the LSTM's cell.
pub const C_BITS: u32 = 20;
/// Bits behind the point of the readout's outputs.
pub const O_BITS: u32 = 16;

/// tanh's argument is held within +-2^20: +-8.
pub(crate) const Z_LIMIT: i32 = 1 << (Z_BITS + 3);
/// The LSTM's cell is held within +-2^26: +-64.
const C_LIMIT: i32 = 1 << (C_BITS + 6);

/// Pieces of the table of tanh, each 1/8 wide.
pub(crate) const PIECES: usize = 128;
/// Bits of the place within a piece.
pub(crate) const PIECE_BITS: u32 = 14;

/// A row of the table: y 2^31 = c0 + f ((c12 + f c2) >> 16) at the place f, counted from that end of the
/// piece that is a multiple of 1/4. The lower half of c12 is c2, the upper c1; c0 holds the 2^15 that
/// turns the shift at the end into rounding. Aligned, for a host gathers whole rows.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Piece {
    c0: i32,
    c12: i32,
}

pub(crate) static TABLE: [Piece; PIECES] = table();

/// (a b + 2^31) >> 32 on 64 bits: an M4's SMMULR. A sum times the row's multiplier is the sum in the
/// unit that is wanted: requantisation.
#[inline(always)]
pub const fn multiply_high(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64 + (1 << 31)) >> 32) as i32
}

/// A number of 32 bits, or a vector of them: what the cells are written over.
pub trait Number: Copy + Add<Output = Self> + Sub<Output = Self> {
    /// The same number everywhere.
    fn splat(v: i32) -> Self;
    /// Shifted down, rounding down.
    fn shift<const BITS: u32>(self) -> Self;
    /// Within -limit ... limit - 1.
    fn hold(self, limit: i32) -> Self;
    /// The product, which fits.
    fn times(self, b: Self) -> Self;
    /// (a b) >> 15 on 64 bits.
    fn scale(self, b: Self) -> Self;
    /// 2^31 tanh z, rounded in its upper half; z in 2^-17 and held within +-8.
    fn tanh_31(self) -> Self;
}

impl Number for i32 {
    #[inline(always)]
    fn splat(v: i32) -> Self {
        v
    }

    #[inline(always)]
    fn shift<const BITS: u32>(self) -> Self {
        self >> BITS
    }

    #[inline(always)]
    fn hold(self, limit: i32) -> Self {
        self.clamp(-limit, limit - 1)
    }

    #[inline(always)]
    fn times(self, b: Self) -> Self {
        self * b
    }

    #[inline(always)]
    fn scale(self, b: Self) -> Self {
        ((i64::from(self) * i64::from(b)) >> 15) as i32
    }

    /// An M4 takes SMLABB and SMLABT for it.
    #[inline(always)]
    fn tanh_31(self) -> Self {
        let z = self.hold(Z_LIMIT);
        let row = (z >> PIECE_BITS) as usize & (PIECES - 1);
        // From the nearest multiple of 1/4: 15 bits with their sign.
        let f = z << (31 - PIECE_BITS) >> (31 - PIECE_BITS);
        let Piece { c0, c12 } = TABLE[row];
        c0 + f * ((c12 + f * i32::from(c12 as i16)) >> 16)
    }
}

/// tanh z, z in 2^-17 and held within +-8, the result in 2^-15 within +-32767; at most 1.8 units off.
#[inline(always)]
pub fn tanh<N: Number>(z: N) -> N {
    z.tanh_31().shift::<16>()
}

/// 1 / (1 + e^-2z) = (1 + tanh z) / 2, z as in [`tanh`], the result in 2^-15 within 0 ... 32767. The
/// rows of a sigmoid's sums are requantised to half the argument, so the 2 is no work.
#[inline(always)]
pub fn sigmoid_of_half<N: Number>(z: N) -> N {
    z.tanh_31().shift::<17>() + N::splat(1 << 14)
}

/// a b for two numbers in 2^-15, rounded.
#[inline(always)]
pub fn multiply<N: Number>(a: N, b: N) -> N {
    (a.times(b) + N::splat(1 << 14)).shift::<15>()
}

/// n + z (h - n): all in 2^-15.
#[inline(always)]
pub fn blend<N: Number>(z: N, h: N, n: N) -> N {
    n + multiply(z, h - n)
}

/// f c + i g, c in 2^-20, held within +-64.
#[inline(always)]
pub fn cell<N: Number>(f: N, c: N, i: N, g: N) -> N {
    (c.scale(f) + i.times(g).shift::<{ 30 - C_BITS }>()).hold(C_LIMIT)
}

/// tanh of the LSTM's cell.
#[inline(always)]
pub fn tanh_of_cell<N: Number>(c: N) -> N {
    tanh(c.shift::<{ C_BITS - Z_BITS }>())
}

/// The table, computed by the compiler: in each piece the parabola through 32767 tanh at the three
/// Chebyshev nodes of the piece.
const fn table() -> [Piece; PIECES] {
    use crate::activation::approx::tanh_exact;
    // cos(pi/6): the nodes on [-1, 1] are -A, 0, A.
    const A: f64 = 0.866_025_403_784_438_6;
    let mut rows = [Piece { c0: 0, c12: 0 }; PIECES];
    let mut row = 0;
    while row < PIECES {
        let middle = (row as f64 - if row < PIECES / 2 { 0.0 } else { PIECES as f64 } + 0.5) / 8.0;
        let scale = 32767.0;
        let low = scale * tanh_exact(middle - A / 16.0);
        let mid = scale * tanh_exact(middle);
        let high = scale * tanh_exact(middle + A / 16.0);
        // y = mid + c1 v + c2 v^2 on v = -1 ... 1, then by s = 0 ... 1 or -1 ... 0 from an end, v = 2 s - end.
        let c1 = (high - low) / (2.0 * A);
        let c2 = (high + low - 2.0 * mid) / (2.0 * A * A);
        let end = if row % 2 == 0 { 1.0 } else { -1.0 };
        let (d0, d1, d2) = (mid - end * c1 + c2, 2.0 * c1 - end * 4.0 * c2, 4.0 * c2);
        let half = round(d2 * 16.0) as i16 as u16 as i32;
        // Half a unit, so that the shift rounds; less what the lower half adds.
        let upper = round(d1 * 4.0 + 0.5 - half as f64 / 65536.0);
        rows[row] = Piece { c0: round(d0 * 65536.0) + (1 << 15), c12: (upper << 16) + half };
        row += 1;
    }
    rows
}

/// The nearest integer.
const fn round(v: f64) -> i32 {
    (if v < 0.0 { v - 0.5 } else { v + 0.5 }) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All arguments that there are.
    fn arguments() -> impl Iterator<Item = i32> {
        -Z_LIMIT - 3..Z_LIMIT + 3
    }

    #[test]
    fn tanh_keeps_its_stated_error() {
        let error = |z: i32| {
            let exact = 32768.0 * libm::tanh(f64::from(z) / f64::from(1 << Z_BITS));
            (f64::from(tanh(z)) - exact).abs()
        };
        let largest = arguments().map(error).fold(0.0, f64::max);
        assert!(largest <= 1.8, "{largest}");
    }

    #[test]
    fn tanh_stays_within_the_states() {
        assert!(arguments().all(|z| tanh(z) >= -ONE));
        assert_eq!([i32::MIN, -1 << 20, (1 << 20) - 1, i32::MAX].map(tanh), [-ONE, -ONE, ONE, ONE]);
        assert_eq!([i32::MIN, i32::MAX].map(sigmoid_of_half), [0, ONE]);
        assert!(tanh(0).abs() <= 1);
    }

    /// What is written with plain operators must not overflow: debug builds panic where one does.
    #[test]
    fn extremes_do_not_overflow() {
        for a in [i32::MIN, -C_LIMIT, -1, 0, 1, C_LIMIT - 1, i32::MAX] {
            assert!(multiply_high(a, i32::MAX).abs() <= 1 << 30);
            for f in [0, 1, ONE] {
                for i in [0, 1, ONE] {
                    for g in [-ONE, 0, ONE] {
                        let c = a.hold(C_LIMIT);
                        assert!((-C_LIMIT..C_LIMIT).contains(&cell(f, c, i, g)));
                    }
                }
            }
        }
        for h in [-ONE - 1, -1, 0, 1, ONE] {
            for n in [-ONE, -1, 0, 1, ONE] {
                for z in [0, 1, ONE - 1, ONE] {
                    let (low, high) = (h.min(n), h.max(n));
                    assert!((low..=high).contains(&blend(z, h, n)), "{z} {h} {n}");
                }
            }
        }
    }

    #[test]
    fn products_are_rounded() {
        assert_eq!(multiply(ONE, ONE), 32766);
        assert_eq!([multiply(1, 16384), multiply(1, 16383), multiply(-1, 16384)], [1, 0, 0]);
        assert_eq!([multiply_high(1, i32::MAX), multiply_high(i32::MIN, 2)], [0, -1]);
        assert_eq!([(-1).scale(1), 1.scale(ONE)], [-1, 0]);
    }
}
