//! The integer cells: the equations of [`elman`](crate::elman), [`gru`](crate::gru) and
//! [`lstm`](crate::lstm) in the fixed-point numbers of [`fixed`](super::fixed).
//!
//! A cell reads v = (x, h): its inputs, filled up to an even number, then its state, filled up too;
//! with a one-hot input v is the state alone. Its sums are requantised to tanh's argument; those of a
//! sigmoid to half of theirs.

use super::block::BlockRef;
use super::fixed::{Number, blend, cell, multiply, sigmoid_of_half, tanh, tanh_of_cell};
use crate::cell::take;
use crate::kernel::integer::{EachUnit, Kernel, OneHot};

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
    match squash {
        Squash::Tanh => K::each_unit::<Tanh, 1>(hidden, [z], &mut [], h),
        Squash::Sigmoid => K::each_unit::<Sigmoid, 1>(hidden, [z], &mut [], h),
    }
}

struct Tanh;

impl EachUnit<1> for Tanh {
    #[inline(always)]
    fn unit<N: Number>([z]: [N; 1], c: N, _: N) -> (N, N) {
        (c, tanh(z))
    }
}

struct Sigmoid;

impl EachUnit<1> for Sigmoid {
    #[inline(always)]
    fn unit<N: Number>([z]: [N; 1], c: N, _: N) -> (N, N) {
        (c, sigmoid_of_half(z))
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
    K::each_unit::<Lstm, 4>(hidden, [i, f, g, o], c, h);
}

struct Lstm;

impl EachUnit<4> for Lstm {
    #[inline(always)]
    fn unit<N: Number>([i, f, g, o]: [N; 4], c: N, _: N) -> (N, N) {
        let c = cell(sigmoid_of_half(f), c, sigmoid_of_half(i), tanh(g));
        (c, multiply(sigmoid_of_half(o), tanh_of_cell(c)))
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
    K::each_unit::<After, 4>(hidden, [r, z, n, q], &mut [], h);
}

struct After;

impl EachUnit<4> for After {
    #[inline(always)]
    fn unit<N: Number>([r, z, n, q]: [N; 4], c: N, h: N) -> (N, N) {
        let n = tanh(n + q.scale(sigmoid_of_half(r)));
        (c, blend(sigmoid_of_half(z), h, n))
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
    K::each_unit::<ResetBefore, 1>(hidden, [r], &mut [], q);
    K::multiply(candidate, hot, u, n);
    let h = v.get_mut(inputs..).unwrap_or_default();
    K::each_unit::<Before, 2>(hidden, [z, n], &mut [], h);
}

struct ResetBefore;

impl EachUnit<1> for ResetBefore {
    #[inline(always)]
    fn unit<N: Number>([r]: [N; 1], c: N, h: N) -> (N, N) {
        (c, multiply(sigmoid_of_half(r), h))
    }
}

struct Before;

impl EachUnit<2> for Before {
    #[inline(always)]
    fn unit<N: Number>([z, n]: [N; 2], c: N, h: N) -> (N, N) {
        (c, blend(sigmoid_of_half(z), h, tanh(n)))
    }
}
