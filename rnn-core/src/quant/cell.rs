//! The integer cells: the equations of [`elman`](crate::elman), [`gru`](crate::gru) and
//! [`lstm`](crate::lstm) in the fixed-point numbers of [`fixed`](super::fixed).
//!
//! A cell reads v = (x, h): its inputs, filled up to an even number, then its state, filled up too;
//! with a one-hot input v is the state alone. Its sums are requantised to tanh's argument; those of a
//! sigmoid to half of theirs.

use super::block::BlockRef;
use super::fixed::{blend, cell, multiply, scale, sigmoid_of_half, tanh, tanh_of_cell};
use crate::cell::take;
use crate::kernel::integer::{Kernel, OneHot};

/// What an Elman cell squashes with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Squash {
    Tanh,
    Sigmoid,
}

/// h = sigma(W v + b), sigma being tanh or the sigmoid.
#[inline(always)]
pub(super) fn elman<K: Kernel>(
    block: &BlockRef<'_>,
    squash: Squash,
    hot: OneHot,
    v: &mut [i16],
    inputs: usize,
    hidden: usize,
    mut z: &mut [i32],
) {
    let z = take(&mut z, block.bias.len());
    K::multiply(block, hot, v, z);
    let h = v.get_mut(inputs..).unwrap_or_default();
    let units = h.iter_mut().zip(z).take(hidden);
    match squash {
        Squash::Tanh => units.for_each(|(h, z)| *h = tanh(*z)),
        Squash::Sigmoid => units.for_each(|(h, z)| *h = sigmoid_of_half(*z) as i16),
    }
}

/// (i, f, g, o) = (sigmoid, sigmoid, tanh, sigmoid)(W v + b), c = f c + i g, h = o tanh c
#[inline(always)]
pub(super) fn lstm<K: Kernel>(
    block: &BlockRef<'_>,
    hot: OneHot,
    v: &mut [i16],
    inputs: usize,
    c: &mut [i32],
    mut z: &mut [i32],
) {
    let mut gates = take(&mut z, block.bias.len());
    K::multiply(block, hot, v, gates);
    let hidden = c.len();
    let [i, f, g, o] = [(); 4].map(|()| &*take(&mut gates, hidden));
    let h = v.get_mut(inputs..).unwrap_or_default();
    for (((((h, c), &i), &f), &g), &o) in h.iter_mut().zip(c).zip(i).zip(f).zip(g).zip(o) {
        *c = cell(sigmoid_of_half(f), *c, sigmoid_of_half(i), tanh(g));
        *h = multiply(sigmoid_of_half(o), tanh_of_cell(*c));
    }
}

/// (r, z) = sigmoid(W v + b), n = tanh(W_x x + b_n + r (W_h h + b_hn)), h = n + z (h - n): the reset
/// after the product.
#[inline(always)]
pub(super) fn gru_after<K: Kernel>(
    [gates, candidate, state]: &[BlockRef<'_>; 3],
    hot: OneHot,
    v: &mut [i16],
    inputs: usize,
    hidden: usize,
    mut z: &mut [i32],
) {
    let mut r_z = take(&mut z, gates.bias.len());
    let n = take(&mut z, candidate.bias.len());
    let q = take(&mut z, state.bias.len());
    K::multiply(gates, hot, v, r_z);
    let (x, h) = v.split_at_mut_checked(inputs).unwrap_or_default();
    K::multiply(candidate, hot, x, n);
    K::multiply(state, None, h, q);
    let [r, z] = [(); 2].map(|()| &*take(&mut r_z, hidden));
    for ((((h, &r), &z), &n), &q) in h.iter_mut().zip(r).zip(z).zip(&*n).zip(&*q) {
        let n = tanh(n + scale(q, sigmoid_of_half(r)));
        *h = blend(sigmoid_of_half(z), *h, n);
    }
}

/// (r, z) = sigmoid(W v + b), n = tanh(W (x, r h) + b), h = n + z (h - n): the reset before the
/// product; `u` is room for (x, r h).
#[inline(always)]
pub(super) fn gru_before<K: Kernel>(
    [gates, candidate]: &[BlockRef<'_>; 2],
    hot: OneHot,
    v: &mut [i16],
    u: &mut [i16],
    inputs: usize,
    hidden: usize,
    mut z: &mut [i32],
) {
    let mut r_z = take(&mut z, gates.bias.len());
    let n = take(&mut z, candidate.bias.len());
    K::multiply(gates, hot, v, r_z);
    let [r, z] = [(); 2].map(|()| &*take(&mut r_z, hidden));
    u.iter_mut().zip(v.iter()).for_each(|(u, &v)| *u = v);
    let q = u.get_mut(inputs..).unwrap_or_default();
    for (q, &r) in q.iter_mut().zip(r) {
        *q = multiply(sigmoid_of_half(r), *q);
    }
    K::multiply(candidate, hot, u, n);
    let h = v.get_mut(inputs..).unwrap_or_default();
    for ((h, &n), &z) in h.iter_mut().zip(&*n).zip(z) {
        *h = blend(sigmoid_of_half(z), *h, tanh(n));
    }
}
