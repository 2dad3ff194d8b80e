//! The readout of few outputs on vectors: [`PARTIALS`] interleaved partial sums for each, folded by halves.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::PARTIALS;
use super::blocks::Lanewise;
use super::vector::Vector;

/// out = b 1^T + W X, every output by itself.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn few_outputs<K: Lanewise<V>, V: Vector>(
    out: &mut [f32],
    rows: usize,
    bias: &[f32],
    w: &[f32],
    x: &[f32],
    inputs: usize,
) {
    let columns = out.chunks_exact_mut(rows.max(1)).zip(x.chunks_exact(inputs.max(1)));
    for (column, x) in columns {
        for (row, o) in column.iter_mut().enumerate() {
            let sum = unsafe { fold(partials::<K, V>(rows, row, w, x)) };
            *o = bias.get(row).copied().unwrap_or(0.0) + sum;
        }
    }
}

/// The partial sums of row `row` of W x.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn partials<K: Lanewise<V>, V: Vector>(
    rows: usize,
    row: usize,
    w: &[f32],
    x: &[f32],
) -> [f32; PARTIALS] {
    let mut partial = [0.0; PARTIALS];
    let mut inputs = x.len();
    if w.len() < inputs * rows {
        inputs = w.len() / rows; // Not a minimum: a division takes longer than a vector.
    }
    unsafe {
        for (lane, partial) in partial.chunks_exact_mut(V::LANES).enumerate() {
            let mut acc = V::splat(0.0);
            for j in (lane * V::LANES..inputs).step_by(PARTIALS) {
                let (w, x) = (w.as_ptr().add(j * rows + row), x.as_ptr().add(j));
                acc = if rows == 1 && inputs - j >= V::LANES {
                    K::multiply_add(acc, V::load(w), V::load(x))
                } else {
                    let part = V::mask(inputs - j);
                    let (w, x) = (V::gather(w, rows, part), V::load_part(x, part));
                    K::multiply_add_part(acc, w, x, part)
                };
            }
            acc.store(partial.as_mut_ptr());
        }
    }
    partial
}

/// [`fold`](super::fold) in vectors.
///
/// # Safety
/// The processor has AVX.
#[inline(always)]
unsafe fn fold(partial: [f32; PARTIALS]) -> f32 {
    let p = partial.as_ptr();
    unsafe {
        let eight = _mm256_add_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8)));
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}
