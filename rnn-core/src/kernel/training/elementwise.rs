//! Activations on whole vectors: the operations of `approx` and `Activation`, in their order.
#![allow(clippy::needless_range_loop)] // r and c count registers.

use super::memory::{load, store};
use super::vector::Vector;
use crate::activation::{Activation, approx};

/// An operation on each vector of blocks, one after the other. No closure: it would be compiled for
/// other instructions.
macro_rules! each {
    ($($name:ident),+ => $result:expr) => {{
        let mut results = [[V::splat(0.0); R]; C];
        for c in 0..C {
            for r in 0..R {
                $(let $name = $name[c][r];)+
                results[c][r] = $result;
            }
        }
        results
    }};
}

/// h = sigma(z), operation by operation over all vectors of the block: enough of them that none has
/// to wait for its own last result.
///
/// # Safety
/// Here and below: the processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate<V: Vector, const R: usize, const C: usize>(
    activation: Activation,
    z: [[V; R]; C],
) -> [[V; R]; C] {
    // SAFETY: the caller's.
    unsafe {
        match activation {
            Activation::Tanh => tanh(z),
            Activation::Sigmoid => {
                let half = V::splat(0.5);
                let h = tanh(each!(z => z * half));
                each!(h => h * half + half)
            }
            Activation::Relu => each!(z => z.where_positive(z)),
        }
    }
}

/// dL/dz = dL/dh sigma'(z), with sigma' from h.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate_backward<V: Vector, const R: usize, const C: usize>(
    activation: Activation,
    h: [[V; R]; C],
    d: [[V; R]; C],
) -> [[V; R]; C] {
    // SAFETY: the caller's.
    unsafe {
        let one = V::splat(1.0);
        match activation {
            Activation::Tanh => each!(d, h => d * (one - h * h)),
            Activation::Sigmoid => each!(d, h => d * (h * (one - h))),
            Activation::Relu => each!(d, h => d.where_positive(h)),
        }
    }
}

/// [`approx::tanh_rational`].
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tanh<V: Vector, const R: usize, const C: usize>(x: [[V; R]; C]) -> [[V; R]; C] {
    use approx::{RECIPROCAL, TANH_LIMIT, TANH_P, TANH_Q};
    // SAFETY: the caller's.
    unsafe {
        // As the comparisons there, these keep a NaN: it is the second operand.
        let x = each!(x => V::splat(TANH_LIMIT).min(x));
        let x = each!(x => V::splat(-TANH_LIMIT).max(x));
        let s = each!(x => x * x);
        macro_rules! polynomial {
            ($coefficients:ident) => {{
                let [c0, c1, c2, c3] = $coefficients;
                let p = each!(s => V::splat(c3).fused(s, V::splat(c2)));
                let p = each!(p, s => p.fused(s, V::splat(c1)));
                each!(p, s => p.fused(s, V::splat(c0)))
            }};
        }
        let p = polynomial!(TANH_P);
        let p = each!(x, p => x * p);
        let q = polynomial!(TANH_Q);
        let one = V::splat(1.0);
        let y = each!(q => q.bits_from(RECIPROCAL));
        let e = each!(q, y => q.fused_negative(y, one));
        let e = each!(e => e.fused(e, e));
        let y = each!(e, y => e.fused(y, y));
        let h = each!(p, y => p * y);
        let e = each!(q, y => q.fused_negative(y, one));
        each!(e, h => e.fused(h, h))
    }
}

/// [`activate`] on any number of values.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate_all<V: Vector>(activation: Activation, z: &mut [f32]) {
    // SAFETY: the caller's; the pointers stay within `z`.
    unsafe {
        let mut blocks = z.chunks_exact_mut(4 * V::LANES);
        for z in &mut blocks {
            let vectors = load::<V, 4, false>(z.as_ptr(), V::first(0));
            let [vectors] = activate(activation, [vectors]);
            store::<V, 4, false>(vectors, z.as_mut_ptr(), V::first(0));
        }
        for z in blocks.into_remainder().chunks_mut(V::LANES) {
            let mask = V::first(z.len());
            let vector = load::<V, 1, true>(z.as_ptr(), mask);
            let [vector] = activate(activation, [vector]);
            store::<V, 1, true>(vector, z.as_mut_ptr(), mask);
        }
    }
}
