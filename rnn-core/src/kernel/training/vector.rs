//! A register of `f32` lanes, as AVX2 and AVX-512 have it: what the kernels' one body is written over.
//!
//! Every operation is IEEE 754's, so lanes of any width come to the portable form's bits.

use core::arch::x86_64::*;

use crate::kernel::Lanes;

/// Lanes of `f32`. Memory is read and written at `pointer` and behind, not aligned.
///
/// # Safety
/// All functions: the processor must have the instructions, and the memory must be there.
#[allow(unsafe_code, clippy::missing_safety_doc)] // As the trait says.
pub(super) trait Vector: Lanes {
    const LANES: usize;
    /// Whether there are registers for a block of 2 vectors x 8 columns; else 2 x 4.
    const MANY: bool;
    /// Which lanes take part.
    type Mask: Copy;

    /// The first `lanes` lanes.
    unsafe fn first(lanes: usize) -> Self::Mask;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(pointer: *const f32) -> Self;
    unsafe fn store(self, pointer: *mut f32);
    /// 0 in lanes that don't take part; their memory isn't touched.
    unsafe fn load_part(pointer: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store_part(self, pointer: *mut f32, mask: Self::Mask);

    /// a b + c, rounded once.
    unsafe fn fused(self, b: Self, c: Self) -> Self;
    /// -a b + c, rounded once.
    unsafe fn fused_negative(self, b: Self, c: Self) -> Self;
    /// The number whose bits are `minuend` less its own.
    unsafe fn bits_from(self, minuend: u32) -> Self;
    /// a < b ? a : b
    unsafe fn min(self, b: Self) -> Self;
    /// a > b ? a : b
    unsafe fn max(self, b: Self) -> Self;
    /// h > 0 ? a : 0
    unsafe fn where_positive(self, h: Self) -> Self;
    /// `other` in lanes that don't take part.
    unsafe fn or(self, other: Self, mask: Self::Mask) -> Self;
    /// The greatest lane, of none that is NaN.
    unsafe fn greatest(self) -> f32;
    /// 2^n where n, in -126 ... 127, stands in the last bits.
    unsafe fn two_to(self) -> Self;
}

/// The methods that are one instruction of the same name in both sets.
macro_rules! vector {
    ($name:ident($register:ty), $lanes:literal, $many:literal, $mask:ty, $prefix:literal,
     [$($trait:ident::$operator:ident => $operation:ident;)*]
     [$($method:ident($($argument:ident),*) => $intrinsic:ident;)*] $($rest:tt)*) => {
        #[doc = concat!($prefix, " lanes.")]
        #[derive(Clone, Copy)]
        pub(super) struct $name(pub(super) $register);

        #[allow(unsafe_code)]
        impl Vector for $name {
            const LANES: usize = $lanes;
            const MANY: bool = $many;
            type Mask = $mask;

            $(#[inline(always)]
            unsafe fn $method(self, $($argument: Self),*) -> Self {
                // SAFETY: the caller's.
                $name(unsafe { $intrinsic(self.0, $($argument.0),*) })
            })*
            $($rest)*
        }

        $(#[allow(unsafe_code)]
        impl core::ops::$trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $operator(self, b: Self) -> Self {
                // SAFETY: where there is a vector, there are its instructions.
                $name(unsafe { $operation(self.0, b.0) })
            }
        })*

        #[allow(unsafe_code)]
        impl Lanes for $name {
            #[inline(always)]
            fn one() -> Self {
                // SAFETY: only kernels that are compiled for its instructions work with vectors.
                unsafe { <$name as Vector>::splat(1.0) }
            }
        }
    };
}

vector! {
    Avx512(__m512), 16, true, __mmask16, "16",
    [
        Add::add => _mm512_add_ps;
        Sub::sub => _mm512_sub_ps;
        Mul::mul => _mm512_mul_ps;
    ]
    [
        fused(b, c) => _mm512_fmadd_ps;
        fused_negative(b, c) => _mm512_fnmadd_ps;
        min(b) => _mm512_min_ps;
        max(b) => _mm512_max_ps;
    ]
    #[inline(always)]
    unsafe fn first(lanes: usize) -> __mmask16 {
        ((1u32 << lanes) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Avx512(unsafe { _mm512_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        Avx512(unsafe { _mm512_loadu_ps(pointer) })
    }
    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        unsafe { _mm512_storeu_ps(pointer, self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(pointer: *const f32, mask: __mmask16) -> Self {
        Avx512(unsafe { _mm512_maskz_loadu_ps(mask, pointer) })
    }
    #[inline(always)]
    unsafe fn store_part(self, pointer: *mut f32, mask: __mmask16) {
        unsafe { _mm512_mask_storeu_ps(pointer, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn bits_from(self, minuend: u32) -> Self {
        unsafe {
            let bits = _mm512_castps_si512(self.0);
            Avx512(_mm512_castsi512_ps(_mm512_sub_epi32(_mm512_set1_epi32(minuend as i32), bits)))
        }
    }
    #[inline(always)]
    unsafe fn where_positive(self, h: Self) -> Self {
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(h.0, _mm512_setzero_ps());
            Avx512(_mm512_maskz_mov_ps(mask, self.0))
        }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self, mask: __mmask16) -> Self {
        unsafe { Avx512(_mm512_mask_mov_ps(other.0, mask, self.0)) }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
    #[inline(always)]
    unsafe fn two_to(self) -> Self {
        unsafe {
            let biased = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(127));
            Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        }
    }
}

vector! {
    Avx2(__m256), 8, false, __m256i, "8",
    [
        Add::add => _mm256_add_ps;
        Sub::sub => _mm256_sub_ps;
        Mul::mul => _mm256_mul_ps;
    ]
    [
        fused(b, c) => _mm256_fmadd_ps;
        fused_negative(b, c) => _mm256_fnmadd_ps;
        min(b) => _mm256_min_ps;
        max(b) => _mm256_max_ps;
    ]
    #[inline(always)]
    unsafe fn first(lanes: usize) -> __m256i {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), lane)
        }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Avx2(unsafe { _mm256_set1_ps(value) })
    }
    #[inline(always)]
    unsafe fn load(pointer: *const f32) -> Self {
        Avx2(unsafe { _mm256_loadu_ps(pointer) })
    }
    #[inline(always)]
    unsafe fn store(self, pointer: *mut f32) {
        unsafe { _mm256_storeu_ps(pointer, self.0) }
    }
    #[inline(always)]
    unsafe fn load_part(pointer: *const f32, mask: __m256i) -> Self {
        Avx2(unsafe { _mm256_maskload_ps(pointer, mask) })
    }
    #[inline(always)]
    unsafe fn store_part(self, pointer: *mut f32, mask: __m256i) {
        unsafe { _mm256_maskstore_ps(pointer, mask, self.0) }
    }
    #[inline(always)]
    unsafe fn bits_from(self, minuend: u32) -> Self {
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            Avx2(_mm256_castsi256_ps(_mm256_sub_epi32(_mm256_set1_epi32(minuend as i32), bits)))
        }
    }
    #[inline(always)]
    unsafe fn where_positive(self, h: Self) -> Self {
        unsafe {
            let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(h.0, _mm256_setzero_ps());
            Avx2(_mm256_and_ps(self.0, mask))
        }
    }
    #[inline(always)]
    unsafe fn or(self, other: Self, mask: __m256i) -> Self {
        unsafe { Avx2(_mm256_blendv_ps(other.0, self.0, _mm256_castsi256_ps(mask))) }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn two_to(self) -> Self {
        unsafe {
            let biased = _mm256_add_epi32(_mm256_castps_si256(self.0), _mm256_set1_epi32(127));
            Avx2(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
        }
    }
}
