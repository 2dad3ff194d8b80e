//! Vectors of `f32` as wide as a register, for the kernels that are written once and compiled for
//! each instruction set of an x86-64 host.
//!
//! Every method is inlined into a function that has the instruction set enabled, and may be called
//! only there: that is what `unsafe` says here, beside the pointers.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use crate::activation::approx::{ROWS, SCALE, TABLE};

/// So many numbers in a register.
pub(super) trait Vector: Copy {
    /// How many.
    const LANES: usize;
    /// Registers that there are.
    const REGISTERS: usize;
    /// Selects the first lanes of a vector.
    type Mask: Copy;

    /// The first `lanes` lanes, all of them where that is more than there are.
    ///
    /// # Safety
    /// The processor has the instruction set; so for all that follow.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    /// The same number in every lane.
    unsafe fn splat(x: f32) -> Self;
    /// # Safety
    /// `from` is good for [`LANES`](Self::LANES) numbers.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `from` is good for the numbers that `mask` selects; the other lanes are 0.
    unsafe fn load_part(from: *const f32, mask: Self::Mask) -> Self;
    /// Numbers `stride` apart, as [`load_part`](Self::load_part).
    unsafe fn gather(from: *const f32, stride: usize, mask: Self::Mask) -> Self;
    /// # Safety
    /// `to` is good for [`LANES`](Self::LANES) numbers.
    unsafe fn store(self, to: *mut f32);
    /// # Safety
    /// `to` is good for the numbers that `mask` selects; the others aren't touched.
    unsafe fn store_part(self, to: *mut f32, mask: Self::Mask);
    /// self + b
    unsafe fn add(self, b: Self) -> Self;
    /// self - b
    unsafe fn sub(self, b: Self) -> Self;
    /// self b
    unsafe fn mul(self, b: Self) -> Self;
    /// self where it is greater than 0, else 0: also for -0 and NaN.
    unsafe fn relu(self) -> Self;
    /// tanh of [`approx::tanh_table`](crate::activation::approx::tanh_table), to the bit.
    unsafe fn tanh(self) -> Self;
    /// sigmoid of [`Activation::Sigmoid`](crate::activation::Activation::Sigmoid), to the bit:
    /// tanh(self / 2) / 2 + 1 / 2.
    #[inline(always)]
    unsafe fn sigmoid(self) -> Self {
        unsafe {
            let half = Self::splat(0.5);
            self.mul(half).tanh().mul(half).add(half)
        }
    }
}

/// Units of the table's argument, and one past the largest `i32`.
const UNITS: f32 = (SCALE * (1u32 << 28) as f64) as f32;
const TOO_LARGE: f32 = (1u32 << 31) as f32;
const FRACTION: i32 = 0x03FF_FFFF;

/// The table of tanh by coefficients.
#[repr(align(64))]
struct Coefficients([[f32; ROWS]; 4]);

static COEFFICIENTS: Coefficients = coefficients(1.0);
/// Half of each. Halves are exact (no product with them is near the smallest numbers: f is whole), and
/// so is the sum of them.
static HALVES: Coefficients = coefficients(0.5);

const fn coefficients(scale: f32) -> Coefficients {
    let mut columns = [[0.0; ROWS]; 4];
    let mut i = 0;
    while i < 4 * ROWS {
        columns[i % 4][i / 4] = TABLE[i / 4][i % 4] * scale;
        i += 1;
    }
    Coefficients(columns)
}

/// ((c3 f + c2) f + c1) f + c0
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn cubic<V: Vector>([c0, c1, c2, c3]: [V; 4], f: V) -> V {
    unsafe { c3.mul(f).add(c2).mul(f).add(c1).mul(f).add(c0) }
}

impl Vector for __m512 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __mmask16 {
        (u32::MAX >> (32 - lanes.min(16))) as __mmask16
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, mask: __mmask16) -> Self {
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const f32, stride: usize, mask: __mmask16) -> Self {
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let at = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride as i32));
            _mm512_mask_i32gather_ps::<4>(_mm512_setzero_ps(), mask, at, from)
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, mask: __mmask16) {
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { _mm512_add_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { _mm512_sub_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { _mm512_mul_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        // The instruction returns its second operand for two zeros and for NaN.
        unsafe { _mm512_max_ps(self, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn tanh(self) -> Self {
        unsafe { cubic_of_row(_mm512_mul_ps(self, _mm512_set1_ps(UNITS)), &COEFFICIENTS) }
    }
    #[inline(always)]
    unsafe fn sigmoid(self) -> Self {
        unsafe {
            let x = _mm512_mul_ps(self, _mm512_set1_ps(0.5 * UNITS));
            cubic_of_row(x, &HALVES).add(_mm512_set1_ps(0.5))
        }
    }
}

/// The entries of `column` that the low 6 bits of `row` name, `negative` being their sign.
///
/// An instruction looks up 32 entries and leaves what is masked out as it was. From the intrinsics the
/// compiler makes two more of them, and keeps all tables in registers, which are too few: loads are
/// cheaper, nothing else is to be loaded meanwhile.
///
/// # Safety
/// As for [`Vector`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn look_up(column: &[f32; ROWS], row: __m512i, negative: __mmask16) -> __m512 {
    // Typed: a `_` among the upper 16 registers is written as one of 8 bits.
    let _low: __m512;
    let mut entries = row;
    unsafe {
        core::arch::asm!(
            "vmovaps {low}, zmmword ptr [{table}]",
            "vpermi2ps {entries}{{{positive}}}, {low}, zmmword ptr [{table} + 64]",
            "vmovaps {low}, zmmword ptr [{table} + 128]",
            "vpermi2ps {entries}{{{negative}}}, {low}, zmmword ptr [{table} + 192]",
            table = in(reg) column.as_ptr(),
            entries = inout(zmm_reg) entries,
            positive = in(kreg) !negative,
            negative = in(kreg) negative,
            low = out(zmm_reg) _low,
            options(pure, readonly, nostack, preserves_flags),
        );
        _mm512_castsi512_ps(entries)
    }
}

/// The row of `table` that the saturated integer part of x chooses, at its place within the row.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn cubic_of_row(x: __m512, table: &Coefficients) -> __m512 {
    unsafe {
        // The conversion gives 0x8000_0000 for what is too large and for NaN. The one is the last row's
        // end; the other counts as positive below, which makes it row 0, fraction 0.
        let within = _mm512_cmp_ps_mask::<_CMP_NGE_UQ>(x, _mm512_set1_ps(TOO_LARGE));
        let q = _mm512_cvttps_epi32(x);
        let last = _mm512_set1_epi32(ROWS as i32 / 2 - 1);
        let row = _mm512_mask_srai_epi32::<26>(last, within, q);
        let f = _mm512_and_epi32(q, _mm512_set1_epi32(FRACTION));
        let f = _mm512_mask_cvtepi32_ps(_mm512_set1_ps(FRACTION as f32), within, f);
        // The low 5 bits of the row select within 32 rows, the sign between the two halves.
        let negative = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, _mm512_set1_ps(-1.0));
        // c3 first: the cubic begins with it, and look-ups come one after the other.
        let mut c = [f; 4];
        for (c, column) in c.iter_mut().zip(&table.0).rev() {
            *c = look_up(column, row, negative);
        }
        cubic(c, f)
    }
}

impl Vector for __m256 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    type Mask = __m256i;

    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __m256i {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.min(8) as i32), lane)
        }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, mask: __m256i) -> Self {
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const f32, stride: usize, mask: __m256i) -> Self {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let at = _mm256_mullo_epi32(lane, _mm256_set1_epi32(stride as i32));
            let mask = _mm256_castsi256_ps(mask);
            _mm256_mask_i32gather_ps::<4>(_mm256_setzero_ps(), from, at, mask)
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, mask: __m256i) {
        unsafe { _mm256_maskstore_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { _mm256_add_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { _mm256_sub_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { _mm256_mul_ps(self, b) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe { _mm256_max_ps(self, _mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn tanh(self) -> Self {
        unsafe {
            let x = _mm256_mul_ps(self, _mm256_set1_ps(UNITS));
            // As for the wider vectors.
            let large = _mm256_cmp_ps::<_CMP_GE_OQ>(x, _mm256_set1_ps(TOO_LARGE));
            let number = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_ORD_Q>(x, x));
            let q = _mm256_xor_si256(_mm256_cvttps_epi32(x), _mm256_castps_si256(large));
            let q = _mm256_and_si256(q, number);
            let f = _mm256_cvtepi32_ps(_mm256_and_si256(q, _mm256_set1_epi32(FRACTION)));
            let row = _mm256_and_si256(_mm256_srai_epi32::<26>(q), _mm256_set1_epi32(63));
            let mut c = [f; 4];
            for (c, column) in c.iter_mut().zip(&COEFFICIENTS.0) {
                *c = _mm256_i32gather_ps::<4>(column.as_ptr(), row);
            }
            cubic(c, f)
        }
    }
}
