//! Blocks of a matrix between memory and registers, and the addresses of their columns.
#![allow(clippy::needless_range_loop)] // r and c count registers and memory alike.

use core::arch::asm;

use super::vector::Vector;

/// The bytes of 1, 3, 5 and 7 times so many numbers: an address takes up these and their multiples
/// without an addition, which would take the place of a multiply-add.
#[derive(Clone, Copy)]
pub(super) struct Multiples([usize; 4]);

impl Multiples {
    #[inline(always)]
    pub(super) fn new(count: usize) -> Self {
        Multiples([1, 3, 5, 7].map(|odd| odd * count * size_of::<f32>()))
    }

    /// 0 ... 7 times; hidden from the compiler, which would add.
    #[inline(always)]
    pub(super) fn all(&self) -> [usize; 8] {
        let [one, three, five, seven] = self.0.map(hidden);
        [0, one, 2 * one, three, 4 * one, five, 2 * three, seven]
    }
}

/// `n`, of which the compiler knows no longer where it comes from.
#[inline(always)]
fn hidden(mut n: usize) -> usize {
    // SAFETY: no instruction at all.
    #[allow(unsafe_code)]
    unsafe {
        asm!("/* {} */", inout(reg) n, options(pure, nomem, nostack, preserves_flags));
    }
    n
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

/// C columns of R vectors, the bytes between the first and each of them given.
///
/// # Safety
/// As in [`load`].
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn read<V: Vector, const R: usize, const C: usize, const PART: bool>(
    from: *const f32,
    lines: &[usize],
    mask: V::Mask,
) -> [[V; R]; C] {
    // SAFETY: the caller's.
    unsafe {
        let mut columns = [[V::splat(0.0); R]; C];
        for c in 0..C {
            columns[c] = load::<V, R, PART>(from.wrapping_byte_add(lines[c]), mask);
        }
        columns
    }
}

/// The way back of [`read`].
///
/// # Safety
/// As there.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn write<V: Vector, const R: usize, const C: usize, const PART: bool>(
    columns: [[V; R]; C],
    to: *mut f32,
    lines: &[usize],
    mask: V::Mask,
) {
    // SAFETY: the caller's.
    unsafe {
        for c in 0..C {
            store::<V, R, PART>(columns[c], to.wrapping_byte_add(lines[c]), mask);
        }
    }
}
