//! [`Inference`] on the vectors of an x86-64 host, with the bits of the portable form.
#![allow(unsafe_code)]

use super::Inference;
use super::blocks::Lanewise;
use super::vector::Vector;
use crate::activation::Activation;

impl<V: Vector> Lanewise<V> for Inference {
    const BATCHED: bool = false;
    const INTERLEAVED: usize = usize::MAX;

    #[inline(always)]
    unsafe fn multiply_add(acc: V, a: V, b: V) -> V {
        unsafe { acc.add(a.mul(b)) }
    }

    #[inline(always)]
    unsafe fn multiply_add_part(acc: V, a: V, b: V, _part: V::Mask) -> V {
        // Adds 0 to a sum that isn't -0: nothing.
        unsafe { Self::multiply_add(acc, a, b) }
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
}
