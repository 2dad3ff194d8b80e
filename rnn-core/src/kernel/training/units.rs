//! Elementwise work on the units of gated cells, a vector of units at a time.

use super::memory::{load, store};
use super::vector::Vector;
use crate::kernel::EachUnit;

/// See [`Arithmetic::each_unit`](crate::kernel::Arithmetic::each_unit).
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn each_unit<V, U, const G: usize, const M: usize, const K: usize>(
    hidden: usize,
    gates: &mut [f32],
    mut written: [&mut [f32]; M],
    read: [&[f32]; K],
) where
    V: Vector,
    U: EachUnit<G, M, K>,
{
    let columns = gates.len() / (G * hidden).max(1);
    let lengths = written.iter().map(|w| w.len()).chain(read.iter().map(|r| r.len()));
    let shortest = lengths.min().unwrap_or(0);
    assert!(shortest >= hidden * columns, "{shortest} numbers of {hidden} x {columns}");
    let gates = gates.as_mut_ptr();
    let written = written.each_mut().map(|w| w.as_mut_ptr());
    let read = read.map(|r| r.as_ptr());
    let whole = hidden - hidden % V::LANES;
    // SAFETY: the caller's; all units lie within what was checked, lanes beyond the last one are
    // masked.
    unsafe {
        let mask = V::first(hidden - whole);
        macro_rules! units {
            ($part:literal, $gate:expr, $at:expr) => {{
                let mut g = [V::splat(0.0); G];
                let mut w = [V::splat(0.0); M];
                let mut r = [V::splat(0.0); K];
                for i in 0..G {
                    [g[i]] = load::<V, 1, $part>(gates.add($gate + i * hidden), mask);
                }
                for i in 0..M {
                    [w[i]] = load::<V, 1, $part>(written[i].add($at), mask);
                }
                for i in 0..K {
                    [r[i]] = load::<V, 1, $part>(read[i].add($at), mask);
                }
                let (g, w) = U::unit(g, w, r);
                for i in 0..G {
                    store::<V, 1, $part>([g[i]], gates.add($gate + i * hidden), mask);
                }
                for i in 0..M {
                    store::<V, 1, $part>([w[i]], written[i].add($at), mask);
                }
            }};
        }
        for column in 0..columns {
            let (gate, at) = (column * G * hidden, column * hidden);
            for unit in (0..whole).step_by(V::LANES) {
                units!(false, gate + unit, at + unit);
            }
            if whole < hidden {
                units!(true, gate + whole, at + whole);
            }
        }
    }
}
