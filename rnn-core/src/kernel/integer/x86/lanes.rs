//! Sixteen numbers of 32 bits, or twice as many of 16, in the registers of each form.
#![allow(unsafe_code)]

use core::arch::x86_64::*;
use core::ops::{Add, Sub};

use crate::quant::fixed::{Number, PIECE_BITS, PIECES, TABLE, Z_LIMIT};

/// Sixteen rows.
///
/// # Safety
/// For all functions: the processor has the form's instructions, and there are 16 numbers at a pointer
/// (32 [`bytes`](Self::bytes)).
pub(in crate::kernel::integer) trait Lanes: Number {
    /// Whether the registers hold eight of them and more.
    const MANY: bool;
    /// Whether [`add_quads`](Self::add_quads) takes x + 2^15.
    const OFFSET: bool;

    unsafe fn load(from: *const i32) -> Self;
    unsafe fn store(self, to: *mut i32);
    /// 32 bytes as numbers of 16 bits.
    unsafe fn bytes(from: *const i8) -> Self;
    /// Four numbers, as [`add_quads`](Self::add_quads) takes them.
    unsafe fn quad(x: *const i16) -> [Self; 2];
    /// `parts` with the products of x, or x + 2^15, and of 16 rows' bytes of four columns, which are `w`.
    unsafe fn add_quads(parts: [Self; 2], w: *const i8, x: [Self; 2]) -> [Self; 2];
    /// The sums that `parts` are parts of.
    unsafe fn joined(parts: [Self; 2]) -> Self;
    /// 16 numbers of 16 bits as numbers of 32.
    unsafe fn widen(from: *const i16) -> Self;
    /// The lower halves of the numbers.
    unsafe fn narrow(self, to: *mut i16);
    /// self + a_0 b_0 + a_1 b_1
    unsafe fn add_products(self, a: Self, b: Self) -> Self;
    /// (self m + 2^31) >> 32
    unsafe fn multiply_high(self, m: Self) -> Self;
}

/// Which bytes of four numbers of 16 bits go to each of two numbers of 32: the first and the third
/// number, the second and the fourth; the lower bytes, the upper ones.
const EVEN: i64 = 0x05_04_01_00_05_04_01_00;
const ODD: i64 = 0x07_06_03_02_07_06_03_02;
const LOWER: i64 = 0x06_04_02_00_06_04_02_00;
const UPPER: i64 = 0x07_05_03_01_07_05_03_01;

/// sum + a_0 b_0 + a_1 b_1 by one instruction: of the intrinsic the compiler makes two where it likes.
///
/// # Safety
/// The processor has AVX-512 with VNNI.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn multiply_add(mut sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    unsafe {
        core::arch::asm!(
            "vpdpwssd {sum}, {a}, {b}",
            sum = inout(zmm_reg) sum,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// AVX-512, with VNNI or without.
#[derive(Clone, Copy)]
pub(super) struct Zmm<const VNNI: bool>(__m512i);

impl<const VNNI: bool> Lanes for Zmm<VNNI> {
    const MANY: bool = true;
    const OFFSET: bool = VNNI;

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        unsafe { Zmm(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn bytes(from: *const i8) -> Self {
        unsafe { Zmm(_mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn quad(x: *const i16) -> [Self; 2] {
        unsafe {
            let x = _mm512_set1_epi64(x.cast::<i64>().read_unaligned());
            let [a, b] = if VNNI { [LOWER, UPPER] } else { [EVEN, ODD] };
            let a = _mm512_shuffle_epi8(x, _mm512_set1_epi64(a));
            let b = _mm512_shuffle_epi8(x, _mm512_set1_epi64(b));
            // The instruction takes them without signs: 256 (upper + 128) + lower is x + 2^15.
            [Zmm(a), Zmm(if VNNI { _mm512_xor_si512(b, _mm512_set1_epi8(-128)) } else { b })]
        }
    }

    #[inline(always)]
    unsafe fn add_quads([a, b]: [Self; 2], w: *const i8, [x, y]: [Self; 2]) -> [Self; 2] {
        unsafe {
            let w = _mm512_loadu_si512(w.cast());
            if VNNI {
                let lower = _mm512_dpbusd_epi32(a.0, x.0, w);
                [Zmm(lower), Zmm(_mm512_dpbusd_epi32(b.0, y.0, w))]
            } else {
                let even = Zmm(_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(w)));
                let odd = Zmm(_mm512_srai_epi16::<8>(w));
                [a.add_products(even, x).add_products(odd, y), b]
            }
        }
    }

    #[inline(always)]
    unsafe fn joined([a, b]: [Self; 2]) -> Self {
        unsafe { if VNNI { a + Zmm(_mm512_slli_epi32::<8>(b.0)) } else { a } }
    }

    #[inline(always)]
    unsafe fn widen(from: *const i16) -> Self {
        unsafe { Zmm(_mm512_cvtepi16_epi32(_mm256_loadu_si256(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn narrow(self, to: *mut i16) {
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(self.0)) }
    }

    #[inline(always)]
    unsafe fn add_products(self, a: Self, b: Self) -> Self {
        unsafe {
            Zmm(if VNNI {
                multiply_add(self.0, a.0, b.0)
            } else {
                _mm512_add_epi32(self.0, _mm512_madd_epi16(a.0, b.0))
            })
        }
    }

    #[inline(always)]
    unsafe fn multiply_high(self, m: Self) -> Self {
        unsafe {
            let half = _mm512_set1_epi64(1 << 31);
            let even = _mm512_add_epi64(_mm512_mul_epi32(self.0, m.0), half);
            let (a, b) = (_mm512_srli_epi64::<32>(self.0), _mm512_srli_epi64::<32>(m.0));
            let odd = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
            Zmm(_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<32>(even), odd))
        }
    }
}

/// AVX2: two registers.
#[derive(Clone, Copy)]
pub(super) struct Two([__m256i; 2]);

impl Lanes for Two {
    const MANY: bool = false;
    const OFFSET: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        unsafe { Two([_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())]) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        unsafe {
            _mm256_storeu_si256(to.cast(), self.0[0]);
            _mm256_storeu_si256(to.add(8).cast(), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn bytes(from: *const i8) -> Self {
        unsafe {
            let (a, b) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(16).cast()));
            Two([_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b)])
        }
    }

    #[inline(always)]
    unsafe fn quad(x: *const i16) -> [Self; 2] {
        unsafe {
            let x = _mm256_set1_epi64x(x.cast::<i64>().read_unaligned());
            let a = _mm256_shuffle_epi8(x, _mm256_set1_epi64x(EVEN));
            let b = _mm256_shuffle_epi8(x, _mm256_set1_epi64x(ODD));
            [Two([a; 2]), Two([b; 2])]
        }
    }

    #[inline(always)]
    unsafe fn add_quads([a, b]: [Self; 2], w: *const i8, [x, y]: [Self; 2]) -> [Self; 2] {
        unsafe {
            let Two([u, v]) = Self::load(w.cast());
            let (s, t) = (_mm256_slli_epi16::<8>(u), _mm256_slli_epi16::<8>(v));
            let even = Two([_mm256_srai_epi16::<8>(s), _mm256_srai_epi16::<8>(t)]);
            let odd = Two([_mm256_srai_epi16::<8>(u), _mm256_srai_epi16::<8>(v)]);
            [a.add_products(even, x).add_products(odd, y), b]
        }
    }

    #[inline(always)]
    unsafe fn joined([a, _]: [Self; 2]) -> Self {
        a
    }

    #[inline(always)]
    unsafe fn widen(from: *const i16) -> Self {
        unsafe {
            let (a, b) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(8).cast()));
            Two([_mm256_cvtepi16_epi32(a), _mm256_cvtepi16_epi32(b)])
        }
    }

    #[inline(always)]
    unsafe fn narrow(self, to: *mut i16) {
        unsafe {
            // The numbers fit: what saturates doesn't.
            let pairs = _mm256_packs_epi32(self.0[0], self.0[1]);
            _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs));
        }
    }

    #[inline(always)]
    unsafe fn add_products(self, a: Self, b: Self) -> Self {
        let Two([a_0, a_1]) = a;
        let Two([b_0, b_1]) = b;
        unsafe {
            Two([
                _mm256_add_epi32(self.0[0], _mm256_madd_epi16(a_0, b_0)),
                _mm256_add_epi32(self.0[1], _mm256_madd_epi16(a_1, b_1)),
            ])
        }
    }

    #[inline(always)]
    unsafe fn multiply_high(self, m: Self) -> Self {
        unsafe { Two([high(self.0[0], m.0[0]), high(self.0[1], m.0[1])]) }
    }
}

/// (a m + 2^31) >> 32
#[inline(always)]
unsafe fn high(a: __m256i, m: __m256i) -> __m256i {
    unsafe {
        let half = _mm256_set1_epi64x(1 << 31);
        let even = _mm256_add_epi64(_mm256_mul_epi32(a, m), half);
        let (a, m) = (_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(m));
        let odd = _mm256_add_epi64(_mm256_mul_epi32(a, m), half);
        _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<32>(even), odd)
    }
}

// SAFETY, from here on: vectors only come to be where the processor has the form's instructions.

impl<const VNNI: bool> Add for Zmm<VNNI> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        unsafe { Zmm(_mm512_add_epi32(self.0, b.0)) }
    }
}

impl<const VNNI: bool> Sub for Zmm<VNNI> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        unsafe { Zmm(_mm512_sub_epi32(self.0, b.0)) }
    }
}

impl<const VNNI: bool> Number for Zmm<VNNI> {
    #[inline(always)]
    fn splat(v: i32) -> Self {
        unsafe { Zmm(_mm512_set1_epi32(v)) }
    }

    #[inline(always)]
    fn shift<const BITS: u32>(self) -> Self {
        unsafe { Zmm(_mm512_srai_epi32::<BITS>(self.0)) }
    }

    #[inline(always)]
    fn hold(self, limit: i32) -> Self {
        unsafe {
            let v = _mm512_min_epi32(self.0, _mm512_set1_epi32(limit - 1));
            Zmm(_mm512_max_epi32(v, _mm512_set1_epi32(-limit)))
        }
    }

    #[inline(always)]
    fn times(self, b: Self) -> Self {
        unsafe { Zmm(_mm512_mullo_epi32(self.0, b.0)) }
    }

    #[inline(always)]
    fn scale(self, b: Self) -> Self {
        unsafe {
            let even = _mm512_srli_epi64::<15>(_mm512_mul_epi32(self.0, b.0));
            let (a, b) = (_mm512_srli_epi64::<32>(self.0), _mm512_srli_epi64::<32>(b.0));
            let odd = _mm512_slli_epi64::<17>(_mm512_mul_epi32(a, b));
            Zmm(_mm512_mask_blend_epi32(0xAAAA, even, odd))
        }
    }

    #[inline(always)]
    fn tanh_31(self) -> Self {
        unsafe {
            let z = self.hold(Z_LIMIT).0;
            let row = _mm512_srai_epi32::<PIECE_BITS>(z);
            let row = _mm512_and_si512(row, _mm512_set1_epi32(PIECES as i32 - 1));
            // Rows of the table: c0 in the lower halves, c12 in the upper ones.
            let table = TABLE.as_ptr().cast::<i64>();
            let a = _mm512_i32gather_epi64::<8>(_mm512_castsi512_si256(row), table);
            let b = _mm512_i32gather_epi64::<8>(_mm512_extracti64x4_epi64::<1>(row), table);
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            let c0 = Zmm::<VNNI>(_mm512_permutex2var_epi32(a, even, b));
            let c12 = Zmm(_mm512_permutex2var_epi32(a, odd, b));
            // f in the upper halves, and in the lower ones.
            let upper = _mm512_srai_epi32::<1>(_mm512_slli_epi32::<{ 31 - PIECE_BITS }>(z));
            let lower = Zmm(_mm512_srli_epi32::<16>(upper));
            c0.add_products(Zmm(upper), c12.add_products(lower, c12))
        }
    }
}

impl Add for Two {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        unsafe { Two([_mm256_add_epi32(self.0[0], b.0[0]), _mm256_add_epi32(self.0[1], b.0[1])]) }
    }
}

impl Sub for Two {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        unsafe { Two([_mm256_sub_epi32(self.0[0], b.0[0]), _mm256_sub_epi32(self.0[1], b.0[1])]) }
    }
}

impl Number for Two {
    #[inline(always)]
    fn splat(v: i32) -> Self {
        unsafe { Two([_mm256_set1_epi32(v); 2]) }
    }

    #[inline(always)]
    fn shift<const BITS: u32>(self) -> Self {
        unsafe {
            let by = _mm_cvtsi32_si128(BITS as i32);
            Two([_mm256_sra_epi32(self.0[0], by), _mm256_sra_epi32(self.0[1], by)])
        }
    }

    #[inline(always)]
    fn hold(self, limit: i32) -> Self {
        unsafe {
            let (most, least) = (_mm256_set1_epi32(limit - 1), _mm256_set1_epi32(-limit));
            Two([
                _mm256_max_epi32(_mm256_min_epi32(self.0[0], most), least),
                _mm256_max_epi32(_mm256_min_epi32(self.0[1], most), least),
            ])
        }
    }

    #[inline(always)]
    fn times(self, b: Self) -> Self {
        unsafe {
            Two([_mm256_mullo_epi32(self.0[0], b.0[0]), _mm256_mullo_epi32(self.0[1], b.0[1])])
        }
    }

    #[inline(always)]
    fn scale(self, b: Self) -> Self {
        unsafe { Two([scale(self.0[0], b.0[0]), scale(self.0[1], b.0[1])]) }
    }

    #[inline(always)]
    fn tanh_31(self) -> Self {
        let Two([a, b]) = self.hold(Z_LIMIT);
        unsafe { Two([tanh_31(a), tanh_31(b)]) }
    }
}

/// (a b) >> 15 on 64 bits.
#[inline(always)]
unsafe fn scale(a: __m256i, b: __m256i) -> __m256i {
    unsafe {
        let even = _mm256_srli_epi64::<15>(_mm256_mul_epi32(a, b));
        let (a, b) = (_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
        let odd = _mm256_slli_epi64::<17>(_mm256_mul_epi32(a, b));
        _mm256_blend_epi32::<0xAA>(even, odd)
    }
}

/// As with 16 lanes, for z that is held.
#[inline(always)]
unsafe fn tanh_31(z: __m256i) -> __m256i {
    unsafe {
        let row = _mm256_srai_epi32::<{ PIECE_BITS as i32 }>(z);
        let row = _mm256_and_si256(row, _mm256_set1_epi32(PIECES as i32 - 1));
        let table = TABLE.as_ptr().cast::<i32>();
        let c0 = _mm256_i32gather_epi32::<8>(table, row);
        let c12 = _mm256_i32gather_epi32::<8>(table.add(1), row);
        let upper = _mm256_srai_epi32::<1>(_mm256_slli_epi32::<{ 31 - PIECE_BITS as i32 }>(z));
        let lower = _mm256_srli_epi32::<16>(upper);
        let slope = _mm256_add_epi32(c12, _mm256_madd_epi16(lower, c12));
        _mm256_add_epi32(c0, _mm256_madd_epi16(upper, slope))
    }
}
