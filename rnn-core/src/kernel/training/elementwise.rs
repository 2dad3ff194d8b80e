//! Activations on whole vectors: the operations of `approx` and `Activation`, in their order.

use super::vector::Vector;
use crate::activation::{Activation, approx};

/// h = sigma(z).
///
/// # Safety
/// Here and below: the processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate<V: Vector, const R: usize>(activation: Activation, z: &mut [V; R]) {
    // SAFETY: the caller's.
    unsafe {
        for z in z {
            *z = match activation {
                Activation::Tanh => tanh(*z),
                Activation::Sigmoid => {
                    let half = V::splat(0.5);
                    tanh(z.mul(half)).mul(half).add(half)
                }
                Activation::Relu => z.where_positive(*z),
            };
        }
    }
}

/// dL/dz = dL/dh sigma'(z), with sigma' from h.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate_backward<V: Vector, const R: usize>(
    activation: Activation,
    h: &[V; R],
    d: &mut [V; R],
) {
    // SAFETY: the caller's.
    unsafe {
        let one = V::splat(1.0);
        for (d, h) in d.iter_mut().zip(h) {
            *d = match activation {
                Activation::Tanh => d.mul(one.sub(h.mul(*h))),
                Activation::Sigmoid => d.mul(h.mul(one.sub(*h))),
                Activation::Relu => d.where_positive(*h),
            };
        }
    }
}

/// [`approx::tanh_rational`].
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn tanh<V: Vector>(x: V) -> V {
    use approx::{RECIPROCAL, TANH_LIMIT, TANH_P, TANH_Q};
    // SAFETY: the caller's.
    unsafe {
        // As the comparisons there, these keep a NaN: it is the second operand.
        let x = V::splat(TANH_LIMIT).min(x);
        let x = V::splat(-TANH_LIMIT).max(x);
        let s = x.mul(x);
        let polynomial = |[c0, c1, c2, c3]: [f32; 4]| {
            let p = V::splat(c3).fused(s, V::splat(c2));
            let p = p.fused(s, V::splat(c1));
            p.fused(s, V::splat(c0))
        };
        let (p, q) = (x.mul(polynomial(TANH_P)), polynomial(TANH_Q));
        let one = V::splat(1.0);
        let y = q.bits_from(RECIPROCAL);
        let e = q.fused_negative(y, one);
        let y = e.fused(e, e).fused(y, y);
        let h = p.mul(y);
        q.fused_negative(y, one).fused(h, h)
    }
}

/// [`activate`] on any number of values.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn activate_all<V: Vector>(activation: Activation, z: &mut [f32]) {
    // SAFETY: the caller's; the pointers stay within `z`.
    unsafe {
        let mut chunks = z.chunks_exact_mut(V::LANES);
        for z in &mut chunks {
            let mut vector = [V::load(z.as_ptr())];
            activate(activation, &mut vector);
            vector[0].store(z.as_mut_ptr());
        }
        let rest = chunks.into_remainder();
        if !rest.is_empty() {
            let mask = V::first(rest.len());
            let mut vector = [V::load_part(rest.as_ptr(), mask)];
            activate(activation, &mut vector);
            vector[0].store_part(rest.as_mut_ptr(), mask);
        }
    }
}
