//! Cortex-M55: VMLADAVA, the sum of eight products. Four rows at a time share a load of what they read;
//! the last columns of a row are a vector with fewer lanes.
//!
//! Per four rows of 64 columns of 8 bits: 8 times (VLDRH of x, four VLDRB.S16, four VMLADAVA, LETP), 11
//! instructions around, 5 for the requantisation: 0.375 per multiply-add.
#![allow(unsafe_code)]

use core::arch::{asm, naked_asm};

use super::{Kernel, OneHot, elsewhere, start};
use crate::quant::block::{BlockRef, Layout, Narrow};

/// For [`Layout::Rows`]; what lies otherwise is left to [`Portable`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Helium;

impl Kernel for Helium {
    #[inline(always)]
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        match (block.layout, block.narrow) {
            (Layout::Rows, Narrow::Bytes(_) | Narrow::Halves(_)) => {
                if hot.is_some() {
                    start(block, hot, out);
                }
                match block.narrow {
                    Narrow::Bytes(_) => multiply::<1>(block, hot.is_some(), v, out),
                    _ => multiply::<2>(block, hot.is_some(), v, out),
                }
            }
            _ => elsewhere(block, hot, v, out),
        }
    }
}

/// For narrow weights of so many bytes; where `out` is started, `v` holds the values of the narrow columns
/// alone.
#[inline(never)]
fn multiply<const BYTES: usize>(block: &BlockRef<'_>, started: bool, v: &[i16], out: &mut [i32]) {
    let (w, weights): (*const u8, usize) = match block.narrow {
        Narrow::Bytes(w) => (w.as_ptr().cast(), w.len()),
        Narrow::Quads(words) => (words.as_ptr().cast(), words.len()),
        Narrow::Halves(w) | Narrow::Pairs(w) => (w.as_ptr().cast(), w.len()),
    };
    let (rows, columns) = (out.len(), block.narrow_columns);
    let wide = if started { 0 } else { block.wide_columns };
    let requantised = block.multipliers.len() == rows;
    let fits = rows > 0
        && rows % 2 == 0
        && block.bias.len() == rows
        && (requantised || block.multipliers.is_empty())
        && block.wide.len() == rows * block.wide_columns
        && weights == rows * columns
        && v.len() == wide + columns
        && (started || v.len() > 0)
        && (wide | columns) % 2 == 0
        && (wide == 0 || block.wide.as_ptr().cast::<u32>().is_aligned());
    debug_assert!(fits, "a block has the sizes that its network counts");
    if !fits {
        return;
    }
    let mut pass = Pass {
        w: block.wide.as_ptr().cast(),
        x: v.as_ptr(),
        columns: wide,
        starts: if started { out.as_ptr() } else { block.bias.as_ptr() },
        out: out.as_mut_ptr(),
        rows,
        beyond: 0,
    };
    // SAFETY: the sizes and the alignment were checked.
    unsafe {
        if wide > 0 {
            pairs(&pass);
            pass.starts = pass.out;
        }
        if columns > 0 {
            pass.w = w;
            pass.x = pass.x.wrapping_add(wide);
            pass.columns = columns;
            pass.beyond = BYTES * (columns.next_multiple_of(8) - columns);
            if BYTES == 1 { bytes(&pass) } else { halves(&pass) }
        }
        if requantised {
            requantise(block.multipliers.as_ptr(), pass.out, rows);
        }
    }
}

/// out = starts + W x
#[repr(C)] // The assembly reads the fields in this order.
struct Pass {
    /// Row after row.
    w: *const u8,
    x: *const i16,
    /// Columns of W, even, above 0.
    columns: usize,
    /// May be `out`.
    starts: *const i32,
    out: *mut i32,
    /// Rows, even, above 0.
    rows: usize,
    /// Bytes between the end of a row and that of its last vector.
    beyond: usize,
}

/// A core with Helium. (What is assembled outside of functions knows nothing of the chip but its target.)
macro_rules! core {
    () => {
        ".cpu cortex-m55\n"
    };
}

/// The sums of narrow weights: r0, r2, r4 and r6 of the rows at r1, r3, r5 and r7; x at r8. r9 columns,
/// r10 starts, r11 out, r12 rows that are left beyond these. Stack, upwards: beyond, x.
macro_rules! sums {
    ($load:literal, $bytes:literal, $shift:literal) => {
        concat!(
            core!(),
            "push {{r4-r11, lr}}\n",
            "ldr r2, [r0, #24]\n",
            "ldm r0, {{r1, r8, r9, r10, r11, r12}}\n",
            "push {{r2, r8}}\n",
            "subs r12, r12, #4\n",
            "blo 4f\n",
            "2:\n",
            "ldr r8, [sp, #4]\n",
            "add r3, r1, r9",
            $shift,
            "\n",
            "add r5, r3, r9",
            $shift,
            "\n",
            "add r7, r5, r9",
            $shift,
            "\n",
            "ldm r10!, {{r0, r2, r4, r6}}\n",
            "dlstp.16 lr, r9\n",
            "3:\n",
            "vldrh.u16 q0, [r8], #16\n",
            $load,
            " q1, [r1], #",
            $bytes,
            "\n",
            "vmladava.s16 r0, q0, q1\n",
            $load,
            " q2, [r3], #",
            $bytes,
            "\n",
            "vmladava.s16 r2, q0, q2\n",
            $load,
            " q3, [r5], #",
            $bytes,
            "\n",
            "vmladava.s16 r4, q0, q3\n",
            $load,
            " q1, [r7], #",
            $bytes,
            "\n",
            "vmladava.s16 r6, q0, q1\n",
            "letp lr, 3b\n",
            "stm r11!, {{r0, r2, r4, r6}}\n",
            "ldr r1, [sp]\n",
            "sub r1, r7, r1\n",
            "subs r12, r12, #4\n",
            "bhs 2b\n",
            // Two rows are left, or none.
            "4:\n",
            "cmn r12, #2\n",
            "bne 6f\n",
            "ldr r8, [sp, #4]\n",
            "add r3, r1, r9",
            $shift,
            "\n",
            "ldm r10, {{r0, r2}}\n",
            "dlstp.16 lr, r9\n",
            "5:\n",
            "vldrh.u16 q0, [r8], #16\n",
            $load,
            " q1, [r1], #",
            $bytes,
            "\n",
            "vmladava.s16 r0, q0, q1\n",
            $load,
            " q2, [r3], #",
            $bytes,
            "\n",
            "vmladava.s16 r2, q0, q2\n",
            "letp lr, 5b\n",
            "stm r11, {{r0, r2}}\n",
            "6:\n",
            "add sp, sp, #8\n",
            "pop {{r4-r11, pc}}\n",
        )
    };
}

/// Weights of 8 bits.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
unsafe extern "C" fn bytes(pass: &Pass) {
    naked_asm!(sums!("vldrb.s16", "8", ""))
}

/// Weights of 16 bits.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
unsafe extern "C" fn halves(pass: &Pass) {
    naked_asm!(sums!("vldrh.u16", "16", ", lsl #1"))
}

/// The sums of the wide columns, of which there are few, with 16-bit weights: one pair of them after the
/// other, of four rows at a time.
///
/// # Safety
/// All that the pass names is there; `w` is aligned to words.
#[unsafe(naked)]
unsafe extern "C" fn pairs(pass: &Pass) {
    naked_asm!(
        core!(),
        "push {{r4-r8, lr}}",
        // r1 w, r2 x, r3 columns, r4 starts, r5 out, r12 rows
        "ldm r0, {{r1, r2, r3, r4, r5, r12}}",
        // q3: where the words of four rows lie; r8: bytes to the next four.
        "lsl r7, r3, #1",
        "lsl r8, r3, #3",
        "movs r6, #0",
        "vidup.u32 q3, r6, #1",
        "vmul.i32 q3, q3, r7",
        "2:",
        "ldr r6, [r2], #4",
        "vdup.32 q0, r6",
        "mov r0, r1",
        "mov r7, r5",
        "dlstp.32 lr, r12",
        "3:",
        "vldrw.u32 q1, [r0, q3]",
        "add r0, r0, r8",
        "vmullb.s16 q2, q1, q0",
        "vmullt.s16 q1, q1, q0",
        "vadd.i32 q1, q1, q2",
        "vldrw.u32 q2, [r4], #16",
        "vadd.i32 q1, q1, q2",
        "vstrw.32 q1, [r7], #16",
        "letp lr, 3b",
        "mov r4, r5",
        "adds r1, r1, #4",
        "subs r3, r3, #2",
        "bne 2b",
        "pop {{r4-r8, pc}}",
    )
}

/// out = (out m + 2^31) >> 32: VRMULH.
///
/// # Safety
/// There are so many rows, above 0, of both.
#[inline(always)]
unsafe fn requantise(multipliers: *const i32, out: *mut i32, rows: usize) {
    // SAFETY: as for the function.
    unsafe {
        asm!(
            "dlstp.32 lr, {rows}",
            "2:",
            "vldrw.u32 q0, [{out}]",
            "vldrw.u32 q1, [{multipliers}], #16",
            "vrmulh.s32 q0, q0, q1",
            "vstrw.32 q0, [{out}], #16",
            "letp lr, 2b",
            rows = in(reg) rows,
            out = inout(reg) out => _,
            multipliers = inout(reg) multipliers => _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("lr") _,
            options(nostack),
        );
    }
}
