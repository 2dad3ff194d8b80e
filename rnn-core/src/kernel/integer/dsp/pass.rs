//! The assembly: sums of eight rows at a time, the columns unrolled, x in the registers of the FPU.
#![allow(unsafe_code)]

use core::arch::naked_asm;

/// Pairs of columns that the registers of the FPU hold.
pub(super) const MOST_PAIRS: usize = 32;

/// out = start + W x for some pairs of columns, requantised where there are multipliers.
#[repr(C)] // The assembly reads the fields in this order.
pub(super) struct Pass {
    /// The weights, `skip` bytes before them.
    pub(super) w: *const u32,
    pub(super) x: *const u32,
    /// Pairs of columns, at most [`MOST_PAIRS`].
    pub(super) pairs: usize,
    pub(super) out: *mut i32,
    /// Bytes from `out` to the multipliers; 0 for none.
    pub(super) multipliers: usize,
    /// Bytes from `out` to the starts.
    pub(super) starts: usize,
    pub(super) out_end: *mut i32,
    /// 16-bit weights of one more pair of columns; null for none.
    pub(super) wide: *const u32,
    /// What that pair reads.
    pub(super) wide_x: u32,
    /// Bytes of `w` between those of eight rows and of the next eight.
    pub(super) skip: usize,
}

/// A core with what the code needs. (What is assembled outside of functions knows nothing of the chip but
/// its target.)
#[cfg(arm_v8m)]
macro_rules! core {
    () => {
        ".cpu cortex-m33\n"
    };
}
#[cfg(not(arm_v8m))]
macro_rules! core {
    () => {
        ".cpu cortex-m4\n"
    };
}

/// What both kernels begin with: x into the registers, pair j of n into s(n - 1 - j), so that the code
/// that is entered for n pairs finds its own. The pass is in r0 ... r9, field by field.
macro_rules! x_into_registers {
    () => {
        concat!(
            core!(),
            "push {{r4-r11, lr}}\n",
            "ldmia r0, {{r0-r9}}\n",
            "cmp r2, #16\n",
            "it hi\n",
            "vpushhi {{s16-s31}}\n",
            "rsb r10, r2, #32\n",
            "sub r10, r1, r10, lsl #2\n",
            "adr.w lr, 2f+1\n",
            "sub lr, lr, r2, lsl #2\n",
            "bx lr\n",
            load!(31 0, 30 4, 29 8, 28 12, 27 16, 26 20, 25 24, 24 28, 23 32, 22 36, 21 40, 20 44,
                19 48, 18 52, 17 56, 16 60, 15 64, 14 68, 13 72, 12 76, 11 80, 10 84, 9 88, 8 92,
                7 96, 6 100, 5 104, 4 108, 3 112, 2 116, 1 120, 0 124),
            "2:\n",
        )
    };
}

/// VLDR of a register from an offset.
macro_rules! load {
    ($($s:literal $at:literal),*) => {
        concat!($("vldr s", $s, ", [r10, #", $at, "]\n",)*)
    };
}

/// r12 += a register times r10.
macro_rules! weigh {
    ($($s:literal)*) => {
        concat!($("vmov lr, s", $s, "\n", "smlad r12, lr, r10, r12\n",)*)
    };
}

/// What tiles need onto the stack, and into the first one. A pair of columns takes so many bytes of code;
/// a tile that has nothing in front of it starts with what `$plain` puts into r10, in r11 is where the pairs
/// of columns start.
///
/// Stack, upwards: n (0), out (4), the way to the multipliers (8), to the starts (12), end of out (16),
/// wide (20), x of wide (24), skip (28), where a tile starts (32), where its pairs of columns do (36),
/// r12 (40).
macro_rules! first_tile {
    ($pair:literal, $plain:literal) => {
        concat!(
            "adr.w r11, 5f+1\n",
            "mov lr, #",
            $pair,
            "\n",
            "mls r11, r2, lr, r11\n",
            $plain,
            "\n",
            "orrs lr, r7, r9\n",
            "it ne\n",
            "adrne.w r10, 6f+1\n",
            "push {{r2-r12}}\n",
            "mov lr, r10\n",
            "add r10, r5, r3\n",
            "ldmia r10, {{r1-r8}}\n",
            "bx lr\n",
        )
    };
}

/// To the next tile, with its starts in r1 ... r8, or to 8 behind the last one.
macro_rules! next_tile {
    () => {
        "str r9, [sp, #4]\n\
         ldr r10, [sp, #12]\n\
         ldr r12, [sp, #16]\n\
         ldr lr, [sp, #32]\n\
         cmp r9, r12\n\
         beq 8f\n\
         add r10, r10, r9\n\
         ldmia r10, {{r1-r8}}\n\
         bx lr\n"
    };
}

/// In front of a tile: r1 ... r8 += the product of the wide pair, r0 += skip.
macro_rules! in_front {
    () => {
        "ldr r12, [sp, #20]\n\
         cmp r12, #0\n\
         beq 3f\n\
         ldr lr, [sp, #24]\n\
         ldr r9, [r12], #4\n\
         ldr r10, [r12], #4\n\
         ldr r11, [r12], #4\n\
         smlad r1, r9, lr, r1\n\
         smlad r2, r10, lr, r2\n\
         smlad r3, r11, lr, r3\n\
         ldr r9, [r12], #4\n\
         ldr r10, [r12], #4\n\
         ldr r11, [r12], #4\n\
         smlad r4, r9, lr, r4\n\
         smlad r5, r10, lr, r5\n\
         smlad r6, r11, lr, r6\n\
         ldr r9, [r12], #4\n\
         ldr r10, [r12], #4\n\
         str r12, [sp, #20]\n\
         smlad r7, r9, lr, r7\n\
         smlad r8, r10, lr, r8\n\
         3:\n\
         ldr r9, [sp, #28]\n\
         add r0, r0, r9\n"
    };
}

/// All pairs of columns.
macro_rules! pairs {
    ($pair:ident) => {
        concat!(
            $pair!(31),
            $pair!(30),
            $pair!(29),
            $pair!(28),
            $pair!(27),
            $pair!(26),
            $pair!(25),
            $pair!(24),
            $pair!(23),
            $pair!(22),
            $pair!(21),
            $pair!(20),
            $pair!(19),
            $pair!(18),
            $pair!(17),
            $pair!(16),
            $pair!(15),
            $pair!(14),
            $pair!(13),
            $pair!(12),
            $pair!(11),
            $pair!(10),
            $pair!(9),
            $pair!(8),
            $pair!(7),
            $pair!(6),
            $pair!(5),
            $pair!(4),
            $pair!(3),
            $pair!(2),
            $pair!(1),
            $pair!(0),
        )
    };
}

/// Sums times their multipliers, stored; r9 is out, r10 the way to the multipliers.
macro_rules! requantise {
    ($($sum:literal),*) => {
        concat!($(
            "ldr r11, [r9, r10]\n",
            "smmulr ", $sum, ", ", $sum, ", r11\n",
            "str ", $sum, ", [r9], #4\n",
        )*)
    };
}

/// What both kernels end with.
macro_rules! end {
    () => {
        "ldr r2, [sp, #0]\n\
         add sp, sp, #44\n\
         cmp r2, #16\n\
         it hi\n\
         vpophi {{s16-s31}}\n\
         pop {{r4-r11, pc}}\n"
    };
}

/// 56 bytes: a pair of columns of eight rows.
macro_rules! bytes_pair {
    ($x:literal) => {
        concat!(
            "vmov lr, s",
            $x,
            "\n",
            "ldmia.w r0!, {{r9-r12}}\n",
            two_sums!("r9", "r1", "r2"),
            two_sums!("r10", "r3", "r4"),
            two_sums!("r11", "r5", "r6"),
            two_sums!("r12", "r7", "r8"),
        )
    };
}

/// 256 A + B' and A of two rows.
macro_rules! two_sums {
    ($w:literal, $a:literal, $both:literal) => {
        concat!(
            "smlad ",
            $both,
            ", ",
            $w,
            ", lr, ",
            $both,
            "\n",
            "sxtb16 ",
            $w,
            ", ",
            $w,
            ", ror #8\n",
            "smlad ",
            $a,
            ", ",
            $w,
            ", lr, ",
            $a,
            "\n",
        )
    };
}

/// Weights of 8 bits in pairs. Of two rows with the sums A and B a register holds A, the next one
/// 256 A + B', with B' the sum of b + 128 times x, all modulo 2^32; the last word of the stack is 128
/// times the sum of x.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn bytes(pass: &Pass) {
    naked_asm!(
        x_into_registers!(),
        "mov r12, #0",
        "mov r10, #0x00800080",
        "adr.w lr, 2f+1",
        "sub lr, lr, r2, lsl #3",
        "bx lr",
        weigh!(31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0),
        "2:",
        first_tile!(56, "adr.w r10, 4f+1"),
        "4:",
        "ldr r12, [sp, #40]",
        "ldr lr, [sp, #36]",
        "add r2, r2, r1, lsl #8",
        "add r4, r4, r3, lsl #8",
        "add r6, r6, r5, lsl #8",
        "add r8, r8, r7, lsl #8",
        "sub r2, r2, r12",
        "sub r4, r4, r12",
        "sub r6, r6, r12",
        "sub r8, r8, r12",
        "bx lr",
        pairs!(bytes_pair),
        "5:",
        "ldr r9, [sp, #4]",
        "ldr r10, [sp, #8]",
        "sub r2, r2, r1, lsl #8",
        "sub r4, r4, r3, lsl #8",
        "sub r6, r6, r5, lsl #8",
        "sub r8, r8, r7, lsl #8",
        "cmp r10, #0",
        "beq 7f",
        requantise!("r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"),
        "9:",
        next_tile!(),
        "7:",
        "stmia r9!, {{r1-r8}}",
        "b 9b",
        "6:",
        in_front!(),
        "b.w 4b",
        "8:",
        end!(),
    )
}

/// 44 bytes: a pair of columns of eight rows.
macro_rules! halves_pair {
    ($x:literal) => {
        concat!(
            "vmov lr, s",
            $x,
            "\n",
            "ldmia.w r0!, {{r9-r12}}\n",
            "smlad r1, r9, lr, r1\n",
            "smlad r2, r10, lr, r2\n",
            "smlad r3, r11, lr, r3\n",
            "smlad r4, r12, lr, r4\n",
            "ldmia.w r0!, {{r9-r12}}\n",
            "smlad r5, r9, lr, r5\n",
            "smlad r6, r10, lr, r6\n",
            "smlad r7, r11, lr, r7\n",
            "smlad r8, r12, lr, r8\n",
        )
    };
}

/// Weights of 16 bits: a register holds the sum of a row.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn halves(pass: &Pass) {
    naked_asm!(
        x_into_registers!(),
        first_tile!(44, "mov r10, r11"),
        pairs!(halves_pair),
        "5:",
        "ldr r9, [sp, #4]",
        "ldr r10, [sp, #8]",
        "cmp r10, #0",
        "bne 7f",
        "stmia r9!, {{r1-r8}}",
        next_tile!(),
        "7:",
        requantise!("r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"),
        next_tile!(),
        "6:",
        in_front!(),
        "ldr lr, [sp, #36]",
        "bx lr",
        "8:",
        end!(),
    )
}

/// out = bias + W x of 16-bit weights in tiles of eight rows.
#[repr(C)] // The assembly reads the fields in this order.
pub(super) struct Start {
    pub(super) w: *const u32,
    pub(super) x: *const u32,
    pub(super) bias: *const i32,
    pub(super) out: *mut i32,
    pub(super) out_end: *mut i32,
    pub(super) x_end: *const u32,
}

/// Sums of two rows += their weights times r12.
macro_rules! two_rows {
    ($a:literal, $b:literal) => {
        concat!(
            "ldmia r0!, {{r10, r11}}\n",
            "smlad ",
            $a,
            ", r10, r12, ",
            $a,
            "\n",
            "smlad ",
            $b,
            ", r11, r12, ",
            $b,
            "\n",
        )
    };
}

/// The sums of the wide columns, of which there are few.
///
/// # Safety
/// All that `start` names is there, at least a tile and a pair of columns.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn start(start: &Start) {
    naked_asm!(
        core!(),
        "push {{r4-r11, lr}}",
        "ldmia r0, {{r0-r4, lr}}",
        // Stack, upwards: x, bias, out, end of out.
        "push {{r1-r4}}",
        "2:",
        "ldr r12, [sp, #4]",
        "ldr r1, [sp, #0]",
        "ldmia r12!, {{r2-r9}}",
        "str r12, [sp, #4]",
        "3:",
        "ldr r12, [r1], #4",
        two_rows!("r2", "r3"),
        two_rows!("r4", "r5"),
        two_rows!("r6", "r7"),
        two_rows!("r8", "r9"),
        "cmp r1, lr",
        "bne 3b",
        "ldr r12, [sp, #8]",
        "ldr r10, [sp, #12]",
        "stmia r12!, {{r2-r9}}",
        "str r12, [sp, #8]",
        "cmp r12, r10",
        "bne 2b",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
    )
}
