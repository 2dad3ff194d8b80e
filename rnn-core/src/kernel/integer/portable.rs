//! Plain loops: the truth.
#![allow(unsafe_code)]

use core::ops::Range;

use super::{EachUnit, Kernel, OneHot};
use crate::quant::block::{BlockRef, Layout, Narrow, unpaired};
use crate::quant::fixed::multiply_high;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Kernel for Portable {
    #[inline(always)]
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        let (wide, narrow) = block.split(v);
        block.start(hot, out);
        let r = block.layout.rows();
        if !wide.is_empty() {
            add(r, block.wide, wide, out);
        }
        if !narrow.is_empty() {
            match block.narrow {
                Narrow::Bytes(w) => add(r, w, narrow, out),
                Narrow::Quads(words) => add_quads(block.quads(words).1, narrow, out),
                Narrow::Halves(w) => add(r, w, narrow, out),
                Narrow::Pairs(w) => add_pairs(w, narrow, out),
            }
        }
        requantise(block.multipliers, out);
    }
}

/// out = (out m + 2^31) >> 32
#[inline(always)]
pub(super) fn requantise(multipliers: &[i32], out: &mut [i32]) {
    out.iter_mut().zip(multipliers).for_each(|(out, &m)| *out = multiply_high(*out, m));
}

/// out += W x, W in tiles of r rows.
#[inline(always)]
fn add<W: Copy + Into<i32>>(r: usize, w: &[W], x: &[i16], out: &mut [i32]) {
    let (x, _) = x.as_chunks::<2>();
    let (mut w, _) = w.as_chunks::<2>();
    if r == 1 {
        for out in out {
            let row;
            (row, w) = w.split_at_checked(x.len()).unwrap_or_default();
            for (&[w_0, w_1], &[x_0, x_1]) in row.iter().zip(x) {
                *out += w_0.into() * i32::from(x_0) + w_1.into() * i32::from(x_1);
            }
        }
        return;
    }
    for out in out.chunks_exact_mut(r.max(1)) {
        for &[x_0, x_1] in x {
            let tile;
            (tile, w) = w.split_at_checked(r).unwrap_or_default();
            for (out, &[w_0, w_1]) in out.iter_mut().zip(tile) {
                *out += w_0.into() * i32::from(x_0) + w_1.into() * i32::from(x_1);
            }
        }
    }
}

/// The same for 8-bit weights in panels.
#[inline(always)]
fn add_quads(mut w: &[i8], x: &[i16], out: &mut [i32]) {
    for out in out.as_chunks_mut::<{ Layout::Panels.rows() }>().0 {
        for x in x.chunks(4) {
            let tile;
            (tile, w) = w.split_at_checked(out.len() * x.len()).unwrap_or_default();
            for (out, w) in out.iter_mut().zip(tile.chunks(x.len().max(1))) {
                *out += w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum::<i32>();
            }
        }
    }
}

/// The same for 8-bit weights in pairs.
#[inline(always)]
fn add_pairs(w: &[i16], x: &[i16], out: &mut [i32]) {
    const ROWS: usize = Layout::Pairs.rows();
    let (x, _) = x.as_chunks::<2>();
    let (mut tiles, _) = w.as_chunks::<ROWS>();
    for out in out.as_chunks_mut::<ROWS>().0 {
        let tile;
        (tile, tiles) = tiles.split_at_checked(x.len()).unwrap_or_default();
        for (pairs, &[x_0, x_1]) in tile.iter().zip(x) {
            let (x_0, x_1) = (i32::from(x_0), i32::from(x_1));
            for ([out_a, out_b], pair) in out.as_chunks_mut().0.iter_mut().zip(pairs.as_chunks().0)
            {
                let [[a_0, b_0], [a_1, b_1]] = pair.map(unpaired);
                *out_a += a_0 * x_0 + a_1 * x_1;
                *out_b += b_0 * x_0 + b_1 * x_1;
            }
        }
    }
}

/// [`Kernel::each_unit`] for some of the units.
#[inline(always)]
pub(super) fn each_unit<U: EachUnit<G>, const G: usize>(
    units: Range<usize>,
    gates: [&[i32]; G],
    c: &mut [i32],
    h: &mut [i16],
) {
    let with_c = !c.is_empty();
    let fits = gates.iter().all(|gate| units.end <= gate.len())
        && units.end <= h.len()
        && (!with_c || units.end <= c.len());
    if !fits {
        return;
    }
    for k in units {
        // SAFETY: k is below all lengths.
        unsafe {
            let of_unit = of_unit(gates, k);
            let old = if with_c { *c.get_unchecked(k) } else { 0 };
            let (new, h_new) = U::unit(of_unit, old, i32::from(*h.get_unchecked(k)));
            if with_c {
                *c.get_unchecked_mut(k) = new;
            }
            *h.get_unchecked_mut(k) = h_new as i16;
        }
    }
}

/// Number k of each gate, of which there are at most four. Compiled for size, a loop would stay one.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn of_unit<const G: usize>(gates: [&[i32]; G], k: usize) -> [i32; G] {
    macro_rules! take {
        ($($i:literal)*) => {
            // SAFETY: as for the function.
            [$(match gates.get($i) {
                Some(gate) => unsafe { *gate.get_unchecked(k) },
                None => 0,
            }),*]
        };
    }
    let all: [i32; 4] = take!(0 1 2 3);
    all.first_chunk().copied().unwrap_or([0; G])
}
