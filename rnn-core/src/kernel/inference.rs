//! [`Inference`] on the vectors of an x86-64 host, with the bits of the portable form.
#![allow(unsafe_code)]

use super::blocks::Lanewise;
use super::vector::Vector;
use super::{Inference, PARTIALS, fold};
use crate::activation::Activation;

impl<V: Vector> Lanewise<V> for Inference {
    const BATCHED: bool = false;

    #[inline(always)]
    unsafe fn multiply_add(acc: V, a: V, b: V) -> V {
        unsafe { acc.add(a.mul(b)) }
    }

    #[inline(always)]
    unsafe fn sigma<const N: usize>(activation: Activation, mut z: [V; N]) -> [V; N] {
        for z in &mut z {
            *z = unsafe {
                match activation {
                    Activation::Tanh => z.tanh(),
                    Activation::Sigmoid => z.sigmoid(),
                    Activation::Relu => z.relu(),
                }
            };
        }
        z
    }

    #[inline(always)]
    unsafe fn few_outputs(
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
                let sum = fold(unsafe { partials::<V>(rows, row, w, x) });
                *o = bias.get(row).copied().unwrap_or(0.0) + sum;
            }
        }
    }
}

/// The interleaved partial sums of row `row` of W x. Lanes beyond the last input add 0 to a sum that
/// isn't -0: nothing.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn partials<V: Vector>(rows: usize, row: usize, w: &[f32], x: &[f32]) -> [f32; PARTIALS] {
    let mut partial = [0.0; PARTIALS];
    let inputs = x.len().min(w.len() / rows);
    unsafe {
        for (lane, partial) in partial.chunks_exact_mut(V::LANES).enumerate() {
            let mut acc = V::splat(0.0);
            for j in (lane * V::LANES..inputs).step_by(PARTIALS) {
                let (w, x) = (w.as_ptr().add(j * rows + row), x.as_ptr().add(j));
                let product = if rows == 1 && inputs - j >= V::LANES {
                    V::load(w).mul(V::load(x))
                } else {
                    let mask = V::mask(inputs - j);
                    V::gather(w, rows, mask).mul(V::load_part(x, mask))
                };
                acc = acc.add(product);
            }
            acc.store(partial.as_mut_ptr());
        }
    }
    partial
}
