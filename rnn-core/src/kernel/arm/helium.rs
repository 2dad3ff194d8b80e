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
            9.. if rows >= 16 => panels_16(job, wide..rows),
            5.. if rows >= 8 => panels_8(job, wide..rows),
            _ if rows >= 4 => panels_4(job, wide..rows),
            _ => panels_1(job, wide..rows),
        }
    }
}

/// A panel's rows in one column: the first vectors have their sums in q0, q1, ..., weights are in q6
/// and q7.
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
        concat!("vldr s24, [{w}]\nadd {w}, {w}, #4\nvmov s25, ", $x, "\n",
                "vmul.f32 s24, s24, s25\nvadd.f32 s0, s0, s24\n")
    };
    (@ $x:literal $($w:literal $sum:literal),*) => {
        concat!(
            $("vldrw.u32 ", $w, ", [{w}], #16\n",
              "vmul.f32 ", $w, ", ", $w, ", ", $x, "\n",)*
            $("vadd.f32 ", $sum, ", ", $sum, ", ", $w, "\n",)*
        )
    };
}

/// Four columns, each with the step to the next one.
macro_rules! four_columns {
    ($rows:tt) => {
        concat!(
            "ldm {x}!, {{r0, r1, r2, r3}}\n",
            column!($rows "r0"), "add {w}, {w}, {step}\n",
            column!($rows "r1"), "add {w}, {w}, {step}\n",
            column!($rows "r2"), "add {w}, {w}, {step}\n",
            column!($rows "r3"), "add {w}, {w}, {step}\n",
        )
    };
}

/// The sums of a panel: loaded from `[{w}]`, or stored to `[{t}]`.
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
        /// `rows` ends at a row that exists, its end is not before the panel's width; what `job`
        /// points to is good for its sizes, `out` apart from the rest.
        #[inline(never)]
        unsafe fn $name(job: &Affine, rows: Range<usize>) {
            let last = rows.end - $rows;
            // SAFETY: as for the function; the flags are clobbered by default.
            unsafe {
                asm!(
                    "2:",
                    "ldr {w}, [{job}, #{bias}]",
                    "ldr {x}, [{job}, #{mask}]",
                    "and {x}, {x}, {at}",
                    "add {w}, {w}, {x}",
                    sums!($load "{w}": $($sum $at),*),
                    "ldr {operand}, [{job}, #{first}]",
                    "3:",
                    "ldr {w}, [{operand}], #4",
                    "ldr {x}, [{operand}], #4",
                    "ldr {t}, [{operand}], #4",
                    "add {w}, {w}, {at}",
                    // Eight columns at a time.
                    "lsrs lr, {t}, #3",
                    "beq 5f",
                    "dls lr, lr",
                    "4:",
                    four_columns!($rows),
                    four_columns!($rows),
                    "le lr, 4b",
                    // The others.
                    "5:",
                    "ands {t}, {t}, #7",
                    "beq 7f",
                    "dls lr, {t}",
                    "6:",
                    "ldr r0, [{x}], #4",
                    column!($rows "r0"),
                    "add {w}, {w}, {step}",
                    "le lr, 6b",
                    "7:",
                    "ldr {t}, [{job}, #{end}]",
                    "cmp {operand}, {t}",
                    "bne 3b",
                    "ldr {t}, [{job}, #{out}]",
                    "add {t}, {t}, {at}",
                    sums!($store "{t}": $($sum $at),*),
                    concat!("add {at}, {at}, #", $bytes),
                    "cmp {at}, {last}",
                    "bls 2b",
                    // Behind the last panel, or within it: then it is taken as well.
                    "sub {w}, {at}, {last}",
                    "mov {at}, {last}",
                    concat!("cmp {w}, #", $bytes),
                    "bne 2b",
                    first = const offset_of!(Affine, first),
                    end = const offset_of!(Affine, end),
                    out = const offset_of!(Affine, out),
                    bias = const offset_of!(Affine, bias),
                    mask = const offset_of!(Affine, mask),
                    job = in(reg) job,
                    at = inout(reg) rows.start.min(last) * size_of::<f32>() => _,
                    last = in(reg) last * size_of::<f32>(),
                    step = in(reg) (job.rows - $rows) * size_of::<f32>(),
                    operand = out(reg) _,
                    w = out(reg) _,
                    x = out(reg) _,
                    t = out(reg) _,
                    out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("lr") _,
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
