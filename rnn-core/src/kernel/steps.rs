//! Whole steps of the cells with the gates in registers: 16 to 64 units (AVX-512) at a time from the
//! products to h. The equations and the orders are those of the cells' modules.
//!
//! A sum over the inputs is a chain of additions: all gates of the units are summed at once, so that
//! the processor always has another one to add to.
#![allow(unsafe_code)]

use super::Columns;
use super::inference::{Rows, accumulate, activate, load, start, store};
use super::vector::Vector;
use crate::activation::Activation::{Sigmoid, Tanh};
use crate::cell::{copy, take};
use crate::elman::ElmanRef;
use crate::gru::{GruRef, Reset};
use crate::lstm::LstmRef;

/// Runs `$step::<V, N>(arguments, unit, part)` over `$hidden` units: N vectors of them, from `unit`
/// on, of the last vector the part that is given.
macro_rules! over_units {
    ($hidden:expr, $step:ident($($argument:expr),*)) => {{
        let (mut unit, hidden) = (0, $hidden);
        while unit < hidden {
            let left = hidden - unit;
            let part = if left < V::LANES { Some(V::mask(left)) } else { None };
            unit += V::LANES * match left / V::LANES {
                4.. => { $step::<V, 4>($($argument,)* unit, None); 4 }
                2.. => { $step::<V, 2>($($argument,)* unit, None); 2 }
                1 => { $step::<V, 1>($($argument,)* unit, None); 1 }
                _ => { $step::<V, 1>($($argument,)* unit, part); 1 }
            };
        }
    }};
}

/// # Safety
/// As for [`Vector`]; so for all that follow.
#[inline(always)]
pub(super) unsafe fn elman<V: Vector>(
    cell: ElmanRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let (x, _) = x.split(cell.inputs, 1);
    let h = take(&mut memory, cell.hidden);
    assert!(memory.len() >= h.len() && h.len() == cell.hidden);
    unsafe { over_units!(cell.hidden, elman_units(cell, x, &*h, &mut *memory)) }
    copy(memory, h);
}

#[inline(always)]
unsafe fn elman_units<V: Vector, const N: usize>(
    cell: ElmanRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    next: &mut [f32],
    unit: usize,
    part: Option<V::Mask>,
) {
    let ElmanRef { hidden, activation, w_xh, w_hh, b, .. } = cell;
    unsafe {
        let mut z = [start::<V, N>(b, unit, part)];
        accumulate(&mut z, [Rows { w: w_xh, of: hidden, from: unit }], x, part);
        let h = Columns::Values(h);
        accumulate(&mut z, [Rows { w: w_hh, of: hidden, from: unit }], h, part);
        let [mut h] = z;
        for h in &mut h {
            *h = activate(activation, *h);
        }
        store(h, next.as_mut_ptr().add(unit), part);
    }
}

/// See [`elman`].
#[inline(always)]
pub(super) unsafe fn gru<V: Vector>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let hidden = cell.hidden;
    let (x, _) = x.split(cell.inputs, 1);
    let (h, q, next) =
        (take(&mut memory, hidden), take(&mut memory, hidden), take(&mut memory, hidden));
    assert!(next.len() == hidden);
    unsafe {
        if cell.reset == Reset::Before {
            over_units!(hidden, gru_reset(cell, x, &*h, &mut *q));
        }
        over_units!(hidden, gru_units(cell, x, &*h, &*q, &mut *next));
    }
    copy(next, h);
}

/// q = r * h
#[inline(always)]
unsafe fn gru_reset<V: Vector, const N: usize>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    q: &mut [f32],
    unit: usize,
    part: Option<V::Mask>,
) {
    let GruRef { hidden, w_xg, w_hg, b_g, .. } = cell;
    unsafe {
        let mut r = [start::<V, N>(b_g, unit, part)];
        accumulate(&mut r, [Rows { w: w_xg, of: 2 * hidden, from: unit }], x, part);
        let state = Columns::Values(h);
        accumulate(&mut r, [Rows { w: w_hg, of: 2 * hidden, from: unit }], state, part);
        let [r] = r;
        let mut h: [V; N] = load(h.as_ptr().add(unit), part);
        for (h, r) in h.iter_mut().zip(r) {
            *h = activate(Sigmoid, r).mul(*h);
        }
        store(h, q.as_mut_ptr().add(unit), part);
    }
}

#[inline(always)]
unsafe fn gru_units<V: Vector, const N: usize>(
    cell: GruRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    q: &[f32],
    next: &mut [f32],
    unit: usize,
    part: Option<V::Mask>,
) {
    let GruRef { hidden, w_xg, w_hg, b_g, w_xn, w_hn, b_n, b_hn, .. } = cell;
    let state = Columns::Values(h);
    unsafe {
        let of = 2 * hidden;
        let mut g = [start::<V, N>(b_g, unit, part), start(b_g, hidden + unit, part)];
        let [r_x, z_x] = [unit, hidden + unit].map(|from| Rows { w: w_xg, of, from });
        let [r_h, z_h] = [unit, hidden + unit].map(|from| Rows { w: w_hg, of, from });
        let mut n = [start::<V, N>(b_n, unit, part)];
        accumulate(&mut n, [Rows { w: w_xn, of: hidden, from: unit }], x, part);
        accumulate(&mut g, [r_x, z_x], x, part);
        let n_h = Rows { w: w_hn, of: hidden, from: unit };
        let mut z;
        match cell.reset {
            Reset::After => {
                let mut r_z_q = [g[0], g[1], start(b_hn, unit, part)];
                accumulate(&mut r_z_q, [r_h, z_h, n_h], state, part);
                let [r, _, q] = r_z_q;
                for ((n, r), q) in n[0].iter_mut().zip(r).zip(q) {
                    *n = n.add(activate(Sigmoid, r).mul(q));
                }
                z = r_z_q[1];
            }
            Reset::Before => {
                let mut only = [g[1]];
                accumulate(&mut only, [z_h], state, part);
                accumulate(&mut n, [n_h], Columns::Values(q), part);
                [z] = only;
            }
        }
        for z in &mut z {
            *z = activate(Sigmoid, *z);
        }
        let [mut n] = n;
        for n in &mut n {
            *n = activate(Tanh, *n);
        }
        let mut h: [V; N] = load(h.as_ptr().add(unit), part);
        for ((h, z), n) in h.iter_mut().zip(z).zip(n) {
            *h = n.add(z.mul(h.sub(n)));
        }
        store(h, next.as_mut_ptr().add(unit), part);
    }
}

/// See [`elman`].
#[inline(always)]
pub(super) unsafe fn lstm<V: Vector>(
    cell: LstmRef<'_, f32>,
    x: Columns<'_, f32>,
    mut memory: &mut [f32],
) {
    let hidden = cell.hidden;
    let (x, _) = x.split(cell.inputs, 1);
    let (h, c, next) =
        (take(&mut memory, hidden), take(&mut memory, hidden), take(&mut memory, hidden));
    assert!(next.len() == hidden);
    unsafe { over_units!(hidden, lstm_units(cell, x, &*h, &mut *c, &mut *next)) }
    copy(next, h);
}

#[inline(always)]
unsafe fn lstm_units<V: Vector, const N: usize>(
    cell: LstmRef<'_, f32>,
    x: Columns<'_, f32>,
    h: &[f32],
    c: &mut [f32],
    next: &mut [f32],
    unit: usize,
    part: Option<V::Mask>,
) {
    let LstmRef { hidden, w_x, w_h, b, .. } = cell;
    let state = Columns::Values(h);
    unsafe {
        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
        let mut gates = [i, f, g, o].map(|_| [V::splat(0.0); N]);
        for (gate, from) in gates.iter_mut().zip([i, f, g, o]) {
            *gate = start(b, from, part);
        }
        let of = 4 * hidden;
        accumulate(&mut gates, [i, f, g, o].map(|from| Rows { w: w_x, of, from }), x, part);
        accumulate(&mut gates, [i, f, g, o].map(|from| Rows { w: w_h, of, from }), state, part);
        let [i, f, g, o] = gates;
        let at = c.as_mut_ptr().add(unit);
        let mut c: [V; N] = load(at, part);
        for (((c, i), g), f) in c.iter_mut().zip(i).zip(g).zip(f) {
            let i_g = activate(Sigmoid, i).mul(activate(Tanh, g));
            *c = activate(Sigmoid, f).mul(*c).add(i_g);
        }
        store(c, at, part);
        for c in &mut c {
            *c = activate(Tanh, *c);
        }
        let mut h = c;
        for (h, o) in h.iter_mut().zip(o) {
            *h = h.mul(activate(Sigmoid, o));
        }
        store(h, next.as_mut_ptr().add(unit), part);
    }
}
