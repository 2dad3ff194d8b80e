//! The readout with one output: 16 interleaved partial sums per column.

use crate::kernel::{PARTIALS, fold};

/// out = b 1^T + w^T X.
#[inline(always)]
pub(super) fn one(out: &mut [f32], bias: &[f32], w: &[f32], x: &[f32], inputs: usize) {
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
