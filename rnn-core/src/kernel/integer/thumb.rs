//! Cortex-M0, M3 and what else has no SMLAD: one product at a time, of four rows that share a load of
//! what they read. On an M0 four products take 16 instructions, LDRSB, MULS and ADD for each; the sums lie
//! in the upper registers, which LDM and MULS can't reach, but ADD can.
#![allow(unsafe_code)]

use core::arch::naked_asm;

use super::portable::requantise;
use super::{Kernel, OneHot, elsewhere, start};
use crate::quant::block::{BlockRef, Layout, Narrow};

/// For [`Layout::Rows`]; what lies otherwise is left to [`Portable`](super::Portable).
#[derive(Clone, Copy, Debug)]
pub(super) struct Thumb;

impl Kernel for Thumb {
    #[inline(always)]
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        let (wide, narrow) = block.split(v);
        match (block.layout, block.narrow) {
            (Layout::Rows, Narrow::Bytes(w)) => {
                start(block, hot, out);
                add_halves(block.wide, wide, out);
                add_bytes(w, narrow, out);
            }
            (Layout::Rows, Narrow::Halves(w)) => {
                start(block, hot, out);
                add_halves(block.wide, wide, out);
                add_halves(w, narrow, out);
            }
            _ => return elsewhere(block, hot, v, out),
        }
        scale(block.multipliers, out);
    }
}

/// [`requantise`], once for all blocks.
#[inline(never)]
fn scale(multipliers: &[i32], out: &mut [i32]) {
    requantise(multipliers, out);
}

/// out += W x, weights of 8 bits.
#[inline(never)]
fn add_bytes(w: &[i8], x: &[i16], out: &mut [i32]) {
    if let Some(mut pass) = Pass::new(w, x, out) {
        // SAFETY: the sizes were checked.
        unsafe { bytes(&mut pass) }
    }
}

/// out += W x, weights of 16 bits.
#[inline(never)]
fn add_halves(w: &[i16], x: &[i16], out: &mut [i32]) {
    if let Some(mut pass) = Pass::new(w, x, out) {
        // SAFETY: the sizes were checked.
        unsafe { halves(&mut pass) }
    }
}

/// Sums that are to be added to; the assembly moves it on.
#[repr(C)] // The assembly reads the fields in this order.
struct Pass {
    /// The weights of the next rows.
    w: *const u8,
    /// Bytes of a row.
    row: usize,
    /// Behind x.
    x_end: *const i16,
    out: *mut i32,
    /// Rows that are left, even.
    rows: usize,
}

impl Pass {
    /// `None` where there is nothing to add.
    #[inline(always)]
    fn new<W>(w: &[W], x: &[i16], out: &mut [i32]) -> Option<Self> {
        let (rows, columns) = (out.len(), x.len());
        let fits = w.len() == rows * columns && (rows | columns) % 2 == 0;
        debug_assert!(fits || columns == 0, "a block has the sizes that its network counts");
        (fits && columns > 0).then_some(Pass {
            w: w.as_ptr().cast(),
            row: columns * size_of::<W>(),
            x_end: x.as_ptr_range().end,
            out: out.as_mut_ptr(),
            rows,
        })
    }
}

/// A sum in an upper register += r7, the weight at r5 behind the end of a row, times x in r6.
#[cfg(arm_mla)]
macro_rules! product {
    ($load:literal $end:literal $sum:literal) => {
        concat!($load, " r7, [", $end, ", r5]\nmla ", $sum, ", r7, r6, ", $sum, "\n")
    };
}
#[cfg(not(arm_mla))]
macro_rules! product {
    ($load:literal $end:literal $sum:literal) => {
        concat!($load, " r7, [", $end, ", r5]\nmuls r7, r6, r7\nadd ", $sum, ", r7\n")
    };
}

/// x of the column at r5 into r6, where r5 counts bytes of weights.
#[cfg(arm_mla)]
macro_rules! beside_bytes {
    () => {
        "ldrsh r6, [r4, r5, lsl #1]\n"
    };
}
#[cfg(not(arm_mla))]
macro_rules! beside_bytes {
    () => {
        "lsls r6, r5, #1\nldrsh r6, [r4, r6]\n"
    };
}

/// Two columns of rows that end at so many registers, x ending at r4; r5 counts up to 0.
macro_rules! columns {
    ($load:literal $bytes:literal: $x:expr; $($end:literal $sum:literal),*) => {
        concat!(
            "3:\n",
            $x, $(product!($load $end $sum),)* "adds r5, #", $bytes, "\n",
            $x, $(product!($load $end $sum),)* "adds r5, #", $bytes, "\n",
            "bne 3b\n",
        )
    };
}

/// The sums, fours of rows and two that are left. r12 is the pass.
macro_rules! sums {
    ($load:literal $bytes:literal: $x:expr) => {
        concat!(
            "push {{r4-r7, lr}}\n",
            "mov r4, r8\n",
            "mov r5, r9\n",
            "mov r6, r10\n",
            "mov r7, r11\n",
            "push {{r4-r7}}\n",
            "mov r12, r0\n",
            "2:\n",
            "mov r0, r12\n",
            "ldr r5, [r0, #16]\n",
            "subs r5, #4\n",
            "blo 4f\n",
            "str r5, [r0, #16]\n",
            "ldr r6, [r0, #12]\n",
            "ldmia r6!, {{r1-r4}}\n",
            "mov r8, r1\n",
            "mov r9, r2\n",
            "mov r10, r3\n",
            "mov r11, r4\n",
            "ldr r7, [r0, #0]\n",
            "ldr r4, [r0, #4]\n",
            "adds r7, r7, r4\n",
            "adds r1, r7, r4\n",
            "adds r2, r1, r4\n",
            "adds r3, r2, r4\n",
            "str r3, [r0, #0]\n",
            "rsbs r5, r4, #0\n",
            "ldr r4, [r0, #8]\n",
            "mov r0, r7\n",
            columns!($load $bytes: $x; "r0" "r8", "r1" "r9", "r2" "r10", "r3" "r11"),
            "mov r1, r8\n",
            "mov r2, r9\n",
            "mov r3, r10\n",
            "mov r4, r11\n",
            "mov r0, r12\n",
            "ldr r6, [r0, #12]\n",
            "stmia r6!, {{r1-r4}}\n",
            "str r6, [r0, #12]\n",
            "b 2b\n",
            "4:\n",
            "adds r5, #4\n",
            "beq 5f\n",
            "ldr r6, [r0, #12]\n",
            "ldmia r6!, {{r1, r2}}\n",
            "mov r8, r1\n",
            "mov r9, r2\n",
            "ldr r7, [r0, #0]\n",
            "ldr r4, [r0, #4]\n",
            "adds r7, r7, r4\n",
            "adds r1, r7, r4\n",
            "rsbs r5, r4, #0\n",
            "ldr r4, [r0, #8]\n",
            "mov r0, r7\n",
            columns!($load $bytes: $x; "r0" "r8", "r1" "r9"),
            "mov r1, r8\n",
            "mov r2, r9\n",
            "mov r0, r12\n",
            "ldr r6, [r0, #12]\n",
            "stmia r6!, {{r1, r2}}\n",
            "5:\n",
            "pop {{r4-r7}}\n",
            "mov r8, r4\n",
            "mov r9, r5\n",
            "mov r10, r6\n",
            "mov r11, r7\n",
            "pop {{r4-r7, pc}}\n",
        )
    };
}

/// Weights of 8 bits.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
unsafe extern "C" fn bytes(pass: &mut Pass) {
    naked_asm!(sums!("ldrsb" "1": beside_bytes!()))
}

/// Weights of 16 bits.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
unsafe extern "C" fn halves(pass: &mut Pass) {
    naked_asm!(sums!("ldrsh" "2": "ldrsh r6, [r4, r5]\n"))
}
