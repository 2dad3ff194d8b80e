//! The seam of the integer cells: sums and tanh. All forms give the same bits, for sums of integers
//! don't care for their order.

mod portable;

pub use portable::Portable;

use crate::quant::block::BlockRef;
use crate::quant::fixed;

/// Sums in the form of a machine; every form gives the same bits.
pub trait Kernel {
    /// out = requantised(out + W v): `v` holds a value per column of the block; where it holds only
    /// those of the narrow ones, the wide ones are left out. `out` holds the starts, a number for
    /// every padded row.
    fn multiply(block: &BlockRef<'_>, v: &[i16], out: &mut [i32]);

    /// z = tanh z, from 2^-17 to 2^-15; see [`tanh`](fixed::tanh).
    #[inline(always)]
    fn tanh(z: &mut [i32]) {
        z.iter_mut().for_each(|z| *z = fixed::tanh(*z).into());
    }
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
    work.run::<Portable>()
}

/// The name of that form.
pub fn form() -> &'static str {
    "portable"
}
