//! The integer cells: the equations of [`elman`](crate::elman), [`gru`](crate::gru) and
//! [`lstm`](crate::lstm) in the fixed-point numbers of [`fixed`](super::fixed).
//!
//! A cell reads v = (x, h): its inputs, filled up to an even number, then its state, filled up too;
//! with a one-hot input v is the state alone. Its sums are requantised to tanh's argument; those of a sigmoid to half of theirs.

use super::block::BlockRef;
use super::fixed::{C_BITS, Z_BITS, blend, cell, multiply, scale};
use crate::cell::take;
use crate::kernel::integer::{Kernel, OneHot};

/// What an Elman cell squashes with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Squash {
    Tanh,
    Sigmoid,
}

/// A sigmoid's value from tanh's of half the argument.
#[inline(always)]
fn sigmoid(tanh: i32) -> i16 {
    ((tanh + 32768) >> 1) as i16
}

/// The gates r and z of a GRU.
#[inline(always)]
fn halves(mut r_z: &[i32], hidden: usize) -> (&[i32], &[i32]) {
    let r;
    (r, r_z) = r_z.split_at_checked(hidden).unwrap_or_default();
    (r, r_z.get(..hidden).unwrap_or_default())
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
    K::tanh(z);
    let h = v.get_mut(inputs..).unwrap_or_default();
    let units = h.iter_mut().zip(z).take(hidden);
    match squash {
        Squash::Tanh => units.for_each(|(h, z)| *h = *z as i16),
        Squash::Sigmoid => units.for_each(|(h, z)| *h = sigmoid(*z)),
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
    K::tanh(gates);
    let hidden = c.len();
    let [i, f, g, o] = [(); 4].map(|()| take(&mut gates, hidden));
    for ((((i, &mut f), g), c), o) in i.iter_mut().zip(f).zip(g).zip(c).zip(&mut *o) {
        *c = cell(sigmoid(f), *c, sigmoid(*i), *g as i16);
        (*i, *o) = (*c >> (C_BITS - Z_BITS), sigmoid(*o).into());
    }
    K::tanh(i);
    let h = v.get_mut(inputs..).unwrap_or_default();
    for ((h, tanh_c), o) in h.iter_mut().zip(i).zip(o) {
        *h = multiply(*o as i16, *tanh_c as i16);
    }
}

/// (r, z) = sigmoid(W v + b), n = tanh(W_x x + b_n + r (W_h h + b_hn)), h = n + z (h - n): the reset
/// after the product.
#[inline(always)]
pub(super) fn gru_after<K: Kernel>(
    [gates, candidate, state]: [&BlockRef<'_>; 3],
    hot: OneHot,
    v: &mut [i16],
    inputs: usize,
    hidden: usize,
    mut z: &mut [i32],
) {
    let r_z = take(&mut z, gates.bias.len());
    let n = take(&mut z, candidate.bias.len());
    let q = take(&mut z, state.bias.len());
    K::multiply(gates, hot, v, r_z);
    K::tanh(r_z);
    let (x, h) = v.split_at_mut_checked(inputs).unwrap_or_default();
    K::multiply(candidate, hot, x, n);
    K::multiply(state, None, h, q);
    let (r, z) = halves(r_z, hidden);
    for ((n, q), &r) in n.iter_mut().zip(q).zip(r) {
        *n += scale(*q, sigmoid(r));
    }
    K::tanh(n);
    for ((h, n), &z) in h.iter_mut().zip(n).zip(z) {
        *h = blend(sigmoid(z), *h, *n as i16);
    }
}

/// (r, z) = sigmoid(W v + b), n = tanh(W (x, r h) + b), h = n + z (h - n): the reset before the
/// product; `u` is room for (x, r h).
#[inline(always)]
pub(super) fn gru_before<K: Kernel>(
    [gates, candidate]: [&BlockRef<'_>; 2],
    hot: OneHot,
    v: &mut [i16],
    u: &mut [i16],
    inputs: usize,
    hidden: usize,
    mut z: &mut [i32],
) {
    let r_z = take(&mut z, gates.bias.len());
    let n = take(&mut z, candidate.bias.len());
    K::multiply(gates, hot, v, r_z);
    K::tanh(r_z);
    let (r, z) = halves(r_z, hidden);
    u.iter_mut().zip(v.iter()).for_each(|(u, &v)| *u = v);
    let q = u.get_mut(inputs..).unwrap_or_default();
    for (q, &r) in q.iter_mut().zip(r) {
        *q = multiply(*q, sigmoid(r));
    }
    K::multiply(candidate, hot, u, n);
    K::tanh(n);
    let h = v.get_mut(inputs..).unwrap_or_default();
    for ((h, n), &z) in h.iter_mut().zip(n).zip(z) {
        *h = blend(sigmoid(z), *h, *n as i16);
    }
}
