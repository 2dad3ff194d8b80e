//! The assembly: sums of four rows at a time, the columns unrolled, x in the registers of the FPU.
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
    /// Bytes from `out` to the starts.
    pub(super) starts: usize,
    /// 16-bit weights of one more pair of columns; null for none.
    pub(super) wide: *const u32,
    /// What that pair reads.
    pub(super) wide_x: u32,
    pub(super) out: *mut i32,
    /// Bytes from `out` to the multipliers; 0 for none.
    pub(super) multipliers: usize,
    /// Bytes of `w` between those of four rows and of the next four.
    pub(super) skip: usize,
    pub(super) out_end: *mut i32,
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
/// that is entered for n pairs finds its own; what rows need onto the stack. From there on r0 is W, r1
/// x, r2 n, r6 out, r7 the way to the multipliers and r12 the end of out.
///
/// Stack, upwards: n, skip, where a row goes on that has skipped, entry of a row, entry of the middle of
/// a group, starts, wide, x of wide.
macro_rules! prologue {
    ($half_a_group:literal, $second_half:literal) => {
        concat!(
            core!(),
            "push {{r4-r11, lr}}\n",
            "ldmia r0, {{r0-r8, r12}}\n",
            "cmp r2, #16\n",
            "it hi\n",
            "vpushhi {{s16-s31}}\n",
            "push {{r3, r4, r5}}\n",
            "rsb r9, r2, #32\n",
            "sub r9, r1, r9, lsl #2\n",
            "adr.w lr, 2f+1\n",
            "sub lr, lr, r2, lsl #2\n",
            "bx lr\n",
            load!(31 0, 30 4, 29 8, 28 12, 27 16, 26 20, 25 24, 24 28, 23 32, 22 36, 21 40, 20 44,
                19 48, 18 52, 17 56, 16 60, 15 64, 14 68, 13 72, 12 76, 11 80, 10 84, 9 88, 8 92,
                7 96, 6 100, 5 104, 4 108, 3 112, 2 116, 1 120, 0 124),
            "2:\n",
            "adr.w r9, 5f+1\n",
            "bic r10, r2, #1\n",
            "mov r11, #", $half_a_group, "\n",
            "mls r9, r10, r11, r9\n",
            "sub r11, r9, #", $second_half, "\n",
            "tst r2, #1\n",
            "it ne\n",
            "adrne.w r9, 4f+1\n",
            "mov r10, r9\n",
            "cmp r8, #0\n",
            "it ne\n",
            "adrne.w r10, 3f+1\n",
            "push {{r2, r8-r11}}\n",
        )
    };
}

/// VLDR of a register from an offset.
macro_rules! load {
    ($($s:literal $at:literal),*) => {
        concat!($("vldr s", $s, ", [r9, #", $at, "]\n",)*)
    };
}

/// r9 += a register times r10.
macro_rules! weigh {
    ($($s:literal)*) => {
        concat!($("vmov lr, s", $s, "\n", "smlad r9, lr, r10, r9\n",)*)
    };
}

/// All 16 groups of two pairs of columns.
macro_rules! groups {
    ($group:ident) => {
        concat!(
            $group!(31, 30),
            $group!(29, 28),
            $group!(27, 26),
            $group!(25, 24),
            $group!(23, 22),
            $group!(21, 20),
            $group!(19, 18),
            $group!(17, 16),
            $group!(15, 14),
            $group!(13, 12),
            $group!(11, 10),
            $group!(9, 8),
            $group!(7, 6),
            $group!(5, 4),
            $group!(3, 2),
            $group!(1, 0),
        )
    };
}

/// What the sums r1 ... r4 of the rows of r6 start with, the product of the wide pair with it. r0, r6, r7,
/// r9 and r12 stay; the numbers are places on the stack.
macro_rules! starts {
    ($starts:literal, $wide:literal, $wide_x:literal) => {
        concat!(
            "6:\n",
            "ldr r5, [sp, #",
            $starts,
            "]\n",
            "add r5, r5, r6\n",
            "ldr r1, [r5]\n",
            "ldr r2, [r5, #4]\n",
            "ldr r3, [r5, #8]\n",
            "ldr r4, [r5, #12]\n",
            "ldr r5, [sp, #",
            $wide,
            "]\n",
            "cbz r5, 9f\n",
            "ldr r8, [sp, #",
            $wide_x,
            "]\n",
            "ldr r10, [r5], #4\n",
            "ldr r11, [r5], #4\n",
            "ldr lr, [r5], #4\n",
            "smlad r1, r10, r8, r1\n",
            "ldr r10, [r5], #4\n",
            "str r5, [sp, #",
            $wide,
            "]\n",
            "smlad r2, r11, r8, r2\n",
            "smlad r3, lr, r8, r3\n",
            "smlad r4, r10, r8, r4\n",
            "9:\n",
        )
    };
}

/// r1 ... r4 times their multipliers, stored.
macro_rules! requantise {
    ($($sum:literal),*) => {
        concat!($(
            "ldr r5, [r6, r7]\n",
            "smmulr ", $sum, ", ", $sum, ", r5\n",
            "str ", $sum, ", [r6], #4\n",
        )*)
    };
}

/// Two pairs of columns of four rows: one LDM of four words.
macro_rules! bytes_group {
    ($a:literal, $b:literal) => {
        concat!(
            "ldmia.w r0!, {{r5, r8, r10, r11}}\n",
            bytes_pair!($a, "r5", "r8"),
            bytes_pair!($b, "r10", "r11"),
        )
    };
}

/// 28 bytes: 256 A + B' and A of two pairs of rows.
macro_rules! bytes_pair {
    ($x:literal, $p:literal, $q:literal) => {
        concat!(
            "vmov lr, s",
            $x,
            "\n",
            "smlad r2, ",
            $p,
            ", lr, r2\n",
            "sxtb16 ",
            $p,
            ", ",
            $p,
            ", ror #8\n",
            "smlad r1, ",
            $p,
            ", lr, r1\n",
            "smlad r4, ",
            $q,
            ", lr, r4\n",
            "sxtb16 ",
            $q,
            ", ",
            $q,
            ", ror #8\n",
            "smlad r3, ",
            $q,
            ", lr, r3\n",
        )
    };
}

/// Weights of 8 bits in pairs. Rows 4k ... 4k + 3: r1 holds A, r2 256 A + B', with B' the sum of b + 128
/// times x, r3 and r4 the same of C and D, all modulo 2^32; r0 W, r6 out, r12 its end, r7 the way to
/// the multipliers, r9 128 times the sum of x.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn bytes(pass: &Pass) {
    naked_asm!(
        prologue!(30, 28),
        "mov r9, #0",
        "mov r10, #0x00800080",
        "adr.w lr, 2f+1",
        "sub lr, lr, r2, lsl #3",
        "bx lr",
        weigh!(31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0),
        "2:",
        "b.w 6f",
        // A row that skips.
        "3:",
        "ldr r5, [sp, #4]",
        "ldr lr, [sp, #8]",
        "add r0, r0, r5",
        "bx lr",
        // A row with an odd number of pairs.
        "4:",
        "ldmia.w r0!, {{r10, r11}}",
        "ldr lr, [sp, #16]",
        "bx lr",
        groups!(bytes_group),
        "5:",
        "sub r2, r2, r1, lsl #8",
        "sub r4, r4, r3, lsl #8",
        "cbz r7, 7f",
        requantise!("r1", "r2", "r3", "r4"),
        "cmp r6, r12",
        "beq 8f",
        starts!(20, 24, 28),
        "ldr lr, [sp, #12]",
        "add r2, r2, r1, lsl #8",
        "sub r2, r2, r9",
        "add r4, r4, r3, lsl #8",
        "sub r4, r4, r9",
        "bx lr",
        "7:",
        "stmia r6!, {{r1-r4}}",
        "cmp r6, r12",
        "bne 6b",
        "8:",
        "ldr r2, [sp, #0]",
        "add sp, sp, #32",
        "cmp r2, #16",
        "it hi",
        "vpophi {{s16-s31}}",
        "pop {{r4-r11, pc}}",
    )
}

/// Two pairs of columns of four rows: one LDM of eight words.
macro_rules! halves_group {
    ($a:literal, $b:literal) => {
        concat!(
            "ldmia.w r0!, {{r5-r12}}\n",
            halves_pair!($a, "r5", "r6", "r7", "r8"),
            halves_pair!($b, "r9", "r10", "r11", "r12"),
        )
    };
}

/// 20 bytes: a pair of columns of four rows.
macro_rules! halves_pair {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "vmov lr, s",
            $x,
            "\n",
            "smlad r1, ",
            $a,
            ", lr, r1\n",
            "smlad r2, ",
            $b,
            ", lr, r2\n",
            "smlad r3, ",
            $c,
            ", lr, r3\n",
            "smlad r4, ",
            $d,
            ", lr, r4\n",
        )
    };
}

/// Weights of 16 bits. Rows 4k ... 4k + 3 in r1 ... r4; out, the way to the multipliers and the end of
/// out wait on the stack, below the rest.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn halves(pass: &Pass) {
    naked_asm!(
        prologue!(22, 20),
        "push {{r6, r7, r12}}",
        "b.w 6f",
        // A row that skips.
        "3:",
        "ldr r8, [sp, #16]",
        "ldr lr, [sp, #20]",
        "add r0, r0, r8",
        "bx lr",
        // A row with an odd number of pairs.
        "4:",
        "ldmia.w r0!, {{r9-r12}}",
        "ldr lr, [sp, #28]",
        "bx lr",
        groups!(halves_group),
        "5:",
        "ldr r6, [sp, #0]",
        "ldr r7, [sp, #4]",
        "ldr r12, [sp, #8]",
        "cbz r7, 7f",
        requantise!("r1", "r2", "r3", "r4"),
        "str r6, [sp, #0]",
        "cmp r6, r12",
        "beq 8f",
        starts!(32, 36, 40),
        "ldr lr, [sp, #24]",
        "bx lr",
        "7:",
        "stmia r6!, {{r1-r4}}",
        "str r6, [sp, #0]",
        "cmp r6, r12",
        "bne 6b",
        "8:",
        "ldr r2, [sp, #12]",
        "add sp, sp, #44",
        "cmp r2, #16",
        "it hi",
        "vpophi {{s16-s31}}",
        "pop {{r4-r11, pc}}",
    )
}

/// out = bias + W x of 16-bit weights in tiles of four rows.
#[repr(C)] // The assembly reads the fields in this order.
pub(super) struct Start {
    pub(super) w: *const u32,
    pub(super) x: *const u32,
    pub(super) x_end: *const u32,
    pub(super) bias: *const i32,
    pub(super) out: *mut i32,
    pub(super) out_end: *mut i32,
}

/// The sums of the wide columns, of which there are few.
///
/// # Safety
/// All that `start` names is there, at least a row and a pair of columns.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn start(start: &Start) {
    naked_asm!(
        core!(),
        "push {{r4-r11, lr}}",
        "ldmia r0, {{r0, r1, r2, r3, r4, r5}}",
        // r0 w, r1 x, r2 end of x, r3 bias, r4 out, r5 end of out
        "push {{r1, r5}}",
        "ldr r6, [r1], #4",
        "2:",
        "ldr r7, [r3], #4",
        "ldr r8, [r3], #4",
        "ldr r9, [r3], #4",
        "ldr r10, [r3], #4",
        "3:",
        "ldr r5, [r0], #4",
        "ldr r11, [r0], #4",
        "ldr r12, [r0], #4",
        "ldr lr, [r0], #4",
        "smlad r7, r5, r6, r7",
        "smlad r8, r11, r6, r8",
        "smlad r9, r12, r6, r9",
        "smlad r10, lr, r6, r10",
        "cmp r1, r2",
        "bne 4f",
        "str r7, [r4], #4",
        "str r8, [r4], #4",
        "str r9, [r4], #4",
        "str r10, [r4], #4",
        "ldr r1, [sp, #0]",
        "ldr r5, [sp, #4]",
        "ldr r6, [r1], #4",
        "cmp r4, r5",
        "bne 2b",
        "add sp, sp, #8",
        "pop {{r4-r11, pc}}",
        "4:",
        "ldr r6, [r1], #4",
        "b 3b",
    )
}
