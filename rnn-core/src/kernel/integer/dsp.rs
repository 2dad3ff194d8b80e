//! Cortex-M4F, M7 and M33: SMLAD and SMLALD, two products each.
#![allow(unsafe_code)]

mod pass;

use core::ptr;

use super::{Kernel, OneHot, Portable};
use crate::quant::block::{BlockRef, Layout, Narrow};
use pass::{MOST_PAIRS, Pass, Start};

/// For [`Layout::Pairs`]; what lies otherwise is left to [`Portable`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Dsp;

/// Rows of a tile.
const ROWS: usize = Layout::Pairs.rows();

impl Kernel for Dsp {
    #[inline(always)]
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
        match (block.layout, block.narrow) {
            (Layout::Pairs, Narrow::Pairs(w)) => multiply::<{ ROWS / 2 }>(block, w, hot, v, out),
            (Layout::Pairs, Narrow::Halves(w)) => multiply::<ROWS>(block, w, hot, v, out),
            _ => portable(block, hot, v, out),
        }
    }
}

/// For layouts of other machines: right, and slow.
#[inline(never)]
fn portable(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
    Portable::multiply(block, hot, v, out);
}

/// For narrow weights that take so many words per tile.
#[inline(never)]
fn multiply<const WORDS: usize>(
    block: &BlockRef<'_>,
    narrow: &[i16],
    hot: OneHot,
    v: &[i16],
    out: &mut [i32],
) {
    let (wide, x) = block.split(v);
    let [wide, x] = [wide, x].map(|v| bytemuck::try_cast_slice::<i16, u32>(v).unwrap_or_default());
    let tiles = out.len() / ROWS;
    let fits = tiles > 0
        && out.len() % ROWS == 0
        && [block.bias.len(), block.multipliers.len()] == [out.len(); 2]
        && [wide.len(), x.len()]
            == [if hot.is_none() { block.wide_columns / 2 } else { 0 }, block.narrow_columns / 2]
        && block.wide.len() == out.len() * block.wide_columns
        && narrow.len() == 2 * tiles * WORDS * x.len();
    debug_assert!(fits, "a block has the sizes that its network counts");
    if !fits {
        return;
    }
    let out_at = out.as_ptr().addr();
    // One pair of wide columns is taken along, more by themselves; a one-hot input is looked up.
    let wide_x = if let &[x] = wide { x } else { 0 };
    let with_wide = wide.len() == 1;
    let out_end = out.as_mut_ptr_range().end;
    if wide.len() > 1 {
        let (w, bias, x) = (block.wide.as_ptr().cast(), block.bias.as_ptr(), wide.as_ptr_range());
        let start = Start { w, x: x.start, x_end: x.end, bias, out: out.as_mut_ptr(), out_end };
        // SAFETY: the sizes were checked.
        unsafe { pass::start(&start) };
    } else if hot.is_some() {
        block.start(hot, out);
    }
    let started = wide.len() > 1 || hot.is_some();
    let mut done = 0;
    loop {
        let pairs = (x.len() - done).min(MOST_PAIRS);
        let (first, last) = (done == 0, done + pairs == x.len());
        let skip = x.len() - pairs;
        let pass = Pass {
            w: narrow.as_ptr().cast::<u32>().wrapping_add(done * WORDS).wrapping_sub(skip * WORDS),
            x: x.as_ptr().wrapping_add(done),
            pairs,
            out: out.as_mut_ptr(),
            out_end,
            multipliers: if last {
                block.multipliers.as_ptr().addr().wrapping_sub(out_at)
            } else {
                0
            },
            skip: 4 * WORDS * skip,
            starts: if first && !started {
                block.bias.as_ptr().addr().wrapping_sub(out_at)
            } else {
                0
            },
            wide: if first && with_wide { block.wide.as_ptr().cast() } else { ptr::null() },
            wide_x,
        };
        // SAFETY: the sizes were checked.
        unsafe { if WORDS == ROWS { pass::halves(&pass) } else { pass::bytes(&pass) } };
        done += pairs;
        if last {
            break;
        }
    }
}
