//! The products, as many outputs at a time as there are registers for their sums. Weights are read
//! in place: nalgebra's columns hold the rows of a panel one after the other.
//!
//! Per column of 16 rows: two VLDM of eight weights (2 x 9 cycles on an M4), 16 VMUL, 16 VADD, and
//! x, the step to the next column and the loop, eight columns at a time (2.63): 3.29 cycles per
//! multiply-add, of which 3 are the least. VFMA would take 3 by itself, and round once.
#![allow(unsafe_code)]

use core::arch::asm;
use core::ops::Range;

use super::product::Affine;

/// The columns of an operand, as the loops count them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Count(usize);

impl Count {
    #[inline(always)]
    pub(super) fn new(columns: usize) -> Self {
        Count(columns)
    }
}

/// All rows: 16 at a time, the rest by the narrowest panel that covers it. Inlined, so that sizes
/// known to the compiler choose the panels that are linked.
///
/// # Safety
/// What `job` points to is good for its sizes, `out` apart from the rest.
#[inline(always)]
pub(super) unsafe fn over_rows(job: &Affine) {
    let rows = job.rows;
    let rest = rows % 16;
    let wide = if rest > 8 && rows > 16 { rows } else { rows - rest };
    // SAFETY: as for the function.
    unsafe {
        if wide > 0 {
            panels_16(job, 0..wide);
        }
        match rows - wide {
            0 => {}
            5.. if rows >= 8 => panels_8(job, wide.min(rows - 8)..rows),
            _ if rows >= 4 => panels_4(job, wide.min(rows - 4)..rows),
            _ => panels_1(job, wide..rows),
        }
    }
}

/// Weights of a column, times x, to as many sums.
macro_rules! multiply_add {
    ($x:literal: $list:literal $($w:literal $sum:literal),*) => {
        concat!(
            "vldmia {w}!, {{", $list, "}}\n",
            $("vmul.f32 ", $w, ", ", $w, ", ", $x, "\n",)*
            $("vadd.f32 ", $sum, ", ", $sum, ", ", $w, "\n",)*
        )
    };
}

/// The rows of a panel in one column.
macro_rules! column {
    (16 $x:literal) => {
        concat!(
            column!(8 $x),
            multiply_add!($x: "s0-s7" "s0" "s24", "s1" "s25", "s2" "s26", "s3" "s27",
                          "s4" "s28", "s5" "s29", "s6" "s30", "s7" "s31"),
        )
    };
    (8 $x:literal) => {
        multiply_add!($x: "s0-s7" "s0" "s16", "s1" "s17", "s2" "s18", "s3" "s19",
                      "s4" "s20", "s5" "s21", "s6" "s22", "s7" "s23")
    };
    (4 $x:literal) => {
        multiply_add!($x: "s0-s3" "s0" "s16", "s1" "s17", "s2" "s18", "s3" "s19")
    };
    (1 $x:literal) => {
        multiply_add!($x: "s0" "s0" "s16")
    };
}

macro_rules! panels {
    (
        $name:ident, $rows:tt = $bytes:literal in $sums:literal,
        $at_once:literal in $list:literal: $($x:literal)*
    ) => {
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
                    "and {t}, {at}, {mask}",
                    "add {t}, {t}, {bias}",
                    concat!("vldmia {t}, {{", $sums, "}}"),
                    "mov {operand}, {first}",
                    "3:",
                    "ldr {w}, [{operand}], #4",
                    "ldr {x}, [{operand}], #4",
                    "ldr {t}, [{operand}], #4",
                    "add {w}, {w}, {at}",
                    // So many columns at a time.
                    concat!("subs {t}, {t}, #", $at_once),
                    "blo 5f",
                    "4:",
                    concat!("vldmia {x}!, {{", $list, "}}"),
                    $(column!($rows $x), "add {w}, {w}, {step}",)*
                    concat!("subs {t}, {t}, #", $at_once),
                    "bhs 4b",
                    // The others.
                    "5:",
                    concat!("adds {t}, {t}, #", $at_once),
                    "beq 7f",
                    "6:",
                    "vldmia {x}!, {{s8}}",
                    column!($rows "s8"),
                    "add {w}, {w}, {step}",
                    "subs {t}, {t}, #1",
                    "bne 6b",
                    "7:",
                    "cmp {operand}, {end}",
                    "bne 3b",
                    "add {t}, {out}, {at}",
                    concat!("vstmia {t}, {{", $sums, "}}"),
                    concat!("add {at}, {at}, #", $bytes),
                    "cmp {at}, {last}",
                    "bls 2b",
                    // Behind the last panel, or within it: then it is taken as well.
                    "sub {t}, {at}, {last}",
                    "mov {at}, {last}",
                    concat!("cmp {t}, #", $bytes),
                    "bne 2b",
                    first = in(reg) job.first,
                    end = in(reg) job.end,
                    out = in(reg) job.out,
                    bias = in(reg) job.bias,
                    mask = in(reg) job.mask,
                    at = inout(reg) rows.start * size_of::<f32>() => _,
                    last = in(reg) last * size_of::<f32>(),
                    step = in(reg) (job.rows - $rows) * size_of::<f32>(),
                    operand = out(reg) _,
                    w = out(reg) _,
                    x = out(reg) _,
                    t = out(reg) _,
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
    panels_16, 16 = "64" in "s16-s31",
    "8" in "s8-s15": "s8" "s9" "s10" "s11" "s12" "s13" "s14" "s15"
);
panels!(panels_8, 8 = "32" in "s16-s23", "4" in "s8-s11": "s8" "s9" "s10" "s11");
panels!(panels_4, 4 = "16" in "s16-s19", "4" in "s8-s11": "s8" "s9" "s10" "s11");
panels!(panels_1, 1 = "4" in "s16", "4" in "s8-s11": "s8" "s9" "s10" "s11");
