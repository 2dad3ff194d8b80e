//! The most that the machine can do: independent fused multiply-adds in registers.

use super::vector::Vector;

/// Registers that are added to: enough for two units of a latency of 5.
const CHAINS: usize = 12;

/// Makes `rounds` rounds; returns how many operations that were, a multiply-add being two.
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn rounds<V: Vector>(rounds: u64) -> u64 {
    // SAFETY: the caller's; `sink` has room for a vector.
    unsafe {
        let mut acc = [V::splat(1.0); CHAINS];
        let (a, b) = (V::splat(core::hint::black_box(0.5)), V::splat(core::hint::black_box(0.25)));
        for _ in 0..rounds {
            for acc in &mut acc {
                *acc = acc.fused(a, b);
            }
        }
        let mut sink = [0.0f32; 16];
        for acc in acc {
            acc.store(sink.as_mut_ptr());
            core::hint::black_box(&sink);
        }
        rounds * (2 * CHAINS * V::LANES) as u64
    }
}
