//! Whole steps of the cells with the gates in registers: 16 to 64 units (AVX-512) at a time from the
//! products to h. The equations and the orders are those of the cells' modules.
//!
//! A sum over the inputs is a chain of additions, so all gates are summed at once: the processor always
//! has another one to add to, and the weights are read column after column.
#![allow(unsafe_code)]

use super::Columns;
use super::blocks::{Lanewise, Rows, accumulate, load, start, store};
use super::vector::Vector;
use crate::activation::Activation::{Sigmoid, Tanh};
use crate::cell::{copy, take};
use crate::elman::ElmanRef;
use crate::gru::{GruRef, Reset};
use crate::lstm::LstmRef;

/// Stores `$step::<K, V, N>(arguments, unit, part)` for `$hidden` units: N vectors of them, from `unit`
/// on, of the last vector the part that is given. The last call's go to `$last`: nobody reads there any
/// more; those of the others, so many units, to `$next`.
macro_rules! over_units {
    ($hidden:expr, $last:expr, $next:expr, $step:ident($($argument:expr),*)) => {{
        let (mut unit, hidden) = (0, $hidden);
        macro_rules! some {
            ($n:literal, $part:expr) => {{
                let units = $step::<K, V, $n>($($argument,)* unit, $part);
                let last = unit + $n * V::LANES >= hidden;
                let to = if last { $last.as_mut_ptr() } else { $next.as_mut_ptr() };
                store(units, to.add(unit), $part);
                if last {
                    break unit;
                }
                unit += $n * V::LANES;
            }};
        }
        loop {
            let left = hidden - unit;
            match left / V::LANES {
                4.. => some!(4, None),
                2.. => some!(2, None),
                1 => some!(1, None),
                _ if left > 0 => some!(1, Some(V::mask(left))),
                _ => break 0,
            }
        }
    }};
}

/// # Safety
/// As for [`Vector`]; so for all that follow.
#[inline(always)]
pub(super) unsafe fn elman<K: Lanewise<V>, V: Vector>(
    cell: ElmanRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let (x, _) = x.split(cell.inputs, 1);
    let h = take(&mut memory, cell.hidden);
    assert!(memory.len() >= h.len() && h.len() == cell.hidden);
    let before = unsafe { over_units!(cell.hidden, h, memory, elman_units(cell, x, &*h)) };
    copy(memory.split_at(before).0, h);
}

#[inline(always)]
unsafe fn elman_units<K: Lanewise<V>, V: Vector, const N: usize>(
    cell: ElmanRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    unit: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    let ElmanRef { hidden, activation, w_xh, w_hh, b, .. } = cell;
    unsafe {
        let mut z = [start::<V, N>(b, unit, part)];
        accumulate::<K, _, _, _>(&mut z, [Rows { w: w_xh, of: hidden, from: unit }], x, part);
        let h = Columns::Values(h);
        accumulate::<K, _, _, _>(&mut z, [Rows { w: w_hh, of: hidden, from: unit }], h, part);
        let [z] = z;
        K::sigma(activation, z)
    }
}

/// See [`elman`].
#[inline(always)]
pub(super) unsafe fn gru<K: Lanewise<V>, V: Vector>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let hidden = cell.hidden;
    let (x, _) = x.split(cell.inputs, 1);
    let (h, q, next) =
        (take(&mut memory, hidden), take(&mut memory, hidden), take(&mut memory, hidden));
    assert!(next.len() == hidden);
    let before = unsafe {
        if cell.reset == Reset::Before {
            over_units!(hidden, q, q, gru_reset(cell, x, &*h));
        }
        over_units!(hidden, h, next, gru_units(cell, x, &*h, &*q))
    };
    copy(next.split_at(before).0, h);
}

/// q = r * h
#[inline(always)]
unsafe fn gru_reset<K: Lanewise<V>, V: Vector, const N: usize>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    unit: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    let GruRef { hidden, w_xg, w_hg, b_g, .. } = cell;
    unsafe {
        let mut r = [start::<V, N>(b_g, unit, part)];
        accumulate::<K, _, _, _>(&mut r, [Rows { w: w_xg, of: 2 * hidden, from: unit }], x, part);
        let state = Columns::Values(h);
        accumulate::<K, _, _, _>(
            &mut r,
            [Rows { w: w_hg, of: 2 * hidden, from: unit }],
            state,
            part,
        );
        let [r] = r;
        let mut h: [V; N] = load(h.as_ptr().add(unit), part);
        for (h, r) in h.iter_mut().zip(K::sigma(Sigmoid, r)) {
            *h = r.mul(*h);
        }
        h
    }
}

#[inline(always)]
unsafe fn gru_units<K: Lanewise<V>, V: Vector, const N: usize>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    q: &[f32],
    unit: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    let GruRef { hidden, w_xg, w_hg, b_g, w_xn, w_hn, b_n, b_hn, .. } = cell;
    let state = Columns::Values(h);
    unsafe {
        let gate = |w, from| Rows { w, of: 2 * hidden, from };
        let candidate = |w| Rows { w, of: hidden, from: unit };
        let mut sums = [
            start::<V, N>(b_g, unit, part),
            start(b_g, hidden + unit, part),
            start(b_n, unit, part),
        ];
        let of_x = [gate(w_xg, unit), gate(w_xg, hidden + unit), candidate(w_xn)];
        accumulate::<K, _, _, _>(&mut sums, of_x, x, part);
        let [r, mut z, mut n] = sums;
        match cell.reset {
            Reset::After => {
                let mut sums = [r, start(b_hn, unit, part), z];
                let of_h = [gate(w_hg, unit), candidate(w_hn), gate(w_hg, hidden + unit)];
                accumulate::<K, _, _, _>(&mut sums, of_h, state, part);
                let (r, q);
                [r, q, z] = sums;
                for ((n, r), q) in n.iter_mut().zip(K::sigma(Sigmoid, r)).zip(q) {
                    *n = n.add(r.mul(q));
                }
            }
            Reset::Before => {
                let mut sum = [z];
                accumulate::<K, _, _, _>(&mut sum, [gate(w_hg, hidden + unit)], state, part);
                [z] = sum;
                let mut sum = [n];
                accumulate::<K, _, _, _>(&mut sum, [candidate(w_hn)], Columns::Values(q), part);
                [n] = sum;
            }
        }
        let (z, n) = (K::sigma(Sigmoid, z), K::sigma(Tanh, n));
        let mut h: [V; N] = load(h.as_ptr().add(unit), part);
        for ((h, z), n) in h.iter_mut().zip(z).zip(n) {
            *h = n.add(z.mul(h.sub(n)));
        }
        h
    }
}

/// See [`elman`].
#[inline(always)]
pub(super) unsafe fn lstm<K: Lanewise<V>, V: Vector>(
    cell: LstmRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let hidden = cell.hidden;
    let (x, _) = x.split(cell.inputs, 1);
    let (h, c, next) =
        (take(&mut memory, hidden), take(&mut memory, hidden), take(&mut memory, hidden));
    assert!(next.len() == hidden);
    let before = unsafe { over_units!(hidden, h, next, lstm_units(cell, x, &*h, &mut *c)) };
    copy(next.split_at(before).0, h);
}

#[inline(always)]
unsafe fn lstm_units<K: Lanewise<V>, V: Vector, const N: usize>(
    cell: LstmRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    c: &mut [f32],
    unit: usize,
    part: Option<V::Mask>,
) -> [V; N] {
    let LstmRef { hidden, w_x, w_h, b, .. } = cell;
    unsafe {
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
        let mut gates = [i, f, g, o].map(|_| [V::splat(0.0); N]);
        for (gate, from) in gates.iter_mut().zip([i, f, g, o]) {
            *gate = start(b, from, part);
        }
        let of = 4 * hidden;
        accumulate::<K, _, _, _>(
            &mut gates,
            [i, f, g, o].map(|from| Rows { w: w_x, of, from }),
            x,
            part,
        );
        // Where there are no registers for all gates, the one that is used last comes last.
        let at = if 4 * N < V::REGISTERS { h.len() } else { 0 };
        let [first, rest] = [&h[..at], &h[at..]].map(Columns::Values);
        let rows = [i, f, g, o].map(|from| Rows { w: w_h, of, from });
        accumulate::<K, _, _, _>(&mut gates, rows, first, part);
        let [i, f, g, last] = gates;
        let [rows @ .., last_rows] = rows.map(|rows| rows.behind(at));
        let mut i_f_g = [i, f, g];
        accumulate::<K, _, _, _>(&mut i_f_g, rows, rest, part);
        let [i, f, g] = i_f_g;
        let c_at = c.as_mut_ptr().add(unit);
        let mut c: [V; N] = load(c_at, part);
        let (i, g, f) = (K::sigma(Sigmoid, i), K::sigma(Tanh, g), K::sigma(Sigmoid, f));
        for (((c, i), g), f) in c.iter_mut().zip(i).zip(g).zip(f) {
            *c = f.mul(*c).add(i.mul(g));
        }
        store(c, c_at, part);
        let mut only = [last];
        accumulate::<K, _, _, _>(&mut only, [last_rows], rest, part);
        let [o] = only;
        let mut h = K::sigma(Tanh, c);
        for (h, o) in h.iter_mut().zip(K::sigma(Sigmoid, o)) {
            *h = h.mul(o);
        }
        h
    }
}
