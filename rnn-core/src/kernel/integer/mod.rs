//! The seam of the integer cells: sums. All forms give the same bits, for sums of integers
//! don't care for their order.

#[cfg(all(arm_fpu, arm_dsp, not(arm_helium)))]
mod dsp;
#[cfg(arm_helium)]
mod helium;
mod portable;
#[cfg(all(test, feature = "std", target_arch = "x86_64"))]
mod tests;
#[cfg(arm_thumb)]
mod thumb;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86;

pub use portable::Portable;

use crate::quant::block::{BlockRef, Layout};
use crate::quant::fixed::Number;

/// A one-hot input in place of the wide columns' part of v: its symbol, and the number that stands
/// for 1.
pub type OneHot = Option<(u16, i16)>;

/// Sums in the form of a machine; every form gives the same bits.
pub trait Kernel {
    /// out = requantised(bias + W v): `v` holds a value per column of the block; with a one-hot input
    /// only those of the narrow ones. `out` has room for every padded row.
    fn multiply(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]);

    /// U on each of so many units: on its G gates, its number of `c` where there is one for each, and
    /// its number of `h`.
    #[inline(always)]
    fn each_unit<U: EachUnit<G>, const G: usize>(
        units: usize,
        gates: [&[i32]; G],
        c: &mut [i32],
        h: &mut [i16],
    ) {
        portable::each_unit::<U, G>(0..units, gates, c, h);
    }
}

/// Sums from weights that lie for another machine: right, and slow.
#[cfg(any(
    arm_helium,
    all(arm_fpu, arm_dsp),
    arm_thumb,
    all(feature = "std", target_arch = "x86_64")
))]
#[inline(never)]
fn elsewhere(block: &BlockRef<'_>, hot: OneHot, v: &[i16], out: &mut [i32]) {
    Portable::multiply(block, hot, v, out);
}

/// [`BlockRef::start`].
#[cfg(any(arm_helium, all(arm_fpu, arm_dsp), arm_thumb))]
#[inline(never)]
fn start(block: &BlockRef<'_>, hot: OneHot, out: &mut [i32]) {
    block.start(hot, out);
}

/// What becomes of a unit.
pub trait EachUnit<const G: usize> {
    /// The new c and h. `#[inline(always)]`, without closures: compiled as part of what calls it.
    fn unit<N: Number>(gates: [N; G], c: N, h: N) -> (N, N);
}

/// Something to be computed in the fastest form.
pub trait IntegerWork {
    /// What comes out.
    type Output;
    /// Whether the kernels become a part of it: worth it where they see sizes then.
    const INLINED: bool = false;
    /// Computes it, once. (By reference: see [`Work`](super::Work).)
    fn run<K: Kernel>(&mut self) -> Self::Output;
}

/// Runs `work` in the fastest form that there is here.
#[inline(always)]
pub fn run<W: IntegerWork>(work: &mut W) -> W::Output {
    #[cfg(arm_helium)]
    return work.run::<helium::Helium>();
    #[cfg(all(arm_fpu, arm_dsp, not(arm_helium)))]
    return work.run::<dsp::Dsp>();
    #[cfg(arm_thumb)]
    return work.run::<thumb::Thumb>();
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return x86::run(work);
    #[cfg(not(any(
        arm_helium,
        all(arm_fpu, arm_dsp),
        arm_thumb,
        all(feature = "std", target_arch = "x86_64")
    )))]
    work.run::<Portable>()
}

/// The layout that the fastest form of this build reads.
pub const LAYOUT: Layout = if cfg!(all(arm_fpu, arm_dsp, not(arm_helium))) {
    Layout::Pairs
} else if cfg!(all(target_arch = "x86_64", feature = "std")) {
    Layout::Panels
} else {
    Layout::Rows
};

/// The name of the form that runs on weights of this layout: "portable" too where they lie for another
/// machine.
pub fn form(layout: Layout) -> &'static str {
    #[cfg(arm_helium)]
    if let Layout::Rows = layout {
        return "helium";
    }
    #[cfg(all(arm_fpu, arm_dsp, not(arm_helium)))]
    if let Layout::Pairs = layout {
        return "arm dsp";
    }
    #[cfg(arm_thumb)]
    if let Layout::Rows = layout {
        return "thumb";
    }
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Layout::Panels = layout {
        return x86::form();
    }
    let _ = layout;
    "portable"
}
