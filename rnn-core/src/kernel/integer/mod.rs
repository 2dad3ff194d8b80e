//! The seam of the integer cells: sums. All forms give the same bits, for sums of integers
//! don't care for their order.

#[cfg(all(arm_fpu, arm_dsp))]
mod dsp;
mod portable;

pub use portable::Portable;

use crate::quant::block::{BlockRef, Layout};

/// A one-hot input in place of the wide columns' part of v: its symbol, and the number that stands
/// for 1.
pub type OneHot = Option<(u16, i16)>;

/// Sums in the form of a machine; every form gives the same bits.
pub trait Kernel {
    /// out = requantised(bias + W v): `v` holds a value per column of the block; with a one-hot input
    /// only those of the narrow ones. `out` has room for every padded row.
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]);
}

/// Something to be computed in the fastest form.
pub trait IntegerWork {
    /// What comes out.
    type Output;
    /// Computes it.
    fn run<K: Kernel>(self) -> Self::Output;
}

/// Runs `work` in the fastest form that there is here.
#[inline(always)]
pub fn run<W: IntegerWork>(work: W) -> W::Output {
    #[cfg(all(arm_fpu, arm_dsp))]
    return work.run::<dsp::Dsp>();
    #[cfg(not(all(arm_fpu, arm_dsp)))]
    work.run::<Portable>()
}

/// The layout that the fastest form of this build reads.
pub const LAYOUT: Layout = if cfg!(all(arm_fpu, arm_dsp)) {
    Layout::Pairs
} else if cfg!(all(target_arch = "x86_64", feature = "std")) {
    Layout::Panels
} else {
    Layout::Rows
};

/// The name of that form.
pub fn form() -> &'static str {
    "portable"
}
