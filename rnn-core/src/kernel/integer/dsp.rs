//! Cortex-M4F, M7 and M33: SMLAD and SMLALD, two products each.
#![allow(unsafe_code)]

mod pass;

use core::ptr;

use super::{Kernel, OneHot, elsewhere, start};
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
        let started = hot.is_some();
        match (block.layout, block.narrow) {
            (Layout::Pairs, Narrow::Pairs(_) | Narrow::Halves(_)) => {
                if started {
                    start(block, hot, out);
                }
                match block.narrow {
                    Narrow::Pairs(_) => multiply::<{ ROWS / 2 }>(block, started, v, out),
                    _ => multiply::<ROWS>(block, started, v, out),
                }
            }
            _ => elsewhere(block, hot, v, out),
        }
    }
}

/// For narrow weights that take so many words per tile and pair of columns; where `out` is started, `v`
/// holds the values of the narrow columns alone. Inlined: of the checks of sizes that the compiler knows
/// no code is left.
#[inline(always)]
fn multiply<const WORDS: usize>(
    block: &BlockRef<'_>,
    mut started: bool,
    v: &[i16],
    out: &mut [i32],
) {
    let (Narrow::Pairs(w) | Narrow::Halves(w)) = block.narrow else { return };
    let (rows, columns) = (out.len(), block.narrow_columns);
    let wide = if started { 0 } else { block.wide_columns };
    let requantised = block.multipliers.len() == rows;
    let fits = rows > 0
        && rows % ROWS == 0
        && block.bias.len() == rows
        && (requantised || block.multipliers.is_empty())
        && block.wide.len() == rows * block.wide_columns
        && w.len() * ROWS == rows * columns * WORDS
        && v.len() == wide + columns
        && (wide | columns) % 2 == 0
        && v.as_ptr().cast::<u32>().is_aligned();
    debug_assert!(fits, "a block has the sizes that its network counts");
    if !fits {
        return;
    }
    let x: *const u32 = v.as_ptr().cast();
    let from = out.as_ptr().addr();
    let from_out = |tensor: &[i32]| tensor.as_ptr().addr().wrapping_sub(from);
    let mut pass = Pass {
        w: w.as_ptr().cast(),
        x: x.wrapping_add(wide / 2),
        pairs: columns / 2,
        out: out.as_mut_ptr(),
        out_end: out.as_mut_ptr_range().end,
        multipliers: if requantised { from_out(block.multipliers) } else { 0 },
        skip: 0,
        starts: 0,
        wide: ptr::null(),
        wide_x: 0,
    };
    // One pair of wide columns is taken along, more go first.
    if wide == 2 {
        pass.wide = block.wide.as_ptr().cast();
        // SAFETY: the sizes and the alignment were checked.
        pass.wide_x = unsafe { x.read() };
    } else if wide > 2 {
        let (w, bias) = (block.wide.as_ptr().cast(), block.bias.as_ptr());
        let start = Start { w, x, bias, out: pass.out, out_end: pass.out_end, x_end: pass.x };
        // SAFETY: the sizes and the alignment were checked.
        unsafe { pass::start(&start) };
        started = true;
    }
    if !started {
        pass.starts = from_out(block.bias);
    }
    // SAFETY: the sizes and the alignment were checked.
    unsafe {
        if pass.pairs > MOST_PAIRS {
            in_parts::<WORDS>(&mut pass);
        } else {
            run::<WORDS>(&pass);
        }
    }
    #[cfg(broken_lane)]
    out.swap(0, 1);
}

/// A pass over more than [`MOST_PAIRS`], in parts: only the last requantises.
///
/// # Safety
/// All that the pass names is there.
#[inline(never)]
unsafe fn in_parts<const WORDS: usize>(whole: &mut Pass) {
    let (w, pairs, multipliers) = (whole.w, whole.pairs, whole.multipliers);
    let part = whole;
    part.multipliers = 0;
    let mut done = 0;
    while done < pairs {
        part.pairs = (pairs - done).min(MOST_PAIRS);
        let skipped = WORDS * (pairs - part.pairs);
        part.w = w.wrapping_add(WORDS * done).wrapping_sub(skipped);
        part.skip = 4 * skipped;
        done += part.pairs;
        if done == pairs {
            part.multipliers = multipliers;
        }
        // SAFETY: as for the function.
        unsafe { run::<WORDS>(part) };
        part.x = part.x.wrapping_add(part.pairs);
        part.starts = 0;
        part.wide = ptr::null();
    }
}

/// # Safety
/// All that the pass names is there.
#[inline(always)]
unsafe fn run<const WORDS: usize>(pass: &Pass) {
    // SAFETY: as for the function.
    unsafe { if WORDS == ROWS { pass::halves(pass) } else { pass::bytes(pass) } }
}
