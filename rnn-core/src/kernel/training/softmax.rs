//! Softmax of some columns, a vector of outputs at a time: the operations of `approx::exp` and of
//! `loss`, in their order.

use super::loss::COLUMNS;
use super::memory::{load, store};
use super::vector::Vector;
use crate::activation::approx;
use crate::kernel::{PARTIALS, fold};

/// See [`loss::softmax`](super::loss::softmax).
///
/// # Safety
/// The processor has V's instructions.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) unsafe fn softmax<V: Vector>(
    o: &mut [f32],
    outputs: usize,
    scale: f32,
) -> [(f32, f32); COLUMNS] {
    let columns = (o.len() / outputs).min(COLUMNS);
    let whole = outputs - outputs % V::LANES;
    let o = o.as_mut_ptr();
    // SAFETY: the caller's; all vectors lie within `o`, lanes beyond a column's end are masked.
    unsafe {
        let rest = V::first(outputs - whole);
        // The columns' ends come last: a store holds up loads of what it masks out, too, which is the
        // next column.
        macro_rules! each_vector {
            ($column:ident, $row:ident, $part:ident => $work:expr) => {
                for $column in 0..columns {
                    for $row in (0..whole).step_by(V::LANES) {
                        const $part: bool = false;
                        $work
                    }
                }
                if whole < outputs {
                    for $column in 0..columns {
                        const $part: bool = true;
                        let $row = whole;
                        $work
                    }
                }
            };
        }
        let (lowest, zero) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
        let mut max = [lowest; COLUMNS];
        each_vector!(c, row, PART => {
            let [x] = load::<V, 1, PART>(o.add(c * outputs + row), rest);
            max[c] = if PART { x.or(lowest, rest) } else { x }.max(max[c]);
        });
        let max = max.map(|max| max.greatest());
        let mut sums = [[zero; PARTIALS / 8]; COLUMNS];
        each_vector!(c, row, PART => {
            let at = o.add(c * outputs + row);
            let [x] = load::<V, 1, PART>(at, rest);
            let e = exp(x - V::splat(max[c]));
            store::<V, 1, PART>([e], at, rest);
            let sum = &mut sums[c][row % PARTIALS / V::LANES];
            *sum = *sum + if PART { e.or(zero, rest) } else { e };
        });
        let mut results = [(0.0, 0.0); COLUMNS];
        let mut shares = [0.0; COLUMNS];
        for c in 0..COLUMNS {
            let mut partial = [0.0; PARTIALS];
            for (partial, sum) in partial.chunks_exact_mut(V::LANES).zip(sums[c]) {
                sum.store(partial.as_mut_ptr());
            }
            results[c] = (max[c], fold(partial));
            shares[c] = scale / results[c].1;
        }
        each_vector!(c, row, PART => {
            let at = o.add(c * outputs + row);
            let [e] = load::<V, 1, PART>(at, rest);
            store::<V, 1, PART>([e * V::splat(shares[c])], at, rest);
        });
        results
    }
}

/// [`approx::exp`] of numbers up to 88.
///
/// # Safety
/// As above.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn exp<V: Vector>(x: V) -> V {
    use approx::{EXP_ROUND, EXP_SERIES, LN2_HIGH, LN2_LOW};
    // SAFETY: the caller's.
    unsafe {
        let x = x.max(V::splat(-87.0));
        let shifted = x * V::splat(core::f32::consts::LOG2_E) + V::splat(EXP_ROUND);
        let n = shifted - V::splat(EXP_ROUND);
        let r = (x - n * V::splat(LN2_HIGH)) - n * V::splat(LN2_LOW);
        let [series @ .., last] = EXP_SERIES;
        let mut p = V::splat(last);
        for c in series.into_iter().rev() {
            p = V::splat(c) + r * p;
        }
        p * shifted.two_to()
    }
}
