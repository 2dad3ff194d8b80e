//! The readout with one output: 16 interleaved partial sums per column.

use super::product::{Dense, Nothing, Start, multiply};
use super::vector::Vector;
use crate::kernel::{PARTIALS, fold};

/// out = b 1^T + W X.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn readout<V: Vector>(
    out: &mut [f32],
    rows: usize,
    bias: &[f32],
    w: &[f32],
    x: &[f32],
    inputs: usize,
) {
    if rows != 1 {
        let products = [Dense::new(w, x, inputs), Dense::NONE];
        // SAFETY: the caller's.
        unsafe { multiply::<V, _>(out, rows, Start::Bias(bias), products, Nothing) };
        return;
    }
    let bias = bias.first().copied().unwrap_or(0.0);
    let (whole, rest) = w[..inputs].as_chunks::<PARTIALS>();
    for (o, x) in out.iter_mut().zip(x.chunks_exact(inputs)) {
        let (whole_x, rest_x) = x.as_chunks::<PARTIALS>();
        let mut partial = [0.0; PARTIALS];
        for (w, x) in whole.iter().zip(whole_x) {
            for i in 0..PARTIALS {
                partial[i] = w[i].mul_add(x[i], partial[i]);
            }
        }
        for ((p, &w), &x) in partial.iter_mut().zip(rest).zip(rest_x) {
            *p = w.mul_add(x, *p);
        }
        *o = bias + fold(partial);
    }
}
