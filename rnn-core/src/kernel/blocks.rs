//! Blocks of outputs in registers: N vectors of rows from the bias through the products.
#![allow(unsafe_code)]

use super::vector::Vector;
use super::{Arithmetic, Columns};
use crate::activation::Activation;

/// An arithmetic on vectors of lanes, with its bits.
pub(super) trait Lanewise<V: Vector>: Arithmetic<f32> {
    /// Whether its own verbs are faster where there are several columns.
    const BATCHED: bool;
    /// The most outputs whose readout takes the interleaved order.
    const INTERLEAVED: usize;

    /// acc + a b, rounded once or twice.
    ///
    /// # Safety
    /// As for [`Vector`]; so for all that follow.
    unsafe fn multiply_add(acc: V, a: V, b: V) -> V;

    /// The same in the lanes of `part`; in the others, where a and b are 0, acc as it is.
    unsafe fn multiply_add_part(acc: V, a: V, b: V, part: V::Mask) -> V;

    /// sigma(z)
    unsafe fn sigma<const N: usize>(activation: Activation, z: [V; N]) -> [V; N];
}

/// Some rows of a matrix, column-major.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// The matrix.
    pub w: &'a [f32],
    /// Its rows.
    pub of: usize,
    /// The first of those that are meant.
    pub from: usize,
}

impl Rows<'_> {
    /// The same rows without the first so many columns.
    #[inline(always)]
    pub(super) fn behind(self, columns: usize) -> Self {
        Rows { w: self.w.get(columns * self.of..).unwrap_or_default(), ..self }
    }
}

/// acc += W x for N vectors of rows of each of G matrices, of the last vector the part that is given.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant lie in the matrices.
#[inline(always)]
pub(super) unsafe fn accumulate<K: Lanewise<V>, V: Vector, const N: usize, const G: usize>(
    acc: &mut [[V; N]; G],
    rows: [Rows<'_>; G],
    x: Columns<'_, f32>,
    part: Option<V::Mask>,
) {
    let mut sums = *acc;
    match x {
        Columns::Values(x) => {
            let mut columns = x.len();
            for Rows { w, of, .. } in rows {
                // Not a minimum: a division takes longer than a column.
                if w.len() < columns * of {
                    columns = w.len() / of;
                }
            }
            for (j, &x) in x.split_at(columns).0.iter().enumerate() {
                unsafe {
                    let x = V::splat(x);
                    for (acc, Rows { w, of, from }) in sums.iter_mut().zip(rows) {
                        let w: [V; N] = load(w.as_ptr().add(j * of + from), part);
                        for (acc, w) in acc.iter_mut().zip(w) {
                            *acc = K::multiply_add(*acc, w, x);
                        }
                    }
                }
            }
        }
        Columns::Symbols(symbols) => {
            for &symbol in symbols {
                let column = usize::from(symbol);
                if rows.iter().any(|Rows { w, of, .. }| w.len() < (column + 1) * of) {
                    continue;
                }
                for (acc, Rows { w, of, from }) in sums.iter_mut().zip(rows) {
                    unsafe {
                        let w = w.as_ptr().add(column * of + from);
                        let w: [V; N] = load(w, part);
                        for (acc, w) in acc.iter_mut().zip(w) {
                            *acc = acc.add(w);
                        }
                    }
                }
            }
        }
    }
    *acc = sums;
}

/// N values of a bias from row `from` on; an empty one counts as zeros.
///
/// # Safety
/// As for [`Vector`]; the rows that are meant lie in a bias that isn't empty.
#[inline(always)]
pub(super) unsafe fn start<V: Vector, const N: usize>(
    bias: &[f32],
    from: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    unsafe {
        if bias.is_empty() { [V::splat(0.0); N] } else { load(bias.as_ptr().add(from), part) }
    }
}

/// N vectors, of the last one the part that is given.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn load<V: Vector, const N: usize>(
    from: *const f32,
    part: Option<V::Mask>,
) -> [V; N] {
    unsafe {
        let mut vectors = [V::splat(0.0); N];
        for (i, vector) in vectors.iter_mut().enumerate() {
            let from = from.add(i * V::LANES);
            *vector = match part {
                Some(mask) if i + 1 == N => V::load_part(from, mask),
                _ => V::load(from),
            };
        }
        vectors
    }
}

/// Stores N vectors, of the last one the part that is given.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(super) unsafe fn store<V: Vector, const N: usize>(
    vectors: [V; N],
    to: *mut f32,
    part: Option<V::Mask>,
) {
    unsafe {
        for (i, vector) in vectors.into_iter().enumerate() {
            let to = to.add(i * V::LANES);
            match part {
                Some(mask) if i + 1 == N => vector.store_part(to, mask),
                _ => vector.store(to),
            }
        }
    }
}
