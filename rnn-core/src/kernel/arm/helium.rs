//! The products with Helium, as many outputs at a time as there are registers for their sums. Weights
//! are read in place: nalgebra's columns hold the rows of a panel one after the other.
//!
//! Per column of 24 rows: six times VLDRW, VMUL by x and VADD, the step to the next column, and for
//! eight columns two LDM of x and one LE: 19.4 instructions, 0.81 per multiply-add. Loads stand between
//! operations of the other vectors, so that both pipes of an M55 have something to do.
#![allow(unsafe_code)]

use core::arch::asm;
use core::mem::offset_of;
use core::ops::Range;

use super::product::Affine;

/// The columns of an operand, as the loops count them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Count {
    eights: usize,
    rest: usize,
}

impl Count {
    #[inline(always)]
    pub(super) fn new(columns: usize) -> Self {
        Count { eights: columns / 8, rest: columns % 8 }
    }
}

/// All rows: 24 at a time, the rest by the narrowest panel that covers it. Inlined, so that sizes
/// known to the compiler choose the panels that are linked.
///
/// # Safety
/// What `job` points to is good for its sizes, `out` apart from the rest.
#[inline(always)]
pub(super) unsafe fn over_rows(job: &Affine) {
    let rows = job.rows;
    let rest = rows % 24;
    let wide = if rest > 16 && rows > 24 { rows } else { rows - rest };
    // SAFETY: as for the function.
    unsafe {
        if wide > 0 {
            panels_24(job, 0..wide);
        }
        match rows - wide {
            0 => {}
            9.. if rows >= 16 => panels_16(job, wide.min(rows - 16)..rows),
            5.. if rows >= 8 => panels_8(job, wide.min(rows - 8)..rows),
            _ if rows >= 4 => panels_4(job, wide.min(rows - 4)..rows),
            _ => panels_1(job, wide..rows),
        }
    }
}

/// A panel's rows in one column: the first vectors have their sums in q0, q1, ..., weights are in q6
/// and q7. W is read at r8, x at r9.
macro_rules! column {
    (24 $x:literal) => {
        concat!(column!(@ $x "q6" "q0", "q7" "q1"), column!(@ $x "q6" "q2", "q7" "q3"),
                column!(@ $x "q6" "q4", "q7" "q5"))
    };
    (16 $x:literal) => {
        concat!(column!(@ $x "q6" "q0", "q7" "q1"), column!(@ $x "q6" "q2", "q7" "q3"))
    };
    (8 $x:literal) => {
        column!(@ $x "q6" "q0", "q7" "q1")
    };
    (4 $x:literal) => {
        column!(@ $x "q6" "q0")
    };
    (1 $x:literal) => {
        concat!("vldr s24, [r8]\nadd r8, r8, #4\nvmov s25, ", $x, "\n",
                "vmul.f32 s24, s24, s25\nvadd.f32 s0, s0, s24\n")
    };
    (@ $x:literal $($w:literal $sum:literal),*) => {
        concat!(
            $("vldrw.u32 ", $w, ", [r8], #16\n",
              "vmul.f32 ", $w, ", ", $w, ", ", $x, "\n",)*
            $("vadd.f32 ", $sum, ", ", $sum, ", ", $w, "\n",)*
        )
    };
}

/// Four columns, each with the step to the next one.
macro_rules! four_columns {
    ($rows:tt) => {
        concat!(
            "ldm r9!, {{r0, r1, r2, r3}}\n",
            column!($rows "r0"), "add r8, r8, {step}\n",
            column!($rows "r1"), "add r8, r8, {step}\n",
            column!($rows "r2"), "add r8, r8, {step}\n",
            column!($rows "r3"), "add r8, r8, {step}\n",
        )
    };
}

/// The sums of a panel, loaded or stored.
macro_rules! sums {
    ($op:literal $at:literal: $($sum:literal $offset:literal),*) => {
        concat!($($op, " ", $sum, ", [", $at, ", #", $offset, "]\n",)*)
    };
}

macro_rules! panels {
    ($name:ident, $rows:tt = $bytes:literal, $load:literal $store:literal: $($sum:literal $at:literal),*) => {
        /// The rows in `rows`, so many at a time; the last panel is moved back to end with them.
        ///
        /// # Safety
        /// `rows` are of those that exist, and as many as a panel has or more; what `job` points to is
        /// good for its sizes, `out` apart from the rest.
        #[inline(never)]
        unsafe fn $name(job: &Affine, rows: Range<usize>) {
            let last = rows.end - $rows;
            // SAFETY: as for the function; the flags are clobbered by default.
            unsafe {
                asm!(
                    "2:",
                    "ldrd r8, r9, [{job}, #{bias}]", // and the mask
                    "and r9, r9, {at}",
                    "add r8, r8, r9",
                    sums!($load "r8": $($sum $at),*),
                    "ldr {operand}, [{job}, #{first}]",
                    "3:",
                    "ldm {operand}!, {{r8, r9, r10}}",
                    "add r8, r8, {at}",
                    // Eight columns at a time.
                    "wls lr, r10, 5f",
                    "4:",
                    four_columns!($rows),
                    four_columns!($rows),
                    "le lr, 4b",
                    // The others.
                    "5:",
                    "ldr r10, [{operand}], #4",
                    "wls lr, r10, 7f",
                    "6:",
                    "ldr r0, [r9], #4",
                    column!($rows "r0"),
                    "add r8, r8, {step}",
                    "le lr, 6b",
                    "7:",
                    "ldrd r9, r8, [{job}, #{end}]", // and out
                    "cmp {operand}, r9",
                    "bne 3b",
                    "add r8, r8, {at}",
                    sums!($store "r8": $($sum $at),*),
                    "cmp {at}, {last}",
                    "beq 8f",
                    concat!("add {at}, {at}, #", $bytes),
                    "cmp {at}, {last}",
                    "bls 2b",
                    // Within the last panel: that is taken as well.
                    "mov {at}, {last}",
                    "b 2b",
                    "8:",
                    first = const offset_of!(Affine, first),
                    end = const offset_of!(Affine, end),
                    bias = const offset_of!(Affine, bias),
                    job = in(reg) job,
                    at = inout(reg) rows.start * size_of::<f32>() => _,
                    last = in(reg) last * size_of::<f32>(),
                    step = in(reg) (job.rows - $rows) * size_of::<f32>(),
                    operand = out(reg) _,
                    out("r0") _, out("r1") _, out("r2") _, out("r3") _,
                    out("r8") _, out("r9") _, out("r10") _, out("lr") _,
                    out("d0") _, out("d1") _, out("d2") _, out("d3") _,
                    out("d4") _, out("d5") _, out("d6") _, out("d7") _,
                    out("d8") _, out("d9") _, out("d10") _, out("d11") _,
                    out("d12") _, out("d13") _, out("d14") _, out("d15") _,
                    options(nostack),
                );
            }
        }
    };
}

panels!(
    panels_24, 24 = "96", "vldrw.u32" "vstrw.32":
    "q0" "0", "q1" "16", "q2" "32", "q3" "48", "q4" "64", "q5" "80"
);
panels!(
    panels_16, 16 = "64", "vldrw.u32" "vstrw.32":
    "q0" "0", "q1" "16", "q2" "32", "q3" "48"
);
panels!(panels_8, 8 = "32", "vldrw.u32" "vstrw.32": "q0" "0", "q1" "16");
panels!(panels_4, 4 = "16", "vldrw.u32" "vstrw.32": "q0" "0");
panels!(panels_1, 1 = "4", "vldr" "vstr": "s0" "0");
