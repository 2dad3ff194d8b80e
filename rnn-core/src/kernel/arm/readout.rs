//! Readouts of few outputs: 16 interleaved partial sums in 16 registers.
#![allow(unsafe_code)]

use core::arch::asm;
use core::mem::MaybeUninit;

use super::super::PARTIALS;
use super::product::ZEROS;

/// Eight columns of one row: weights `$at` columns on, R values apart, times x, to eight sums.
macro_rules! eight {
    ($($w:literal $at:ident $x:literal $sum:literal),*) => {
        concat!(
            "vldmia {x}!, {{s8-s15}}\n",
            $("vldr ", $w, ", [{w}, #{", stringify!($at), "}]\n",)*
            $("vmul.f32 ", $w, ", ", $w, ", ", $x, "\n",)*
            $("vadd.f32 ", $sum, ", ", $sum, ", ", $w, "\n",)*
        )
    };
}

/// Sums to which others are added.
macro_rules! add {
    ($($sum:literal $other:literal),*) => {
        concat!($("vadd.f32 ", $sum, ", ", $sum, ", ", $other, "\n",)*)
    };
}

/// out = b + W x in the order for few outputs; W is R x `inputs`, an empty bias counts as zeros.
///
/// # Safety
/// `w` holds R values for each of `x`.
#[inline(never)]
pub(super) unsafe fn rows<const R: usize>(out: &mut [f32], bias: &[f32], w: &[f32], x: &[f32]) {
    for (row, out) in out.iter_mut().enumerate() {
        // SAFETY: as for the function; row < R.
        let sum = unsafe { dot::<R>(w.as_ptr().add(row), x) };
        *out = bias.get(row).copied().unwrap_or(0.0) + sum;
    }
}

/// A row of W times x.
///
/// # Safety
/// `w` is good for a weight every R values for each of `x`.
#[inline(always)]
unsafe fn dot<const R: usize>(w: *const f32, x: &[f32]) -> f32 {
    let mut rest = MaybeUninit::<[f32; PARTIALS]>::uninit();
    let sum: u32;
    // SAFETY: as for the function; whole blocks are counted.
    unsafe {
        asm!(
            "vldmia {zeros}, {{s16-s31}}",
            "cmp {n}, #0",
            "beq 3f",
            "2:",
            eight!("s0" a0 "s8" "s16", "s1" a1 "s9" "s17", "s2" a2 "s10" "s18", "s3" a3 "s11" "s19",
                   "s4" a4 "s12" "s20", "s5" a5 "s13" "s21", "s6" a6 "s14" "s22", "s7" a7 "s15" "s23"),
            eight!("s0" a8 "s8" "s24", "s1" a9 "s9" "s25", "s2" a10 "s10" "s26", "s3" a11 "s11" "s27",
                   "s4" a12 "s12" "s28", "s5" a13 "s13" "s29", "s6" a14 "s14" "s30", "s7" a15 "s15" "s31"),
            "add {w}, {w}, #{a16}",
            "subs {n}, {n}, #1",
            "bne 2b",
            // The columns behind the last whole block, to as many sums.
            "3:",
            "cmp {left}, #0",
            "beq 5f",
            "mov {p}, {rest}",
            "vstmia {p}, {{s16-s31}}",
            "4:",
            "vldr s0, [{w}]",
            "vldr s1, [{p}]",
            "vldmia {x}!, {{s2}}",
            "add {w}, {w}, #{a1}",
            "vmul.f32 s0, s0, s2",
            "subs {left}, {left}, #1",
            "vadd.f32 s0, s1, s0",
            "vstmia {p}!, {{s0}}",
            "bne 4b",
            "vldmia {rest}, {{s16-s31}}",
            // By halves.
            "5:",
            add!("s16" "s24", "s17" "s25", "s18" "s26", "s19" "s27",
                 "s20" "s28", "s21" "s29", "s22" "s30", "s23" "s31"),
            add!("s16" "s20", "s17" "s21", "s18" "s22", "s19" "s23"),
            add!("s16" "s18", "s17" "s19"),
            add!("s16" "s17"),
            "vmov {n}, s16",
            w = inout(reg) w => _,
            x = inout(reg) x.as_ptr() => _,
            n = inout(reg) x.len() / PARTIALS => sum,
            left = inout(reg) x.len() % PARTIALS => _,
            zeros = in(reg) ZEROS.as_ptr(),
            rest = in(reg) rest.as_mut_ptr(),
            p = out(reg) _,
            a0 = const 0, a1 = const 4 * R, a2 = const 8 * R, a3 = const 12 * R,
            a4 = const 16 * R, a5 = const 20 * R, a6 = const 24 * R, a7 = const 28 * R,
            a8 = const 32 * R, a9 = const 36 * R, a10 = const 40 * R, a11 = const 44 * R,
            a12 = const 48 * R, a13 = const 52 * R, a14 = const 56 * R, a15 = const 60 * R,
            a16 = const 64 * R,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _,
            out("d4") _, out("d5") _, out("d6") _, out("d7") _,
            out("d8") _, out("d9") _, out("d10") _, out("d11") _,
            out("d12") _, out("d13") _, out("d14") _, out("d15") _,
            options(nostack),
        );
    }
    f32::from_bits(sum)
}
