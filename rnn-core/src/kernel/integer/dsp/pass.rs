//! The assembly: sums of four rows at a time, the columns unrolled, x in the registers of the FPU.
#![allow(unsafe_code)]

use core::arch::naked_asm;

/// Pairs of columns that the registers of the FPU hold.
pub(super) const MOST_PAIRS: usize = 32;

/// out = out + W x for some pairs of columns, requantised where multipliers are.
#[repr(C)] // The assembly reads the fields in this order.
pub(super) struct Pass {
    pub(super) w: *const u32,
    pub(super) x: *const u32,
    /// Pairs of columns, at most [`MOST_PAIRS`].
    pub(super) pairs: usize,
    pub(super) out: *mut i32,
    pub(super) out_end: *mut i32,
    /// Bytes from `out` to the multipliers; 0 for none.
    pub(super) multipliers: usize,
    /// Bytes of `w` between those of four rows and of the next four.
    pub(super) skip: usize,
}

/// What both kernels begin with: x into the registers, pair j of n into s(n - 1 - j), so that the code
/// that is entered for n pairs finds its own; the addresses of the entries onto the stack.
///
/// Stack, upwards: skip, entry of the first row, n, end of out, entry of the other rows, entry of the
/// middle of a group.
macro_rules! prologue {
    ($group:literal, $middle:literal) => {
        concat!(
            ".fpu fpv4-sp-d16\n",
            "push {{r4-r11, lr}}\n",
            "ldmia r0, {{r0-r6}}\n",
            "cmp r2, #16\n",
            "it hi\n",
            "vpushhi {{s16-s31}}\n",
            "rsb r8, r2, #32\n",
            "sub r1, r1, r8, lsl #2\n",
            "adr.w lr, 2f\n",
            "sub lr, lr, r2, lsl #2\n",
            "orr lr, lr, #1\n",
            "bx lr\n",
            load!(31 0, 30 4, 29 8, 28 12, 27 16, 26 20, 25 24, 24 28, 23 32, 22 36, 21 40, 20 44,
                19 48, 18 52, 17 56, 16 60, 15 64, 14 68, 13 72, 12 76, 11 80, 10 84, 9 88, 8 92,
                7 96, 6 100, 5 104, 4 108, 3 112, 2 116, 1 120, 0 124),
            "2:\n",
            "adr.w r8, 5f\n",
            "orr r8, r8, #1\n",
            "lsr r9, r2, #1\n",
            "mov r10, #", $group, "\n",
            "mls r8, r9, r10, r8\n",
            "sub r12, r8, #", $middle, "\n",
            "tst r2, #1\n",
            "itt ne\n",
            "adrne.w r8, 4f\n",
            "orrne r8, r8, #1\n",
            "mov r9, r2\n",
            "mov r10, r4\n",
            "mov r11, r8\n",
            "cmp r6, #0\n",
            "itt ne\n",
            "adrne.w r11, 3f\n",
            "orrne r11, r11, #1\n",
            "push {{r6, r8-r12}}\n",
            "mov lr, r8\n",
        )
    };
}

/// VLDR of a register from an offset.
macro_rules! load {
    ($($s:literal $at:literal),*) => {
        concat!($("vldr s", $s, ", [r1, #", $at, "]\n",)*)
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

/// Two pairs of columns of four rows: one LDM of four words.
macro_rules! bytes_group {
    ($a:literal, $b:literal) => {
        concat!(
            "ldmia.w r0!, {{r8, r9, r10, r12}}\n",
            bytes_pair!($a, "r8", "r9"),
            bytes_pair!($b, "r10", "r12"),
        )
    };
}

/// 28 bytes: 256 A + B and B of two pairs of rows.
macro_rules! bytes_pair {
    ($x:literal, $p:literal, $q:literal) => {
        concat!(
            "vmov lr, s",
            $x,
            "\n",
            "smlald r1, r2, ",
            $p,
            ", lr\n",
            "sxtb16 ",
            $p,
            ", ",
            $p,
            "\n",
            "smlad r3, ",
            $p,
            ", lr, r3\n",
            "smlald r4, r5, ",
            $q,
            ", lr\n",
            "sxtb16 ",
            $q,
            ", ",
            $q,
            "\n",
            "smlad r6, ",
            $q,
            ", lr, r6\n",
        )
    };
}

/// Weights of 8 bits in pairs. Rows 4k ... 4k + 3: r1 and r2 hold 256 A + B, r3 holds B, r4 and r5
/// 256 C + D, r6 D; r0 W, r11 out, r7 the way to the multipliers.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn bytes(pass: &Pass) {
    naked_asm!(
        prologue!(60, 28),
        "mov r11, r3",
        "mov r7, r5",
        "b.w 6f",
        // A row that skips.
        "3:",
        "ldr r8, [sp, #0]",
        "ldr lr, [sp, #4]",
        "add r0, r0, r8",
        "bx lr",
        // A row with an odd number of pairs.
        "4:",
        "ldmia.w r0!, {{r10, r12}}",
        "ldr lr, [sp, #20]",
        "bx lr",
        groups!(bytes_group),
        "5:",
        // A = (256 A + B - B) >> 8
        "mvn r9, #0",
        "smlal r1, r2, r3, r9",
        "smlal r4, r5, r6, r9",
        "lsr r1, r1, #8",
        "orr r1, r1, r2, lsl #24",
        "lsr r4, r4, #8",
        "orr r4, r4, r5, lsl #24",
        "cbz r7, 7f",
        "add lr, r7, r11",
        "ldr r8, [lr]",
        "ldr r9, [lr, #4]",
        "ldr r10, [lr, #8]",
        "ldr r12, [lr, #12]",
        "smmulr r1, r1, r8",
        "smmulr r3, r3, r9",
        "smmulr r4, r4, r10",
        "smmulr r6, r6, r12",
        "7:",
        "str r1, [r11], #4",
        "str r3, [r11], #4",
        "str r4, [r11], #4",
        "str r6, [r11], #4",
        "ldr r8, [sp, #12]",
        "ldr lr, [sp, #16]",
        "cmp r11, r8",
        "beq 8f",
        // The starts: 256 A + B, B.
        "6:",
        "ldr r8, [r11]",
        "ldr r3, [r11, #4]",
        "ldr r9, [r11, #8]",
        "ldr r6, [r11, #12]",
        "mov r10, #256",
        "mov r12, #1",
        "smull r1, r2, r8, r10",
        "smlal r1, r2, r3, r12",
        "smull r4, r5, r9, r10",
        "smlal r4, r5, r6, r12",
        "bx lr",
        "8:",
        "ldr r2, [sp, #8]",
        "add sp, sp, #24",
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

/// Weights of 16 bits. Rows 4k ... 4k + 3 in r1 ... r4; out and the way to the multipliers wait on the
/// stack, below the rest.
///
/// # Safety
/// All that the pass names is there.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn halves(pass: &Pass) {
    naked_asm!(
        prologue!(44, 20),
        "push {{r3, r5}}",
        "mov r5, r3",
        "b.w 6f",
        // A row that skips.
        "3:",
        "ldr r8, [sp, #8]",
        "ldr lr, [sp, #12]",
        "add r0, r0, r8",
        "bx lr",
        // A row with an odd number of pairs.
        "4:",
        "ldmia.w r0!, {{r9-r12}}",
        "ldr lr, [sp, #28]",
        "bx lr",
        groups!(halves_group),
        "5:",
        "ldr r5, [sp, #0]",
        "ldr r6, [sp, #4]",
        "ldr r7, [sp, #20]",
        "ldr lr, [sp, #24]",
        "cbz r6, 7f",
        "ldr r8, [r5, r6]",
        "smmulr r1, r1, r8",
        "str r1, [r5], #4",
        "ldr r8, [r5, r6]",
        "smmulr r2, r2, r8",
        "str r2, [r5], #4",
        "ldr r8, [r5, r6]",
        "smmulr r3, r3, r8",
        "str r3, [r5], #4",
        "ldr r8, [r5, r6]",
        "smmulr r4, r4, r8",
        "str r4, [r5], #4",
        "str r5, [sp, #0]",
        "cmp r5, r7",
        "beq 8f",
        "6:",
        "ldr r1, [r5]",
        "ldr r2, [r5, #4]",
        "ldr r3, [r5, #8]",
        "ldr r4, [r5, #12]",
        "bx lr",
        "7:",
        "stmia r5!, {{r1-r4}}",
        "str r5, [sp, #0]",
        "cmp r5, r7",
        "bne 6b",
        "8:",
        "ldr r2, [sp, #16]",
        "add sp, sp, #32",
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
